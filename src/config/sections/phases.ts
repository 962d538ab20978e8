import type { output } from 'zod'
import type { PhaseSettings } from '../config.ts'
import { seconds } from '../shapes.ts'
import { z } from '../zod.ts'

/** The limits of the phases, wherever they may be written: router_settings, litellm_params. */
export const PHASE_KEYS = {
  connect_timeout: seconds.optional(),
  header_timeout: seconds.optional(),
  first_token_timeout: seconds.optional(),
  idle_timeout: seconds.optional(),
  attempt_timeout: seconds.optional(),
} as const

const PHASES = z.object(PHASE_KEYS)

/** 0 says that the phase has no limit of its own. */
const limit = (ms: number | undefined): number | undefined => (ms === 0 ? Number.POSITIVE_INFINITY : ms)

export const readPhases = (own: output<typeof PHASES>): PhaseSettings => ({
  connectMs: limit(own.connect_timeout),
  headersMs: limit(own.header_timeout),
  firstTokenMs: limit(own.first_token_timeout),
  idleMs: limit(own.idle_timeout),
  attemptMs: limit(own.attempt_timeout),
})

/** Nothing is written: what holds is LiteLLM's. */
export const NO_PHASES: PhaseSettings = readPhases({})

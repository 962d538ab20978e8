import type { Deployment } from '../config/config.ts'
import { objectOf, textOf } from '../dialects/read-json.ts'
import type { ClientBody } from '../read/body.ts'
import { peekAt } from '../read/parse.ts'
import type { Patience } from '../shared/patience.ts'
import type { Json } from '../wire/json.ts'

/**
 * How long a stream may take to its first content when nobody has said it and another group stands by. A hung provider
 * costs the caller these seconds instead of the whole timeout; a model that is only slow must not lose its calls, so
 * the limit grows with the prompt, is never less than three times what this deployment has been seen to need, and does
 * not hold at all where thinking was asked for or declared.
 */
const LEAST_MS = 12_000
/** Prompts this large may take a second longer: what slow hardware reads in a second. */
const BYTES_PER_SECOND = 16 * 1024

/** Milliseconds from the start of an attempt to its first content; undefined: no limit. */
export const patienceMs = (patience: Patience, promptBytes: number): number | undefined =>
  patience.limitMs(LEAST_MS + Math.ceil((promptBytes / BYTES_PER_SECOND) * 1000))

/** Parameters that ask a model to think before it speaks, or to work in the background. */
const THINKING = ['reasoning_effort', 'reasoning', 'thinking', 'background'] as const
const IDLE_WORDS: ReadonlySet<string> = new Set(['none', 'minimal', 'disabled'])

const asksToThink = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === false) return false
  const word = textOf(value) ?? textOf(objectOf(value)?.effort) ?? textOf(objectOf(value)?.type)
  return word === undefined || !IDLE_WORDS.has(word)
}

/** The call may rightly be silent for long: the request asks for thinking, or the deployment says that it thinks. */
export const mayThink = (body: ClientBody, deployment: Deployment): boolean => {
  if (deployment.info.supportsReasoning) return true
  const peek = peekAt(body)
  return THINKING.some(
    key =>
      asksToThink(peek(key)) ||
      asksToThink(deployment.defaults[key]) ||
      asksToThink(deployment.extraBody[key]),
  )
}

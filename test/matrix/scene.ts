import type { Config } from '../../src/config/config.ts'
import type { ClientRequest } from '../support/requests.ts'
import type { Fault, Meaning } from './faults/fault.ts'
import type { Case, Direct } from './judge/case.ts'
import { goesOn } from './judge/way.ts'
import type { Expected } from './oracle.ts'
import type { Row } from './rows.ts'
import { type Script, single } from './script.ts'
import type { Phase, Seen } from './seen.ts'
import { FOREIGN, playersFor, type Target } from './targets.ts'

/** One call to play: who is there, what they do, and when the client goes. */
export type Plan = {
  readonly target: Target
  readonly request: ClientRequest
  readonly scriptFor: (attempt: Attempt) => Script
  readonly leaves: Leaving | undefined
}

/** At which attempt a client leaves, counted from 0, and when. */
export type Leaving = {
  readonly attempt: number
  readonly phase: Phase
  /** By then the beginning of the answer is the client's. */
  readonly begun: boolean
}

export type Attempt = {
  readonly id: string
  /** How many attempts of its call came before. */
  readonly place: number
  readonly body: Buffer
  /** Since the run began. */
  readonly ms: number
}

/** A row, what is known of its undisturbed answers, and the gateway that plays it. */
export type Scene = {
  readonly row: Row
  readonly request: ClientRequest
  readonly direct: ReadonlyMap<string, Direct>
  readonly configs: Readonly<Record<Target, Config>>
  readonly play: (plan: Plan) => Promise<Seen>
  /** Calls one after the other; undefined: this staging has no time for it. */
  readonly playSeries?: (plan: Plan, rhythm: Rhythm) => Promise<readonly Seen[]>
}

export type Rhythm = { readonly calls: number; readonly everyMs: number }

/** What a cell shows. served: by the target. left: the client's leaving ended everything. */
export type Mark = 'served' | 'passed' | 'error' | 'broken' | 'continued' | 'left'

export type Result =
  | { readonly kind: 'proven'; readonly mark: Mark }
  | { readonly kind: 'reason'; readonly why: string }
  | { readonly kind: 'red'; readonly complaints: readonly string[] }

/** What was seen with a client that stays, and what should have been: where others leave depends on it. */
export type Stayed = {
  readonly result: Result
  readonly meaning: Meaning
  readonly expected: Expected | undefined
}

const isStruck = (
  { flap }: Fault,
  target: Target,
  { id, place, ms, first }: Attempt & { readonly first: string },
): boolean => {
  if (flap !== undefined && ms >= flap.downMs) return false
  if (target === 'none') return true
  return target === 'again' && flap === undefined ? place === 0 : id === first
}

const WILL_NOT_GO_ON = single(
  400,
  { 'content-type': 'application/json' },
  JSON.stringify({
    error: {
      message: 'The last message may not be from the assistant.',
      type: 'invalid_request_error',
      param: 'messages',
      code: null,
    },
  }),
)

const written = new WeakMap<Script, Map<Fault, Script>>()

/** What a provider with this healthy answer does when it is struck: written once, played many times. */
export const struckScript = (row: Row, fault: Fault, healthy: Script): Script => {
  const known = written.get(healthy) ?? new Map<Fault, Script>()
  written.set(healthy, known)
  const script = known.get(fault) ?? fault.script(row, healthy)
  known.set(fault, script)
  return script
}

/** Every provider's part: the fault where it strikes, a healthy answer elsewhere. */
export const partsFor = (scene: Scene, fault: Fault, target: Target): Plan['scriptFor'] => {
  let first: string | undefined
  return attempt => {
    const healthy = scene.direct.get(attempt.id)?.healthy
    if (healthy === undefined) throw new Error(`nobody knows the part of ${attempt.id}`)
    first ??= attempt.id
    if (isStruck(fault, target, { ...attempt, first })) return struckScript(scene.row, fault, healthy)
    return fault.refusesPrefill === true && goesOn(attempt.body) ? WILL_NOT_GO_ON : healthy
  }
}

/** The answer is made by the gateway: there is nobody whose part could be seen. */
export const COUNTED = 'a provider that counts no prompts is not asked: the gateway counts'

/** Why this row has no such target; undefined: it has. */
export const unreachable = ({ row, direct }: Scene, target: Target): string | undefined => {
  if (target === 'again' || target === 'none') return undefined
  if (row.route.crossing === 'never') return row.route.because
  const foreign = target === 'dialect' ? direct.get(FOREIGN) : undefined
  if (foreign === undefined || foreign.request !== undefined) return undefined
  if (foreign.reply.status === 200) return COUNTED
  const { error } = JSON.parse(foreign.reply.body.toString()) as { error: { message: string } }
  // The provider's own sentence, as far as it is the same for every endpoint.
  return /Exception - (.*?)(?:, not |No fallback|$)/.exec(error.message)?.[1] ?? error.message
}

export const caseOf = (
  scene: Scene,
  of: { readonly fault: Fault; readonly target: Target; readonly meaning: Meaning; readonly seen: Seen },
): Case => {
  const { row, direct } = scene
  if (of.meaning.kind === 'cannot') throw new Error('there is nothing to judge')
  const healthy = direct.get('lead-1')?.healthy
  if (healthy === undefined) throw new Error('the first deployment has no part')
  const groupOf = new Map(playersFor(of.target, row).map(({ id, group }) => [id, group]))
  const script = struckScript(row, of.fault, healthy)
  return { ...of, meaning: of.meaning, row, script, direct, groupOf }
}

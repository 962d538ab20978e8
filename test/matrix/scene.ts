import type { Config } from '../../src/config/config.ts'
import type { ClientRequest } from '../support/requests.ts'
import { cannot, type Fault, fails, type Meaning, passes } from './faults/fault.ts'
import type { Case, Direct } from './judge/case.ts'
import { goesOn } from './judge/way.ts'
import type { Expected, Situation } from './oracle.ts'
import type { Row } from './rows.ts'
import { type Script, single } from './script.ts'
import type { Phase, Seen } from './seen.ts'
import { FIRST, FOREIGN, playersFor, refusalOf, type Target } from './targets.ts'

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

/**
 * What a cell shows. served: by the target. refused: by whoever cannot carry the call, and nothing was sent. left: the
 * client's leaving ended everything.
 */
export type Mark = 'served' | 'estimated' | 'passed' | 'error' | 'refused' | 'broken' | 'continued' | 'left'

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

type Part = Pick<Scene, 'direct'>

/** Whoever is asked second is struck like the first: here he alone would meet the fault. */
const REFUSED = passes('the first provider is not asked: he refuses the call')

/** The first provider of a crossing cannot carry the call. */
const isRefused = ({ row }: Pick<Scene, 'row'>): boolean =>
  playersFor('none', row).some(player => player.id === FIRST && refusalOf(row, player) !== undefined)

/** What a fault is to the first one that would meet it. */
export const firstMeaning = (scene: Part & { readonly row: Row }, fault: Fault): Meaning => {
  if (!isRefused(scene)) return meaningFor(scene, fault, FIRST)
  if (fault.flap !== undefined) return cannot('a refusal does not come and go')
  const meaning = meaningFor(scene, fault, FOREIGN)
  return meaning.kind === 'fails' ? meaning : REFUSED
}

const healthyOf = ({ direct }: Part, id: string): { readonly asked: Row; readonly healthy: Script } => {
  const found = direct.get(id)
  if (found?.healthy === undefined) throw new Error(`nobody knows the part of ${id}`)
  return { asked: found.asked, healthy: found.healthy }
}

/** What a provider does when it is struck: written once for each healthy answer, played many times. */
export const struckScript = (scene: Part, fault: Fault, id: string): Script => {
  const { asked, healthy } = healthyOf(scene, id)
  const known = written.get(healthy) ?? new Map<Fault, Script>()
  written.set(healthy, known)
  const script = known.get(fault) ?? fault.script(asked, healthy)
  known.set(fault, script)
  return script
}

/** Statuses of classes that break an answer, when the client has nothing of it. */
const HELD: Readonly<Record<string, number>> = { timeout_idle: 408, timeout_attempt: 408, overloaded: 503 }
const HELD_BROKEN = 500
const LIMITS = ['timeout_headers', 'timeout_first_token']

/** What an answer that is passed on as a whole makes of a break in its middle. */
const held = (meaning: Meaning): Meaning => {
  if (meaning.kind !== 'fails' || !meaning.begun) return meaning
  const [first = ''] = meaning.classes
  const classes = HELD[first] === 408 ? [...meaning.classes, ...LIMITS] : meaning.classes
  return fails(classes, HELD[first] ?? HELD_BROKEN)
}

/** What a fault is to the answer of one deployment. */
export const meaningFor = (
  { row, direct }: Part & { readonly row: Row },
  fault: Fault,
  id: string,
): Meaning => {
  const found = direct.get(id)
  if (found === undefined) return fault.meaning(row)
  if (found.request === undefined) return cannot(notAsked(found))
  const meaning = fault.meaning(found.asked)
  if (found.asked.held !== true) return meaning
  // A document that is to become a stream is waited for like one.
  const asEvents = row.kind === 'events' && found.asked.kind === 'document'
  return asEvents && meaning.kind === 'fails' && meaning.classes.includes('timeout_attempt')
    ? { ...meaning, classes: [...meaning.classes, 'timeout_idle'] }
    : held(meaning)
}

/** Whoever stands in may speak a dialect in which there is no such fault. */
const canStrike = (scene: Scene, fault: Fault, id: string): boolean => {
  if (scene.row.pair === undefined) return true
  const { kind } = meaningFor(scene, fault, id)
  return isRefused(scene) ? kind === 'fails' : kind !== 'cannot'
}

/** The part of a provider whom nobody asks. */
const UNSENT = single(500, {}, '')

/** Every provider's part: the fault where it strikes, a healthy answer elsewhere. */
export const partsFor = (scene: Scene, fault: Fault, target: Target): Plan['scriptFor'] => {
  let first = scene.row.pair === undefined ? undefined : FIRST
  return attempt => {
    if (scene.direct.get(attempt.id)?.healthy === undefined) return UNSENT
    const { healthy } = healthyOf(scene, attempt.id)
    first ??= attempt.id
    const struck = isStruck(fault, target, { ...attempt, first }) && canStrike(scene, fault, attempt.id)
    if (struck) return struckScript(scene, fault, attempt.id)
    return fault.refusesPrefill === true && goesOn(attempt.body) ? WILL_NOT_GO_ON : healthy
  }
}

/** The answer is made by the gateway: there is nobody whose part could be seen. */
export const COUNTED = 'a provider that counts no prompts is not asked: the gateway counts'

/** Why this row has no such target; undefined: it has. */
export const unreachable = ({ row, direct }: Scene, target: Target): string | undefined => {
  if (row.pair !== undefined) return unreachablePair(direct.get(FOREIGN), target)
  if (target === 'again' || target === 'none') return undefined
  if (row.route.crossing === 'never') return row.route.because
  const foreign = target === 'dialect' ? direct.get(FOREIGN) : undefined
  return foreign === undefined || foreign.request !== undefined ? undefined : notAsked(foreign)
}

/** Why a direct request reaches nobody. */
const notAsked = ({ reply }: Direct): string => {
  if (reply.status === 200) return COUNTED
  const { error } = JSON.parse(reply.body.toString()) as { error: { message: string } }
  // The provider's own sentence, as far as it is the same for every endpoint.
  return /Exception - (.*?)(?:, not |No fallback|$)/.exec(error.message)?.[1] ?? error.message
}

/** The gateway that counts in a provider's place stands in for another one, and has nothing that could fail. */
const unreachablePair = (foreign: Direct | undefined, target: Target): string | undefined => {
  if (foreign === undefined || foreign.request !== undefined) return undefined
  // Whoever refuses is asked in vain, and that is to be seen.
  if (foreign.reply.status !== 200) return undefined
  const why = notAsked(foreign)
  return why === COUNTED && target !== 'none' ? undefined : why
}

/** What is known before anything is played. */
export const situationOf = (scene: Scene, fault: Fault, target: Target): Situation => {
  const { row, direct, configs } = scene
  const backup = row.pair === undefined ? undefined : direct.get(FOREIGN)
  const refuses = playersFor(target, row)
    .filter(player => refusalOf(row, player) !== undefined)
    .map(({ group }) => group)
  return {
    row,
    target,
    config: configs[target],
    spoken: target !== 'dialect' || unreachable(scene, target) === undefined,
    refuses,
    ...(backup === undefined
      ? {}
      : {
          backup: {
            meaning: meaningFor(scene, fault, FOREIGN),
            counts: backup.request === undefined && backup.reply.status === 200,
          },
        }),
  }
}

export const caseOf = (
  scene: Scene,
  of: { readonly fault: Fault; readonly target: Target; readonly meaning: Meaning; readonly seen: Seen },
): Case => {
  const { row, direct } = scene
  if (of.meaning.kind === 'cannot') throw new Error('there is nothing to judge')
  const groupOf = new Map(playersFor(of.target, row).map(({ id, group }) => [id, group]))
  const script = isRefused(scene) ? UNSENT : struckScript(scene, of.fault, FIRST)
  const known = (id: string): Meaning => meaningFor(scene, of.fault, id)
  const refusals = new Map(
    playersFor(of.target, row).flatMap(player => {
      const word = refusalOf(row, player)
      return word === undefined ? [] : [[player.id, word]]
    }),
  )
  return { ...of, meaning: of.meaning, meaningFor: known, row, script, direct, groupOf, refusals }
}

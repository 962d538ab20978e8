import type { Config } from '../../src/config/config.ts'
import { type FailureClass, VERDICTS, type Verdict } from '../../src/failure.ts'
import type { Meaning } from './faults/fault.ts'
import type { Row } from './rows.ts'
import {
  FOREIGN,
  LEAD,
  type ListName,
  listed,
  mayCross,
  playersFor,
  retriesOf,
  type Target,
} from './targets.ts'

/**
 * What must come to pass, from the table of verdicts, the row's rule about crossing and the public settings. It knows
 * nothing of how the engine does it.
 */
export type Expected = {
  /** The groups of the attempts, in order. */
  readonly asked: readonly string[]
  /** Groups that had their turn and cannot carry the call: nothing was sent. */
  readonly refused?: readonly string[]
  /** The gateway answers in place of the last group, which is not asked. */
  readonly local?: true
  readonly end:
    | { readonly kind: 'served'; readonly group: string }
    | { readonly kind: 'passed' }
    | { readonly kind: 'error'; readonly status: number }
    /** All have failed, and the gateway has an answer of its own, in the name of the first group. */
    | { readonly kind: 'estimated' }
    /** The beginning stands; the stream ends with its error, or another one finishes it where that is allowed. */
    | { readonly kind: 'broken'; readonly mayContinue: boolean }
}

/** The verdicts as they are when the matrix is loaded. */
const verdicts: Readonly<Record<string, Verdict>> = structuredClone(VERDICTS)

/** A name that this engine has. */
export const isFailureClass = (name: string): name is FailureClass => Object.hasOwn(verdicts, name)

export const verdictOf = (failure: string): Verdict | undefined => verdicts[failure]

/** What follows a stream that breaks after its first content: a setting, where this engine has it. */
export const recoveryOf = (config: Config): string => {
  const { streamRecovery = 'off' } = config.router as { readonly streamRecovery?: string }
  return streamRecovery
}

export type Situation = {
  readonly row: Row
  readonly target: Target
  readonly config: Config
  /** The other dialect has this endpoint. */
  readonly spoken: boolean
  /** Groups that cannot carry the call, by design. */
  readonly refuses: readonly string[]
  /** Of a crossing: what the fault is to the provider that stands in, and whether the gateway counts in its place. */
  readonly backup?: { readonly meaning: Meaning; readonly counts: boolean }
}

/** In a group: how many deployments, how many of them besides the first say that they hold a long prompt, how often one retries. */
type Room = { readonly size: number; readonly larger: number; readonly retries: number }

/** Attempts in a group that all fail. */
const attemptsIn = ({ size, larger, retries }: Room, { retry }: Verdict): number => {
  if (retry === 'never') return 1
  if (retry === 'any') return 1 + retries
  return Math.min(retry === 'larger' ? 1 + larger : size, 1 + retries)
}

/** Inside the first group: how many attempts, and whether the last one is answered. */
const inside = ({ row, target }: Situation, verdict: Verdict): { attempts: number; served: boolean } => {
  const owned = row.route.crossing === 'never'
  const leads = playersFor(target, row).filter(({ group }) => group === LEAD)
  const size = owned ? 1 : leads.length
  const larger = owned ? 0 : leads.filter(({ window }) => window !== undefined).length
  const attempts = attemptsIn({ size, larger, retries: retriesOf(target, row) }, verdict)
  const healthy = target === 'again' || (target === 'sibling' && size > 1)
  return { attempts, served: healthy && attempts > 1 }
}

const isList = (name: Verdict['fallback']): name is ListName => name !== 'none'

/** Other groups that are asked, in order. */
const elsewhere = ({ row, target, spoken }: Situation, { fallback }: Verdict): readonly string[] => {
  if (!isList(fallback) || (target === 'dialect' && !spoken)) return []
  const players = playersFor(target, row)
  return listed(target, fallback, row).filter(group =>
    players.some(player => player.group === group && mayCross(row, player)),
  )
}

const afterFailure = (situation: Situation, verdict: Verdict, status: number): Expected => {
  const { attempts, served } = inside(situation, verdict)
  const first = Array.from({ length: attempts }, () => LEAD)
  if (served) return { asked: first, end: { kind: 'served', group: LEAD } }
  const groups = elsewhere(situation, verdict)
  const [next] = groups
  if (next !== undefined && situation.target !== 'none')
    return { asked: [...first, next], end: { kind: 'served', group: next } }
  const retries = retriesOf(situation.target, situation.row)
  const more = groups.flatMap(group =>
    Array.from({ length: attemptsIn({ size: 1, larger: 0, retries }, verdict) }, () => group),
  )
  return { asked: [...first, ...more], end: { kind: 'error', status } }
}

/**
 * Whoever lacks the endpoint of a compaction may have the other wire: asking by it is a retry like any other. An ordinary
 * call of /responses has no such way.
 */
const verdictFor = ({ route }: Row, failure: FailureClass): Verdict | undefined => {
  const verdict = verdicts[failure]
  const hasOtherWay = failure === 'unsupported' && route.compacts === 'endpoint'
  return hasOtherWay && verdict !== undefined ? { ...verdict, retry: 'any' } : verdict
}

/** A call that nobody could be asked for. */
const UNSUPPORTED = 400

type Pair = Situation & { readonly backup: NonNullable<Situation['backup']> }

/** What becomes of a call that was taken to the one that stands in. */
const secondly = ({ target, config, backup }: Pair, status: number): Expected['end'] => {
  const { meaning } = backup
  if (target !== 'none' || meaning.kind !== 'fails') return { kind: 'served', group: FOREIGN }
  if (meaning.begun) return { kind: 'broken', mayContinue: recoveryOf(config) !== 'off' }
  // Of two failures the first is told.
  return { kind: 'error', status }
}

/** The first one cannot carry the call: that is nobody's failure, and the next is asked at once. */
const afterRefusal = (pair: Pair): Expected => {
  if (pair.refuses.includes(FOREIGN))
    return { asked: [], refused: [LEAD, FOREIGN], end: { kind: 'error', status: UNSUPPORTED } }
  return { asked: [FOREIGN], refused: [LEAD], end: secondly(pair, UNSUPPORTED) }
}

type Failed = { readonly verdict: Verdict; readonly status: number }

/** From the one provider to the other: the second may be struck in its own way. */
const afterCrossing = (pair: Pair, { verdict, status }: Failed): Expected => {
  const error = { kind: 'error', status } as const
  if (!isList(verdict.fallback) || !pair.spoken) return { asked: [LEAD], end: error }
  if (pair.refuses.includes(FOREIGN)) return { asked: [LEAD], refused: [FOREIGN], end: error }
  if (pair.backup.counts) return { asked: [LEAD], local: true, end: { kind: 'served', group: FOREIGN } }
  return { asked: [LEAD, FOREIGN], end: secondly(pair, status) }
}

/** Endpoints whose answer may be a guess. */
export const isCount = ({ route }: Row): boolean => route.shape.endsWith('_tokens')

/** What would be told of the last failure is a count all the same, unless the request itself was blamed. */
const orEstimated = (row: Row, failure: FailureClass, expected: Expected): Expected =>
  isCount(row) &&
  expected.end.kind === 'error' &&
  failure !== 'caller_fault' &&
  verdicts[failure]?.fallback === 'generic'
    ? { ...expected, end: { kind: 'estimated' } }
    : expected

/**
 * `failure` is the class that the engine gave the first attempt; the caller has seen that it is one of those which the
 * fault may be called.
 */
export const expect = (
  situation: Situation,
  meaning: Exclude<Meaning, { kind: 'cannot' }>,
  failure: FailureClass | undefined,
): Expected => {
  const { backup } = situation
  if (backup !== undefined && situation.refuses.includes(LEAD)) return afterRefusal({ ...situation, backup })
  if (meaning.kind === 'passes') return { asked: [LEAD], end: { kind: 'passed' } }
  if (meaning.begun) {
    const mayContinue = recoveryOf(situation.config) !== 'off'
    return { asked: [LEAD], end: { kind: 'broken', mayContinue } }
  }
  const verdict = failure === undefined ? undefined : verdictFor(situation.row, failure)
  if (verdict === undefined) return { asked: [LEAD], end: { kind: 'error', status: meaning.status } }
  const { status } = meaning
  const expected =
    backup === undefined
      ? afterFailure(situation, verdict, status)
      : afterCrossing({ ...situation, backup }, { verdict, status })
  return failure === undefined ? expected : orEstimated(situation.row, failure, expected)
}

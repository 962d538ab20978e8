import type { Fault } from '../../src/stage/faults.ts'
import { type Chance, chanceOf } from '../simulation/chance.ts'

/** Shares in percent. */
export const FAULTY = 20
/** Some of them have their whole answer before they go: about 15 leave in the end. */
export const LEAVING = 18
/** A slow reader takes a large answer in small bites. */
const SLOW = 1

/** When a client goes: with half of its body sent, while it waits, at the head, or at the first bytes of the answer. */
export const PHASES = ['body', 'wait', 'head', 'middle'] as const
export type Phase = (typeof PHASES)[number]

/** One request as it was drawn before anything was sent. */
export type Turn = {
  readonly number: number
  /** Which of the kinds is asked for, as a share of their list. */
  readonly share: number
  readonly leaves: { readonly phase: Phase; readonly afterMs: number } | undefined
  readonly slow: boolean
}

const error = { message: 'The lead is out.', type: 'server_error', param: null, code: null }

const STATUSES: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 502, body: 'bad gateway' },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 529 },
  { kind: 'status', status: 408 },
  { kind: 'status', status: 429, headers: { 'retry-after-ms': '200' } },
]

/** Longer than the gateway's patience, so that what stalls is given up; and then on, for whoever did not give up. */
const STALL_MS = 4_000

const STALLS: readonly Fault[] = (
  ['before-headers', 'before-first-event', 'after-lifecycle', 'mid-stream'] as const
).map(when => ({ kind: 'stall', when, ms: STALL_MS }))

const BREAKS: readonly Fault[] = [
  { kind: 'cut', how: 'fin' },
  { kind: 'cut', how: 'rst', afterContent: 3 },
  { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 },
  { kind: 'cut', how: 'fin', afterContent: 0 },
  { kind: 'reset', when: 'before-headers' },
  { kind: 'reset', when: 'after-headers' },
  { kind: 'reset', when: 'mid-stream', afterContent: 1 },
  { kind: 'wrong-length' },
  { kind: 'bad-status-line' },
  { kind: 'early-response', status: 503 },
]

const NONSENSE: readonly Fault[] = [
  { kind: 'malformed-event', afterContent: 1 },
  { kind: 'error-event', error, afterContent: 0 },
  { kind: 'error-event', error, afterContent: 3 },
  { kind: 'error-in-200', error },
  { kind: 'empty' },
  { kind: 'html' },
  { kind: 'bad-json' },
  { kind: 'no-done' },
]

const faultFrom = (chance: Chance): Fault => {
  const kind = chance.weigh({ statuses: 35, breaks: 30, nonsense: 20, stalls: 15 })
  return chance.pick({ statuses: STATUSES, breaks: BREAKS, nonsense: NONSENSE, stalls: STALLS }[kind])
}

/** What one provider does with each hit, in order. The same seed gives the same list. */
export const faultsOf = (seed: number, count: number): readonly Fault[] => {
  const chance = chanceOf(seed)
  return Array.from({ length: count }, () => (chance.percent(FAULTY) ? faultFrom(chance) : { kind: 'ok' }))
}

/** What the clients do, in order. */
export const turnsOf = (seed: number, count: number): readonly Turn[] => {
  const chance = chanceOf(seed)
  return Array.from({ length: count }, (_, number) => ({
    number,
    share: chance.int(0, 999) / 1000,
    leaves: chance.percent(LEAVING)
      ? { phase: chance.pick(PHASES), afterMs: chance.pick([0, 0, 0, 1, 3, 50]) }
      : undefined,
    slow: chance.percent(SLOW),
  }))
}

import type { State } from '../../src/listen/state.ts'
import { lowsOf, type Point, slopeOf } from './figures.ts'

/** How one request ended for the client that sent it. */
export type Ending =
  /** The whole answer, word for word. */
  | 'whole'
  /** An error in words: a status, or an error in the answer. */
  | 'told'
  /** The connection broke inside the answer: no client takes that for an end. */
  | 'cut'
  /** The client left, as it was meant to. */
  | 'left'
  /** Fewer bytes than there should be, in a format that has no mark of its end: nobody in between can tell. */
  | 'unmarked'
  /** It looked whole and was not. */
  | 'truncated'
  /** The connection ended before anything came. */
  | 'lost'
  /** Nothing, until the client's deadline. */
  | 'hung'

/** One process at one moment. */
export type Sample = {
  /** Milliseconds since the load began; negative before it. */
  readonly at: number
  readonly state: State
  /** Open descriptors. */
  readonly files: number
}

/** All samples of one process, in order. */
export type Series = {
  readonly pid: number
  /** It was there from the beginning to the end: what came or went in between has no baseline. */
  readonly whole: boolean
  /** Idle, before the load. */
  readonly before: readonly Sample[]
  readonly during: readonly Sample[]
  /** Idle again: the last one counts. */
  readonly after: readonly Sample[]
}

export type Run = {
  readonly series: readonly Series[]
  /** Before this moment of the load, in milliseconds, memory is still filling up: it is judged from here on. */
  readonly warmAt: number
  readonly endings: Readonly<Record<Ending, number>>
  /** Requests that were to be sent, and were not because too many were under way. */
  readonly unsent: number
  /** Lines in the request log for each request that was answered: how many have none, how many more than one. */
  readonly log: { readonly missing: number; readonly double: number }
  /** A process was killed on purpose: what it had inside is lost, and its log with it. */
  readonly killed: boolean
  /** What the processes themselves reported as going wrong. */
  readonly complaints: readonly string[]
}

export type Check = {
  readonly name: string
  /** told: measured, and not judged in this run. */
  readonly verdict: 'pass' | 'fail' | 'told'
  readonly found: string
  readonly limit: string
}

/** MB a minute. A leak of 1 KB for each request is 6 at 100 requests a second. */
export const STEEPEST_MB = 4
/** Below this growth over the time that is looked at a slope is noise of the heap. */
export const SMALLEST_GROWTH_MB = 8
/** A shorter time has too few collections of garbage in it to be judged. */
export const SHORTEST_MS = 60_000
/** MB a minute of what lives: it has less noise in it than what is resident. */
export const STEEPEST_LIVE_MB = 2
/** Within so long garbage was collected at least once: the least that was held is what lives. */
export const LIVE_WINDOW_MS = 20_000
/** A file that is rotated, a connection that is just being closed. */
export const SPARE_FILES = 2
export const LONGEST_LAG_MS = 50

const MB = 1024 * 1024
const MINUTE_MS = 60_000

const GAUGES = ['inside', 'inFlight', 'waiting', 'extraAttempts', 'sleeping', 'probes', 'bodyBytes'] as const

const check = (name: string, right: boolean, found: string, limit: string): Check => ({
  name,
  verdict: right ? 'pass' : 'fail',
  found,
  limit,
})

const requests = ({ endings, log, killed, unsent, complaints }: Run): readonly Check[] => {
  const lost = check('no connection ends without a word', endings.lost === 0, `${endings.lost}`, '0')
  const missing = check(
    'every answered request is in the log',
    log.missing === 0,
    `${log.missing} missing`,
    '0',
  )
  const sent = Object.values(endings).reduce((sum, count) => sum + count, 0)
  return [
    check('requests were sent and answered', endings.whole > 0, `${endings.whole} whole of ${sent}`, 'some'),
    check('every request ends in time', endings.hung === 0, `${endings.hung} hung`, '0'),
    check('no cut answer looks whole', endings.truncated === 0, `${endings.truncated}`, '0'),
    killed ? { ...lost, verdict: 'told', limit: 'a process was killed' } : lost,
    killed ? { ...missing, verdict: 'told', limit: 'a process was killed' } : missing,
    check('no request is in the log twice', log.double === 0, `${log.double}`, '0'),
    check('everything due was sent', unsent === 0, `${unsent} unsent`, '0'),
    check('no process complains', complaints.length === 0, complaints[0] ?? 'nothing', 'nothing'),
  ]
}

const gauges = ({ pid, after }: Series): Check => {
  const last = after.at(-1)?.state
  const stuck = GAUGES.filter(name => last?.[name] !== 0).map(name => `${name} ${last?.[name] ?? 'unknown'}`)
  return check(`gauges are zero (${pid})`, stuck.length === 0, stuck.join(', ') || 'all zero', '0')
}

const files = ({ pid, before, after }: Series): Check => {
  const baseline = Math.max(...before.map(sample => sample.files))
  const last = after.at(-1)?.files ?? Number.NaN
  const limit = `${baseline} + ${SPARE_FILES}`
  return check(`descriptors are back (${pid})`, last <= baseline + SPARE_FILES, `${last}`, limit)
}

/** Judges a slope that is looked at from `warmAt` on. */
const levelOf = (
  name: string,
  points: readonly Point[],
  { steepest, smallest }: { readonly steepest: number; readonly smallest: number },
): Check => {
  const minutes = (points.at(-1)?.at ?? 0) - (points.at(0)?.at ?? 0)
  const slope = slopeOf(points)
  const right = slope <= steepest || slope * minutes <= smallest
  const last = points.at(-1)?.value ?? Number.NaN
  const found = `${slope.toFixed(1)} MB a minute, now ${last.toFixed(0)} MB`
  const judged = check(name, right, found, `${steepest} MB a minute`)
  const long = minutes * MINUTE_MS >= SHORTEST_MS - LIVE_WINDOW_MS
  return long ? judged : { ...judged, verdict: 'told', limit: 'too short to judge' }
}

const memory = ({ pid, during }: Series, warmAt: number): readonly Check[] => {
  const warm = during.filter(({ at }) => at >= warmAt)
  const resident = warm.map(({ at, state }) => ({ at: at / MINUTE_MS, value: state.residentBytes / MB }))
  const held = warm.map(({ at, state }) => ({ at, value: (state.heapBytes + state.externalBytes) / MB }))
  const live = lowsOf(held, LIVE_WINDOW_MS).map(({ at, value }) => ({ at: at / MINUTE_MS, value }))
  return [
    levelOf(`memory is level (${pid})`, resident, { steepest: STEEPEST_MB, smallest: SMALLEST_GROWTH_MB }),
    levelOf(`what lives is level (${pid})`, live, {
      steepest: STEEPEST_LIVE_MB,
      smallest: SMALLEST_GROWTH_MB,
    }),
  ]
}

const lag = ({ pid, during }: Series, strict: boolean): Check => {
  const seen = during.at(-1)?.state.lagMs
  const found = seen == null ? 'unknown' : `p99 ${seen.p99.toFixed(1)} ms, longest ${seen.max.toFixed(0)} ms`
  const right = seen != null && seen.p99 < LONGEST_LAG_MS
  const judged = check(`the event loop is on time (${pid})`, right, found, `p99 < ${LONGEST_LAG_MS} ms`)
  return strict || judged.verdict === 'pass' || seen == null ? judged : { ...judged, verdict: 'told' }
}

/** Everything that a soak has to show. `strict`: nothing else runs on the machine, so lag is the gateway's own. */
export const checksOf = (run: Run, { strict }: { readonly strict: boolean }): readonly Check[] => {
  const whole = run.series.filter(one => one.whole)
  const enough = check(
    'there is somebody to look at',
    whole.length > 0,
    `${whole.length} processes`,
    '1 or more',
  )
  return [
    ...requests(run),
    enough,
    ...run.series.filter(one => one.after.length > 0).map(gauges),
    ...whole.flatMap(one => [files(one), ...memory(one, run.warmAt), lag(one, strict)]),
  ]
}

export const failed = (checks: readonly Check[]): boolean => checks.some(({ verdict }) => verdict === 'fail')

import type { Clock } from '../house.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { AttemptEnd } from './leases.ts'
import { createPace, type Pace } from './pace.ts'

/** What one deployment did lately: the minute's use, the outcomes that decide its health, its latencies. */
export type Tally = {
  /** -1: one that was counted is not made. */
  readonly request: (count: 1 | -1) => void
  readonly tokens: (count: number) => void
  readonly outcome: (kind: 'success' | 'failure') => void
  readonly latency: (perToken: number, firstToken: number | undefined) => void
  readonly usage: () => { readonly tokens: number; readonly requests: number }
  readonly outcomes: () => { readonly failures: number; readonly successes: number }
  readonly latencies: () => { readonly perToken: readonly number[]; readonly firstToken: readonly number[] }
  /** Until the first token of a stream, and until the end of a whole answer: two paces that do not compare. */
  readonly pace: (stream: boolean) => Pace
  /** The running window of outcomes ends; the next one begins with the next outcome. */
  readonly endWindow: () => void
  /** Forgets outcomes and latencies; the minute's use stays. */
  readonly forgetOutcomes: () => void
}

/** LiteLLM's routing_strategy_args for latency: seconds to live, and how many samples are kept. */
export type LatencyRules = { readonly ttlMs: number; readonly samples: number }

const MINUTE_MS = 60_000
const OUTCOME_WINDOW_MS = 60_000
/** An operator's number cannot make a list grow without bound. */
const MOST_SAMPLES = 1_000
/** Seconds that one timeout adds to the latency list (LiteLLM lowest_latency). */
export const TIMEOUT_PENALTY_SECONDS = 1000

const positive = (value: Json | undefined, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : otherwise

export const latencyRules = (args: JsonObject): LatencyRules => ({
  ttlMs: positive(args.ttl, 3600) * 1000,
  samples: Math.min(MOST_SAMPLES, Math.ceil(positive(args.max_latency_list_size, 10))),
})

/** Seconds per completion token; the whole duration when the answer has no completion tokens (embeddings). */
export const secondsPerToken = (end: Extract<AttemptEnd, { kind: 'success' }>): number => {
  const seconds = end.totalMs / 1000
  const tokens = end.usage?.outputTokens ?? 0
  return tokens > 0 ? seconds / tokens : seconds
}

/** A full list has its last entry replaced, as LiteLLM does: the oldest samples stay until the list expires. */
const put = (list: number[], value: number, samples: number): void => {
  if (list.length >= samples) list.length = samples - 1
  list.push(value)
}

/** Calendar minutes in UTC, as the usage-based strategies count them. */
const createMinute = (clock: Clock) => {
  let minute = { number: -1, tokens: 0, requests: 0 }
  return () => {
    const number = Math.floor(clock.wall() / MINUTE_MS)
    if (minute.number !== number) minute = { number, tokens: 0, requests: 0 }
    return minute
  }
}

type Latencies = { readonly perToken: number[]; readonly firstToken: number[]; until: number }

const noLatencies = (): Latencies => ({ perToken: [], firstToken: [], until: Number.NEGATIVE_INFINITY })

export const createTally = (clock: Clock, rules: () => LatencyRules): Tally => {
  const thisMinute = createMinute(clock)
  let window = { until: Number.NEGATIVE_INFINITY, failures: 0, successes: 0 }
  let paces = { stream: createPace(clock), whole: createPace(clock) }
  let latencies = noLatencies()

  // Sixty seconds from the first outcome, so that a burst across a minute's edge is seen whole.
  const thisWindow = () => {
    if (window.until <= clock.now())
      window = { until: clock.now() + OUTCOME_WINDOW_MS, failures: 0, successes: 0 }
    return window
  }
  const endWindow = () => {
    window = { ...window, until: Number.NEGATIVE_INFINITY }
  }
  const fresh = () => {
    if (latencies.until <= clock.now()) latencies = noLatencies()
    return latencies
  }

  const latency = (perToken: number, firstToken: number | undefined) => {
    const { samples, ttlMs } = rules()
    const known = fresh()
    put(known.perToken, perToken, samples)
    if (firstToken !== undefined) put(known.firstToken, firstToken, samples)
    known.until = clock.now() + ttlMs
  }

  return {
    request: count => {
      const minute = thisMinute()
      // It may have been counted in the minute before.
      minute.requests = Math.max(0, minute.requests + count)
    },
    tokens: count => {
      thisMinute().tokens += Math.max(0, count)
    },
    outcome: kind => {
      if (kind === 'success') thisWindow().successes += 1
      else thisWindow().failures += 1
    },
    latency,
    usage: () => ({ tokens: thisMinute().tokens, requests: thisMinute().requests }),
    outcomes: () => ({ failures: thisWindow().failures, successes: thisWindow().successes }),
    latencies: fresh,
    pace: stream => (stream ? paces.stream : paces.whole),
    endWindow,
    forgetOutcomes: () => {
      endWindow()
      latencies = noLatencies()
      paces = { stream: createPace(clock), whole: createPace(clock) }
    },
  }
}

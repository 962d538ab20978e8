import * as checks from './checks.ts'
import type { Endpoint } from './endpoint.ts'
import type { ErrorObject, Fault } from './faults.ts'
import type { Ideal } from './verdict.ts'

/** full: the times of the catalogue. fast: those that are waited out, and the gateway's limits, a tenth of them. */
export type Profile = { readonly name: 'full' | 'fast'; readonly factor: number; readonly paceMs: number }

export const FULL: Profile = { name: 'full', factor: 1, paceMs: 15 }
export const FAST: Profile = { name: 'fast', factor: 0.1, paceMs: 2 }

export type Sequence = { readonly count: number; readonly everyMs: number }

export type Scenario = {
  readonly id: string
  /** The catalogue's name of the primary: it tells the fault. */
  readonly model: string
  readonly title: string
  readonly fault: Fault
  readonly ideal: Ideal
  /** A call that has not ended after this is a hang. */
  readonly patienceSeconds: number
  readonly checks: readonly checks.Check[]
  /** The fallback goes on from an assistant message at the end of a request, and is declared to. */
  readonly prefill: boolean
  readonly sequence?: Sequence
  /** Why this endpoint cannot have this fault; undefined where it can. */
  readonly cannot: (endpoint: Endpoint) => string | undefined
}

const rateLimited: ErrorObject = {
  message: 'Too many requests for this model.',
  type: 'rate_limit_error',
  code: 'rate_limit_exceeded',
}
const overloaded: ErrorObject = {
  message: 'The engine has more work than it can do. Please try again later.',
  type: 'server_error',
  code: 'overloaded',
}
const serverError: ErrorObject = {
  message: 'Something broke while the request was processed.',
  type: 'server_error',
  code: null,
}
const tooLong: ErrorObject = {
  message: "This model's maximum context length is 8192 tokens, but the request has 9000 tokens.",
  type: 'invalid_request_error',
  code: 'context_length_exceeded',
}
const refused: ErrorObject = {
  message: 'The request was refused by the safety system.',
  type: 'invalid_request_error',
  code: 'content_policy_violation',
}

/** A row as it is written: what most rows have in common is left out. */
type Row = Pick<Scenario, 'id' | 'model' | 'title' | 'fault' | 'patienceSeconds' | 'checks'> &
  Partial<Scenario>

const row = (given: Row): Scenario => ({
  ideal: 'answer',
  prefill: true,
  cannot: () => undefined,
  ...given,
  checks: [...given.checks, checks.nothingAdded],
})

const once = { attempts: 1 } as const
const always = 'always'

/** Answers with an error before anything else. */
const refusals = (): readonly Scenario[] => [
  row({
    id: 'S01',
    model: 'fb-s01-429-retry-after',
    title: '429 with Retry-After: 2, once',
    fault: { kind: 'status', status: 429, error: rateLimited, retryAfterSeconds: 2, lasts: once },
    patienceSeconds: 20,
    checks: [
      checks.attemptsAtLeast('retried', 2)('advisory'),
      checks.firstGapAtLeast('retry_after_honoured', 1800)('advisory'),
      checks.attemptsWithin('no_hammer', 1500, 2)('required'),
    ],
  }),
  row({
    id: 'S02',
    model: 'fb-s02-429-persistent',
    title: '429 for ever, no Retry-After',
    fault: { kind: 'status', status: 429, error: rateLimited, lasts: always },
    patienceSeconds: 40,
    checks: [
      checks.attemptsWithin('no_hammer', 3000, 4)('required'),
      checks.attemptsAtMost('bounded_attempts', 6)('required'),
      checks.noHang('required'),
    ],
  }),
  row({
    id: 'S03',
    model: 'fb-s03-500-then-200',
    title: '500 once',
    fault: { kind: 'status', status: 500, error: serverError, lasts: once },
    patienceSeconds: 20,
    checks: [checks.noHang('required'), checks.attemptsAtLeast('same_provider_retry', 2)('advisory')],
  }),
  row({
    id: 'S04',
    model: 'fb-s04-503-persistent',
    title: '503 for ever',
    fault: { kind: 'status', status: 503, error: overloaded, lasts: always },
    patienceSeconds: 40,
    checks: [checks.attemptsAtMost('bounded_attempts', 6)('required'), checks.noHang('required')],
  }),
]

/** Connections that fail, and answers that are late. Seconds are the catalogue's, `s` makes them the profile's. */
const silences = (s: (seconds: number) => number): readonly Scenario[] => [
  row({
    id: 'S05',
    model: 'fb-s05-reset',
    title: 'TCP reset before the head, once',
    fault: { kind: 'reset', lasts: once },
    patienceSeconds: 20,
    checks: [checks.noHang('required')],
  }),
  row({
    id: 'S06',
    model: 'fb-s06-no-response',
    title: `no answer for ${s(120)} s`,
    fault: { kind: 'silence', ms: s(120) * 1000 },
    patienceSeconds: s(130),
    checks: [
      checks.secondsAtMost('within_budget', s(100))('required'),
      checks.noHang('required'),
      checks.attemptsAtMost('silent_route_not_retried', 1)('advisory'),
    ],
  }),
  row({
    id: 'S07',
    model: 'fb-s07-slow-ttft',
    title: `head at once, first token after ${s(20)} s`,
    fault: { kind: 'late', ms: s(20) * 1000 },
    patienceSeconds: s(60),
    checks: [checks.noHang('required'), checks.firstTokenWithin('ttft_limit', s(15))('advisory')],
  }),
]

/** Answers that break half-way. */
const broken = (s: (seconds: number) => number): readonly Scenario[] => [
  row({
    id: 'S08',
    model: 'fb-s08-stream-cut',
    title: 'cut after 40 of 60 tokens',
    fault: { kind: 'cut', share: 40 / 60 },
    patienceSeconds: 40,
    checks: [checks.noCutAnswer('no_truncated_success')('required'), checks.noHang('required')],
  }),
  row({
    id: 'S09',
    model: 'fb-s09-stream-stall',
    title: `silent after 20 of 60 tokens, closed ${s(30)} s later`,
    fault: { kind: 'stall', share: 20 / 60, ms: s(30) * 1000 },
    patienceSeconds: Math.max(s(70), 10),
    checks: [
      checks.secondsAtMost('bounded', s(45))('required'),
      checks.noCutAnswer('no_truncated_success')('required'),
      checks.aliveAfter('required'),
      checks.noHang('required'),
    ],
  }),
  row({
    id: 'S10',
    model: 'fb-s10-malformed-chunk',
    title: 'one malformed event after 10 of 60 tokens',
    fault: { kind: 'malformed', share: 10 / 60 },
    patienceSeconds: 30,
    checks: [
      checks.aliveAfter('required'),
      checks.noCutAnswer('no_garbage')('required'),
      checks.noHang('required'),
      checks.complete('recovered_in_place')('advisory'),
    ],
    cannot: ({ script, ask, hear }) =>
      script('', hear(ask('fb').body)).broken === undefined
        ? 'bytes of sound have no form to break'
        : undefined,
  }),
  row({
    id: 'S11',
    model: 'fb-s11-no-done',
    title: 'whole stream without [DONE]',
    fault: { kind: 'no-done' },
    patienceSeconds: 30,
    checks: [
      // A gateway that waits for what never comes waits for its idle limit, which the fast profile shortens too.
      checks.secondsAtMost('prompt_finalise', Math.max(s(8), 2))('required'),
      checks.usagePresent('usage_reported')('advisory'),
    ],
    cannot: ({ noSentinel }) => noSentinel,
  }),
  row({
    id: 'S14',
    model: 'fb-s14-stream-cut',
    title: 'cut after 40 of 60 tokens; the fallback refuses an assistant prefill',
    fault: { kind: 'cut', share: 40 / 60 },
    prefill: false,
    patienceSeconds: 40,
    checks: [checks.noPrefillMasking('required'), checks.noCutAnswer('no_truncated_success')('required')],
    cannot: ({ noPrefill }) => noPrefill,
  }),
]

/** Rejections that no retry mends, and what is told afterwards. */
const endings = (s: (seconds: number) => number): readonly Scenario[] => [
  row({
    id: 'S12',
    model: 'fb-s12-context-length',
    title: '400 context_length_exceeded',
    fault: { kind: 'status', status: 400, error: tooLong, lasts: always },
    patienceSeconds: 20,
    checks: [checks.attemptsExactly('no_same_model_retry', 1)('required'), checks.noHang('required')],
  }),
  row({
    id: 'S13',
    model: 'fb-s13-content-filter',
    title: '400 content_policy_violation',
    fault: { kind: 'status', status: 400, error: refused, lasts: always },
    ideal: 'refusal',
    patienceSeconds: 20,
    checks: [
      checks.attemptsExactly('no_same_model_retry', 1)('required'),
      checks.noHang('required'),
      checks.fallbackUsed('fallback_attempted')('told'),
    ],
  }),
  row({
    id: 'S15',
    model: 'fb-s15-flap',
    title: `503 for ${s(60)} s, then healthy; 20 calls, one every ${s(4)} s`,
    fault: { kind: 'status', status: 503, error: overloaded, lasts: { ms: s(60) * 1000 } },
    patienceSeconds: Math.max(s(30), 10),
    sequence: { count: 20, everyMs: s(4) * 1000 },
    checks: [
      checks.noHang('required'),
      checks.servedWhileDown('required'),
      checks.backWithin(s(30) * 1000)('required'),
      checks.probesAtMostRequests('told'),
    ],
  }),
  row({
    id: 'S16',
    model: 'fb-s16-503-persistent',
    title: '503 for ever; who answered, and what it used',
    fault: { kind: 'status', status: 503, error: overloaded, lasts: always },
    patienceSeconds: 40,
    checks: [
      checks.namesFallback('required'),
      checks.usagePresent('usage_present')('advisory'),
      checks.attemptsAtMost('bounded_attempts', 6)('required'),
    ],
  }),
]

/** The sixteen, in the catalogue's order, with the profile's times. */
export const scenariosOf = ({ factor }: Profile): readonly Scenario[] => {
  const s = (seconds: number): number => Math.round(seconds * factor * 100) / 100
  return [...refusals(), ...silences(s), ...broken(s), ...endings(s)].sort((one, other) =>
    one.id < other.id ? -1 : 1,
  )
}

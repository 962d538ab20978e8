import type { FailureClass } from '../../../src/failure.ts'
import { errorBody } from '../../../src/stage/provider-errors.ts'
import type { JsonObject } from '../../../src/wire/json.ts'
import { single } from '../script.ts'
import { type Fault, fails, isOwned, unlessVerbatim } from './fault.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

type Refused = {
  readonly status: number
  readonly class: FailureClass
  /** Default: what the provider writes for this status. */
  readonly error?: JsonObject
  /** What the client is told where it is not the status itself. */
  readonly shown?: number
  readonly retryAfterSeconds?: number
  /** On an object that one provider keeps a 404 is about that object. */
  readonly aboutObject?: true
}

type Told = Pick<Fault, 'title' | 'bench' | 'flap'>

const refused = (told: Told, of: Refused): Fault => {
  const wait: Record<string, string> =
    of.retryAfterSeconds === undefined ? {} : { 'retry-after': String(of.retryAfterSeconds) }
  return {
    ...told,
    ...(of.retryAfterSeconds === undefined ? {} : { retryAfterMs: of.retryAfterSeconds * 1000 }),
    meaning: unlessVerbatim(row =>
      fails(of.aboutObject === true && isOwned(row) ? 'caller_fault' : of.class, of.shown ?? of.status),
    ),
    script: ({ flavour }) => {
      const body = of.error === undefined ? errorBody(flavour, of.status) : { error: of.error }
      return single(of.status, { ...JSON_TYPE, ...wait }, JSON.stringify(body))
    },
  }
}

const blamed = (message: string, code: string | null): JsonObject => ({
  message,
  type: 'invalid_request_error',
  param: null,
  code,
})

const TOO_LONG = blamed(
  "This model's maximum context length is 8192 tokens, but the request has 9000 tokens.",
  'context_length_exceeded',
)
const UNSAFE = blamed('The request was refused by the safety system.', 'content_policy_violation')
const POOR = blamed('Your credit balance is too low to access the API.', null)
const NO_MONEY: JsonObject = { message: 'Payment required.', type: 'billing', param: null, code: null }
const NO_MODEL = blamed(
  'The model `matrix` does not exist or you do not have access to it.',
  'model_not_found',
)
const NO_ROUTE = blamed('Invalid URL (POST /v1/nowhere)', null)

const DOWN: Refused = { status: 503, class: 'overloaded' }

/** The provider says no, by its status. */
export const REFUSALS: readonly Fault[] = [
  refused({ title: '400' }, { status: 400, class: 'caller_fault' }),
  refused(
    { title: '400 context_length_exceeded', bench: 'S12' },
    { status: 400, class: 'context_window', error: TOO_LONG },
  ),
  refused(
    { title: '400 content_policy_violation', bench: 'S13' },
    { status: 400, class: 'content_policy', error: UNSAFE },
  ),
  refused({ title: '400, and it means money' }, { status: 400, class: 'quota', error: POOR }),
  refused({ title: '401' }, { status: 401, class: 'credential' }),
  refused({ title: '402' }, { status: 402, class: 'quota', error: NO_MONEY }),
  refused({ title: '403' }, { status: 403, class: 'credential' }),
  refused(
    { title: '404, the model is gone' },
    { status: 404, class: 'model_gone', error: NO_MODEL, aboutObject: true },
  ),
  refused(
    { title: '404, no such endpoint' },
    { status: 404, class: 'unsupported', error: NO_ROUTE, aboutObject: true },
  ),
  refused({ title: '408' }, { status: 408, class: 'transient' }),
  refused({ title: '413' }, { status: 413, class: 'caller_fault' }),
  refused(
    { title: '429 with Retry-After: 2', bench: 'S01' },
    { status: 429, class: 'rate_limit', retryAfterSeconds: 2 },
  ),
  refused(
    { title: '429 without Retry-After', bench: 'S02' },
    {
      status: 429,
      class: 'rate_limit',
      error: {
        message: 'Too many requests for this model.',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limit_exceeded',
      },
    },
  ),
  refused({ title: '500', bench: 'S03' }, { status: 500, class: 'transient' }),
  refused({ title: '502' }, { status: 502, class: 'transient' }),
  refused({ title: '503', bench: 'S04, S16' }, DOWN),
  refused(
    {
      title: '503 for a minute, then healthy; a call every twelve seconds',
      bench: 'S15',
      flap: { downMs: 60_000, calls: 8, everyMs: 12_000 },
    },
    DOWN,
  ),
  refused({ title: '504' }, { status: 504, class: 'transient', shown: 408 }),
  refused({ title: '529' }, { status: 529, class: 'overloaded' }),
]

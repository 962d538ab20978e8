import type { FailureClass } from '../../../src/failure.ts'
import type { JsonObject } from '../../../src/wire/json.ts'
import { bedrockException } from '../bedrock-errors.ts'
import { errorBodyOf, type Tongue } from '../kinds.ts'
import { single } from '../script.ts'
import { type Fault, fails, isOwned, unlessVerbatim } from './fault.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

type Refused = {
  readonly status: number
  readonly class: FailureClass
  /** What a provider says in its own words. Default: what it writes for this status. */
  readonly said?: Said
  /** What the client is told where it is not the status itself. */
  readonly shown?: number
  readonly retryAfterSeconds?: number
  /** On an object that one provider keeps a 404 is about that object. */
  readonly aboutObject?: true
}

/** Default: the status of the fault, and what Bedrock calls it. */
type Spoken = { readonly body: JsonObject; readonly status?: number; readonly exception?: string }

/** One refusal in the words of each dialect; where one has none of its own, in OpenAI's. */
type Said = { readonly openai: JsonObject } & Partial<Readonly<Record<Exclude<Tongue, 'openai'>, Spoken>>>

type Told = Pick<Fault, 'title' | 'bench' | 'flap'>

const spoken = ({ status, said }: Refused, flavour: Tongue): Spoken => {
  if (said === undefined) return { body: errorBodyOf(flavour, status) }
  return (flavour === 'openai' ? undefined : said[flavour]) ?? { body: { error: said.openai } }
}

/** Bedrock names its exceptions in a header. */
const named = (flavour: Tongue, exception: string): Record<string, string> =>
  flavour === 'bedrock' ? { 'x-amzn-errortype': exception } : {}

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
      const { body, status = of.status, exception = bedrockException(status) } = spoken(of, flavour)
      const headers = { ...JSON_TYPE, ...wait, ...named(flavour, exception) }
      return single(status, headers, JSON.stringify(body))
    },
  }
}

const blamed = (message: string, code: string | null): JsonObject => ({
  message,
  type: 'invalid_request_error',
  param: null,
  code,
})

const anthropic = (type: string, message: string): Spoken => ({
  body: { type: 'error', error: { type, message }, request_id: 'req_matrix' },
})

const google = (code: number, status: string, message: string): Spoken => ({
  status: code,
  body: { error: { code, message, status } },
})

/** Cohere has a sentence, and no word for a program. */
const coherent = (message: string, status?: number): Spoken => ({
  body: { id: 'matrix', message },
  ...(status === undefined ? {} : { status }),
})

const amazon = (message: string, exception?: string): Spoken => ({
  body: { message },
  ...(exception === undefined ? {} : { exception }),
})

const TOO_LONG: Said = {
  openai: blamed(
    "This model's maximum context length is 8192 tokens, but the request has 9000 tokens.",
    'context_length_exceeded',
  ),
  anthropic: anthropic('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
  gemini: google(
    400,
    'INVALID_ARGUMENT',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  ),
  cohere: coherent(
    'too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 210000. Try using a shorter prompt.',
  ),
  bedrock: amazon('Input is too long for requested model.'),
}
const UNSAFE: Said = {
  openai: blamed('The request was refused by the safety system.', 'content_policy_violation'),
  anthropic: anthropic('invalid_request_error', 'Output blocked by content filtering policy'),
  gemini: google(400, 'INVALID_ARGUMENT', 'The prompt was blocked because it contains prohibited content.'),
  cohere: coherent('The request was blocked by our content moderation policy.', 422),
  bedrock: amazon('This request has been blocked by our content filters.'),
}
const POOR: Said = {
  openai: blamed('Your credit balance is too low to access the API.', null),
  anthropic: anthropic(
    'invalid_request_error',
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ),
  bedrock: amazon(
    'Your request exceeds the service quota for your account.',
    'ServiceQuotaExceededException',
  ),
}
const NO_MONEY: Said = {
  openai: { message: 'Payment required.', type: 'billing', param: null, code: null },
  anthropic: anthropic('billing_error', 'Your payment method failed.'),
  gemini: google(402, 'RESOURCE_EXHAUSTED', 'Billing account is not in good standing.'),
  cohere: coherent('Please add or update your payment method to continue'),
}
const NO_MODEL: Said = {
  openai: blamed('The model `matrix` does not exist or you do not have access to it.', 'model_not_found'),
  anthropic: anthropic('not_found_error', 'model: claude-0'),
  gemini: google(404, 'NOT_FOUND', 'models/gemini-0 is not found for API version v1beta.'),
  cohere: coherent("model 'command-0' was removed on September 15, 2025."),
  bedrock: amazon('The provided model identifier is invalid.'),
}
const NO_ROUTE: Said = {
  openai: blamed('Invalid URL (POST /v1/nowhere)', null),
  anthropic: anthropic('not_found_error', 'Not Found'),
  gemini: google(404, 'NOT_FOUND', 'Not Found'),
  cohere: coherent('404 page not found'),
  bedrock: amazon('Unknown operation.', 'UnknownOperationException'),
}
/** Too much for now. */
const BUSY: Said = {
  openai: {
    message: 'Too many requests for this model.',
    type: 'rate_limit_error',
    param: null,
    code: 'rate_limit_exceeded',
  },
  anthropic: anthropic(
    'rate_limit_error',
    'This request would exceed your organization’s rate limit of 40,000 input tokens per minute.',
  ),
  gemini: google(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
  cohere: coherent('You are past the per minute request limit, please wait and try again later.'),
  bedrock: amazon('Too many requests, please wait before trying again.'),
}

const DOWN: Refused = { status: 503, class: 'overloaded' }

/** The provider says no, by its status. */
export const REFUSALS: readonly Fault[] = [
  refused({ title: '400' }, { status: 400, class: 'caller_fault' }),
  refused(
    { title: '400 context_length_exceeded', bench: 'S12' },
    { status: 400, class: 'context_window', said: TOO_LONG },
  ),
  refused(
    { title: '400 content_policy_violation', bench: 'S13' },
    { status: 400, class: 'content_policy', said: UNSAFE },
  ),
  refused({ title: '400, and it means money' }, { status: 400, class: 'quota', said: POOR }),
  refused({ title: '401' }, { status: 401, class: 'credential' }),
  refused({ title: '402' }, { status: 402, class: 'quota', said: NO_MONEY }),
  refused({ title: '403' }, { status: 403, class: 'credential' }),
  refused(
    { title: '404, the model is gone' },
    { status: 404, class: 'model_gone', said: NO_MODEL, aboutObject: true },
  ),
  refused(
    { title: '404, no such endpoint' },
    { status: 404, class: 'unsupported', said: NO_ROUTE, aboutObject: true },
  ),
  refused({ title: '408' }, { status: 408, class: 'transient' }),
  refused({ title: '413' }, { status: 413, class: 'caller_fault' }),
  refused(
    { title: '429 with Retry-After: 2', bench: 'S01' },
    { status: 429, class: 'rate_limit', retryAfterSeconds: 2 },
  ),
  refused(
    { title: '429 without Retry-After', bench: 'S02' },
    { status: 429, class: 'rate_limit', said: BUSY },
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

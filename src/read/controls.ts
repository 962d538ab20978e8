import type { IncomingHttpHeaders } from 'node:http'
import type { Controls, Mock } from '../call.ts'
import { accepts } from '../dialects/parameters.ts'
import { Refusal } from '../failure.ts'
import type { Route } from '../routes.ts'
import type { Edit } from '../wire/edit.ts'
import { parsePath } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { readOwnFallbacks, readTable } from './fallback-lists.ts'
import { bad, CREDENTIAL_KEYS, NESTED, number, type Peek, structured } from './refusals.ts'

/** LiteLLM's controls inside a body. They are for the gateway and stay here. */
export const CONTROL_KEYS: ReadonlySet<string> = new Set([
  'num_retries',
  'timeout',
  'request_timeout',
  'stream_timeout',
  'fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
  'disable_fallbacks',
  'include_fallback_errors',
  'max_fallbacks',
  'mock_testing_fallbacks',
  'mock_testing_context_fallbacks',
  'mock_testing_content_policy_fallbacks',
  'mock_testing_rate_limit_error',
  'mock_timeout',
  'mock_delay',
  'mock_response',
  'mock_tool_calls',
  'drop_params',
  'additional_drop_params',
  'allowed_openai_params',
  'allowed_model_region',
  'litellm_metadata',
  'litellm_call_id',
  'litellm_session_id',
  'litellm_trace_id',
  'litellm_logging_obj',
  'litellm_params',
  'proxy_server_request',
  'secret_fields',
  'standard_logging_object',
  'tags',
  'guardrails',
  'disable_global_guardrails',
  'applied_guardrails',
  'applied_policies',
  'cache',
  'caching',
  'priority',
  'callbacks',
  'service_callback',
  'logger_fn',
  'litellm_disabled_callbacks',
  'custom_llm_provider',
  'target_model_names',
  'no-log',
  'fastest_response',
  'input_cost_per_token',
  'output_cost_per_token',
  'input_cost_per_second',
  'output_cost_per_second',
  'base_model',
  'model_info',
  'spend_logs_metadata',
])

/** LiteLLM coerces the string "true" on its flags. */
const flag = (value: Json | undefined): boolean =>
  value === true || (typeof value === 'string' && value.toLowerCase() === 'true')

const strings = (written: Json | undefined): readonly string[] => {
  const value = structured(written)
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}

const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const whole = (value: Json | undefined, param: string): number | undefined => {
  const found = number(value, param)
  if (found !== undefined && !Number.isInteger(found))
    throw bad(param, 'must be a whole number of at least 0.')
  return found
}

/** One control as it is written: in its header, then under its keys in the body. What is wrong is told by that name. */
const written = (
  { headers, peek }: Pick<ControlSources, 'headers' | 'peek'>,
  [name, ...keys]: readonly [header: string, ...keys: readonly string[]],
  read: typeof number,
): readonly (number | undefined)[] => [
  read(header(headers, name), name),
  ...keys.map(key => read(peek(key), key)),
]

const isSaid = (value: number | undefined): boolean => value !== undefined

/** Seconds as milliseconds. 0 sets no limit, as in LiteLLM: the next place is looked at. */
const limit = (values: readonly (number | undefined)[]): number | undefined => {
  const seconds = values.find(value => value !== undefined && value > 0)
  return seconds === undefined ? undefined : seconds * 1000
}

const NO_MOCK: Mock = {
  fallbacks: false,
  contextFallbacks: false,
  contentPolicyFallbacks: false,
  rateLimit: false,
  timeout: false,
  delayMs: 0,
  response: undefined,
}

const MOCK_KEYS = [
  'mock_testing_fallbacks',
  'mock_testing_context_fallbacks',
  'mock_testing_content_policy_fallbacks',
  'mock_testing_rate_limit_error',
  'mock_timeout',
  'mock_delay',
] as const

/** allowed: admin keys, or any key when the operator said so. mock_response from others is dropped, as LiteLLM does. */
const mockOf = (keys: ReadonlySet<string>, peek: Peek, allowed: boolean): Mock => {
  const used = MOCK_KEYS.filter(key => keys.has(key) && peek(key) !== false && peek(key) !== null)
  const response = keys.has('mock_response') ? peek('mock_response') : undefined
  const first = used[0]
  if (first === undefined && response === undefined) return NO_MOCK
  if (first !== undefined && !allowed)
    throw new Refusal(
      400,
      'Mock testing request params are disabled on this proxy: use an admin key, or set general_settings.dangerously_allow_mock_testing_request_params: true.',
      { type: 'invalid_request_error', param: first },
    )
  return {
    fallbacks: flag(peek('mock_testing_fallbacks')),
    contextFallbacks: flag(peek('mock_testing_context_fallbacks')),
    contentPolicyFallbacks: flag(peek('mock_testing_content_policy_fallbacks')),
    rateLimit: flag(peek('mock_testing_rate_limit_error')),
    timeout: flag(peek('mock_timeout')),
    delayMs: (number(peek('mock_delay'), 'mock_delay') ?? 0) * 1000,
    response: allowed && typeof response === 'string' ? response : undefined,
  }
}

export type ControlSources = {
  readonly headers: IncomingHttpHeaders
  readonly keys: readonly string[]
  readonly peek: Peek
  readonly mockAllowed: boolean
}

const metadataOf = (peek: Peek, keys: ReadonlySet<string>): JsonObject => {
  const written = keys.has('litellm_metadata')
    ? peek('litellm_metadata')
    : keys.has('metadata')
      ? peek('metadata')
      : undefined
  const value = structured(written)
  return isObject(value) ? value : {}
}

export const NO_CONTROLS: Controls = {
  numRetries: undefined,
  timeoutMs: undefined,
  streamTimeoutMs: undefined,
  fallbacks: undefined,
  generalFallbacks: undefined,
  maxFallbacks: undefined,
  contextWindowFallbacks: undefined,
  contentPolicyFallbacks: undefined,
  disableFallbacks: false,
  dropParams: undefined,
  additionalDropParams: [],
  allowedOpenaiParams: [],
  allowedRegion: undefined,
  mock: NO_MOCK,
}

/** Keys of a body that say something to the gateway, or try to: everything else is the provider's. */
const NOTICED: ReadonlySet<string> = new Set([...CONTROL_KEYS, ...CREDENTIAL_KEYS, ...NESTED])

const CONTROL_HEADERS = [
  'x-litellm-num-retries',
  'x-litellm-timeout',
  'x-litellm-stream-timeout',
  'x-litellm-tags',
] as const

/** Anthropic's own `fallbacks`: its API takes it together with this beta, whose date follows. */
const NATIVE_FALLBACKS = /(?:^|,)\s*server-side-fallback-/

/** The keys of a body without a provider's own parameter that is merely called like a control: it goes on as it is. */
export const withoutNative = (
  keys: readonly string[],
  route: Route,
  headers: IncomingHttpHeaders,
): readonly string[] => {
  if (route.shape !== 'messages' || !keys.includes('fallbacks')) return keys
  const betas = header(headers, 'anthropic-beta')
  return betas !== undefined && NATIVE_FALLBACKS.test(betas) ? keys.filter(key => key !== 'fallbacks') : keys
}

/** Most requests ask nothing of the gateway: of them nothing else here has to be read. */
export const asksNothing = ({ keys, headers }: ControlSources): boolean => {
  for (const key of keys) if (NOTICED.has(key)) return false
  for (const name of CONTROL_HEADERS) if (headers[name] !== undefined) return false
  return true
}

/** Header first, then body: LiteLLM's precedence for one request. */
export const readControls = (from: ControlSources): Controls => {
  const keys = new Set(from.keys)
  const peek: Peek = key => (keys.has(key) ? from.peek(key) : undefined)
  const at = { headers: from.headers, peek }
  return {
    numRetries: written(at, ['x-litellm-num-retries', 'num_retries'], whole).find(isSaid),
    timeoutMs: limit(written(at, ['x-litellm-timeout', 'timeout', 'request_timeout'], number)),
    streamTimeoutMs: limit(written(at, ['x-litellm-stream-timeout', 'stream_timeout'], number)),
    ...readOwnFallbacks(peek('fallbacks')),
    maxFallbacks: whole(peek('max_fallbacks'), 'max_fallbacks'),
    contextWindowFallbacks: readTable(peek('context_window_fallbacks'), 'context_window_fallbacks'),
    contentPolicyFallbacks: readTable(peek('content_policy_fallbacks'), 'content_policy_fallbacks'),
    disableFallbacks: flag(peek('disable_fallbacks')) || flag(metadataOf(peek, keys).disable_fallbacks),
    dropParams: keys.has('drop_params') ? flag(peek('drop_params')) : undefined,
    additionalDropParams: strings(peek('additional_drop_params')).map(path => dropPath(path)),
    allowedOpenaiParams: strings(peek('allowed_openai_params')),
    allowedRegion:
      typeof peek('allowed_model_region') === 'string' ? String(peek('allowed_model_region')) : undefined,
    mock: mockOf(keys, peek, from.mockAllowed),
  }
}

const dropPath = (path: string): readonly string[] => {
  try {
    return parsePath(path)
  } catch (error) {
    throw bad('additional_drop_params', error instanceof Error ? error.message : `'${path}' is not a path.`)
  }
}

const listed = (text: string): readonly string[] =>
  text
    .split(',')
    .map(tag => tag.trim())
    .filter(tag => tag !== '')

/** `tags` of the body: a list, or a text as in the header. A tag that is not understood must not choose any deployment. */
const ownTags = (value: Json | undefined): readonly string[] => {
  const tags = structured(value)
  if (tags === undefined || tags === null) return []
  if (typeof tags === 'string') return listed(tags)
  if (!Array.isArray(tags) || !tags.every((tag: Json) => typeof tag === 'string'))
    throw bad('tags', 'must be a list of texts.')
  return tags
}

/** Tags for tag routing: header, body `tags`, metadata.tags. */
export const readTags = (from: ControlSources): readonly string[] => {
  const keys = new Set(from.keys)
  const peek: Peek = key => (keys.has(key) ? from.peek(key) : undefined)
  const named = header(from.headers, 'x-litellm-tags')
  return [
    ...new Set([
      ...(named === undefined ? [] : listed(named)),
      ...ownTags(peek('tags')),
      ...strings(metadataOf(peek, keys).tags),
    ]),
  ]
}

/** Members of the client's metadata that are for the gateway. As text they are the client's own, as providers demand. */
const METADATA_CONTROLS = ['tags', 'disable_fallbacks', 'guardrails', 'spend_logs_metadata'] as const

/** The named edits that keep the controls here. */
export const controlEdits = (keys: readonly string[], peek: Peek, route: Route): readonly Edit[] => {
  const found: Edit[] = []
  const drop = (...path: readonly string[]): void => {
    found.push({ op: 'drop', path, why: 'gateway-controls' })
  }
  for (const key of keys) if (CONTROL_KEYS.has(key)) drop(key)
  // On files and batches `model` names the owner: the provider's own call has no such parameter.
  if (route.model === 'owner' && keys.includes('model') && !accepts(route, 'model')) drop('model')
  const said = keys.includes('metadata') ? peek('metadata') : undefined
  // In a form an object is written as text, of which no member can be dropped: it goes whole, or stays.
  const metadata = route.body === 'multipart' ? structured(said) : said
  if (!isObject(metadata)) return found
  const ours = METADATA_CONTROLS.filter(
    key => Object.hasOwn(metadata, key) && typeof metadata[key] !== 'string',
  )
  // An object that held nothing else is not the client's own: a provider may not even know the parameter.
  if (ours.length > 0 && ours.length === Object.keys(metadata).length) drop('metadata')
  else if (metadata === said) for (const key of ours) drop('metadata', key)
  return found
}

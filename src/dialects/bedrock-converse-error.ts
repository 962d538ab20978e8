import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { ErrorBody } from './shape.ts'

type Meaning = { readonly status: number; readonly type: string; readonly code: string | null }

const server = (status: number): Meaning => ({ status, type: 'server_error', code: 'server_error' })
const overloaded = (status: number): Meaning => ({
  status,
  type: 'server_error',
  code: 'server_is_overloaded',
})
const credential: Meaning = { status: 403, type: 'authentication_error', code: 'invalid_api_key' }
const throttled: Meaning = { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' }

/** Bedrock's exceptions and the statuses they come with, in the OpenAI dialect's words. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  AccessDenied: { status: 403, type: 'permission_error', code: 'access_denied' },
  Conflict: { status: 400, type: 'conflict_error', code: 'conflict' },
  ExpiredToken: credential,
  IncompleteSignature: credential,
  InternalFailure: server(500),
  InternalServer: server(500),
  InvalidClientTokenId: credential,
  InvalidSignature: credential,
  MissingAuthenticationToken: credential,
  ModelError: server(424),
  ModelNotReady: overloaded(429),
  ModelStreamError: server(424),
  ModelTimeout: { status: 408, type: 'timeout_error', code: 'timeout' },
  ResourceNotFound: { status: 404, type: 'not_found_error', code: 'model_not_found' },
  ServiceQuotaExceeded: { status: 400, type: 'insufficient_quota', code: 'insufficient_quota' },
  ServiceUnavailable: overloaded(503),
  Throttling: throttled,
  TooManyRequests: throttled,
  UnrecognizedClient: credential,
  Validation: { status: 400, type: 'invalid_request_error', code: null },
}

const TOO_LONG = /too long|too many (?:input )?tokens|maximum context length|context window/i
const NO_COUNT = /support(?:s|ed)? (?:counting tokens|token counting)/i
const NO_SUCH_MODEL = /model identifier is invalid|end of its life/i

/** `com.amazon.bedrock#throttlingException:http://…` → `Throttling`. */
const shortName = (kind: string): string => {
  const name = kind.split(':', 1)[0]?.split('#').at(-1)?.trim() ?? ''
  return (name.charAt(0).toUpperCase() + name.slice(1)).replace(/(?:Exception|Error)$/, '')
}

const meaningOf = (name: string, message: string): Meaning | undefined => {
  const meaning = MEANINGS[name] ?? MEANINGS[`${name}Error`]
  if (name !== 'Validation') return meaning
  if (TOO_LONG.test(message))
    return { status: 400, type: 'invalid_request_error', code: 'context_length_exceeded' }
  if (NO_COUNT.test(message))
    return { status: 400, type: 'invalid_request_error', code: 'unsupported_endpoint' }
  if (NO_SUCH_MODEL.test(message))
    return { status: 400, type: 'invalid_request_error', code: 'model_not_found' }
  return meaning
}

/** One exception as an OpenAI-style error object. `kind` is what the header, the frame or the body called it. */
export const converseError = (kind: string, message: string): ErrorBody => {
  const name = shortName(kind)
  const meaning = meaningOf(name, message)
  return {
    message: message || name || 'Bedrock gave no reason.',
    type: meaning?.type ?? null,
    param: null,
    code: meaning?.code ?? null,
    ...(meaning === undefined ? {} : { status: meaning.status }),
    ...(kind === '' ? {} : { exception: kind.split(':', 1)[0] ?? kind }),
  }
}

const textIn = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

export const messageIn = (body: Json | undefined): string =>
  isObject(body) ? textIn(body.message) || textIn(body.Message) || textIn(body.originalMessage) : ''

/** An error answer (any status ≥ 400); undefined when neither header nor body says anything. */
export const converseErrorOf = (
  _status: number,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array,
): JsonObject | undefined => {
  let body: Json | undefined
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch {
    body = undefined
  }
  const kind = headers['x-amzn-errortype'] ?? (isObject(body) ? textIn(body.__type) || textIn(body.code) : '')
  const message = messageIn(body)
  return kind === '' && message === '' ? undefined : converseError(kind, message)
}

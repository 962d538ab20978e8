import type { FailureClass } from '../failure.ts'
import type { JsonObject } from '../wire/json.ts'
import { sizeSaid } from './error-size.ts'
import type { Circumstance, ErrorBody, ToldError } from './shape.ts'

/**
 * Errors as clients of the Messages dialect read them: `{type: 'error', error: {type, message}, request_id}`, with the
 * names and statuses that Anthropic publishes.
 */

const TYPE_OF_STATUS: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

const typeOf = (status: number): string =>
  TYPE_OF_STATUS[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')

const OVERLOADED = 529
const NO_MONEY = 402
const TOO_LATE = 504

/** Agents go to another model at 529, and stop at 402: the class says it, whatever status a provider chose for it. */
const statusOf = ({ type }: ErrorBody, { status, failure }: Circumstance): number => {
  if (failure === 'overloaded' || type === 'server_overloaded') return OVERLOADED
  if (failure === 'quota') return NO_MONEY
  // LiteLLM shows every timeout as the client's own fault; here that is said of a request that came too slowly.
  return failure !== undefined && status === 408 ? TOO_LATE : status
}

const LIMIT = /(?:maximum context length is |> |limit of )(\d{3,9})\b/

/** Agents shorten their history at these words, and by these numbers. */
const tooLong = (message: string): string => {
  if (/prompt is too long/i.test(message)) return message
  const tokens = sizeSaid(message)?.tokens
  const limit = LIMIT.exec(message)?.[1]
  const sizes = tokens === undefined || limit === undefined ? '' : `: ${tokens} tokens > ${limit} maximum`
  return `prompt is too long${sizes} (${message})`
}

/** Codes that are words; a number only repeats the status. */
const codeOf = ({ code }: ErrorBody): JsonObject =>
  code === null || /^\d*$/.test(code) ? {} : { details: { error_code: code } }

const documentOf = (error: ErrorBody, status: number, { failure, callId }: Circumstance): JsonObject => ({
  type: 'error',
  error: {
    type: typeOf(status),
    message: failure === 'context_window' ? tooLong(error.message) : error.message,
    ...codeOf(error),
  },
  request_id: callId,
})

/** Waiting mends neither: client libraries and agents, which would try again, read the header. */
const FINAL: ReadonlySet<FailureClass | undefined> = new Set<FailureClass>(['credential', 'quota'])

export const tellMessagesError = (error: ErrorBody, of: Circumstance): ToldError => {
  const status = statusOf(error, of)
  const final = FINAL.has(of.failure) || status === 401 || status === 403
  return {
    status,
    document: documentOf(error, status, of),
    headers: { 'request-id': of.callId, ...(final ? { 'x-should-retry': 'false' } : {}) },
  }
}

const UNKNOWN: Circumstance = { status: 500, failure: undefined, callId: '' }

/** No message_stop follows: it ends a whole answer. */
export const messagesErrorFrame = (error: ErrorBody, of: Circumstance = UNKNOWN): string =>
  `event: error\ndata: ${JSON.stringify(documentOf(error, statusOf(error, of), of))}\n\n`

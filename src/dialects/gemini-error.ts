import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { saidError } from './error-object.ts'
import type { Circumstance, ErrorBody, ToldError } from './shape.ts'

/** Errors as google.rpc.Status writes them: `{error: {code, message, status, details}}`. */

const NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

const nameOf = (status: number): string =>
  NAMES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT')

const PREFIX = 'type.googleapis.com/google.rpc'

/** What the other dialects say in members of their own. */
const detailsOf = ({ code, param, message, litellm_call_id: callId }: ErrorBody): readonly JsonObject[] => {
  const word = code !== null && /[a-z]/i.test(code) ? code.toUpperCase() : undefined
  const metadata = typeof callId === 'string' ? { litellm_call_id: callId } : undefined
  const info = word !== undefined || metadata !== undefined
  return [
    ...(info
      ? [
          {
            '@type': `${PREFIX}.ErrorInfo`,
            reason: word ?? 'UNSPECIFIED',
            domain: 'understudy',
            ...(metadata === undefined ? {} : { metadata }),
          },
        ]
      : []),
    ...(param === null
      ? []
      : [{ '@type': `${PREFIX}.BadRequest`, fieldViolations: [{ field: param, description: message }] }]),
  ]
}

const documentOf = (error: ErrorBody, status: number): JsonObject => {
  const details = detailsOf(error)
  return {
    error: {
      code: status,
      message: error.message,
      status: nameOf(status),
      ...(details.length === 0 ? {} : { details }),
    },
  }
}

export const tellGemini = (error: ErrorBody, { status }: Circumstance): ToldError => ({
  status,
  document: documentOf(error, status),
})

/** A number that is an HTTP error; client libraries raise only at those. */
const statusIn = (code: string | null): number =>
  code !== null && /^[45]\d\d$/.test(code) ? Number(code) : 500

/** An error in the middle of a stream: the same object, as a chunk. */
export const geminiErrorFrame = (error: ErrorBody, of: Circumstance | undefined): string =>
  `data: ${JSON.stringify(documentOf(error, of?.status ?? statusIn(error.code)))}\n\n`

/** The error in a chunk or an answer; some come as a list of one. */
export const errorIn = (value: Json | undefined): JsonObject | undefined => {
  const inner = Array.isArray(value) ? value[0] : value
  return isObject(inner) ? saidError(inner) : undefined
}

import type { ServerResponse } from 'node:http'
import type { Trail } from '../attempt/settled.ts'
import type { ErrorBody } from '../dialects/shape.ts'
import { safeHeaderValue } from '../wire/headers.ts'
import { addCommonHeaders, type HeaderList } from './headers.ts'
import { answerEarly, type Unread } from './linger.ts'

/** An error in the caller's dialect, with what its headers say. */
export type Complaint = {
  readonly status: number
  readonly error: ErrorBody
  readonly headers: Readonly<Record<string, string>>
  readonly callId: string
  readonly trail: Trail | undefined
  /** general_settings.include_call_id_in_error_body */
  readonly callIdInBody: boolean
  /** The request that may still be on its way. */
  readonly unread?: Unread
}

/** Writes the error; returns how many body bytes the client gets. */
export const refuse = (response: ServerResponse, complaint: Complaint): number => {
  const { error, callId } = complaint
  const body = Buffer.from(
    JSON.stringify({ error: complaint.callIdInBody ? { ...error, litellm_call_id: callId } : error }),
  )
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return 0
  }
  const head: HeaderList = []
  addCommonHeaders(head, callId, complaint.trail)
  // Client libraries show this one with an error: it is what `understudy explain` asks for.
  head.push('x-request-id', callId)
  for (const [name, value] of Object.entries(complaint.headers)) head.push(name, safeHeaderValue(value))
  head.push('content-type', 'application/json', 'content-length', String(body.length))
  if (complaint.unread !== undefined)
    answerEarly(response, complaint.unread, { status: complaint.status, head, body })
  else {
    response.writeHead(complaint.status, head)
    response.end(body)
  }
  return body.length
}

import type { ServerResponse } from 'node:http'
import type { Trail } from '../attempt/settled.ts'
import type { ToldError } from '../dialects/shape.ts'
import { safeHeaderValue } from '../wire/headers.ts'
import { addCommonHeaders, type HeaderList } from './headers.ts'
import { answerEarly, type Unread } from './linger.ts'

/** An error in the caller's dialect, with what its headers say. */
export type Complaint = {
  readonly told: ToldError
  readonly headers: Readonly<Record<string, string>>
  readonly callId: string
  readonly trail: Trail | undefined
  /** The request that may still be on its way. */
  readonly unread?: Unread
}

/** Writes the error; returns how many body bytes the client gets. */
export const refuse = (response: ServerResponse, complaint: Complaint): number => {
  const { told, callId } = complaint
  const body = Buffer.from(JSON.stringify(told.document))
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return 0
  }
  const head: HeaderList = []
  addCommonHeaders(head, callId, complaint.trail)
  // Client libraries show this one with an error: it is what `understudy explain` asks for.
  head.push('x-request-id', callId)
  for (const headers of [told.headers ?? {}, complaint.headers])
    for (const [name, value] of Object.entries(headers)) head.push(name, safeHeaderValue(value))
  head.push('content-type', 'application/json', 'content-length', String(body.length))
  if (complaint.unread !== undefined)
    answerEarly(response, complaint.unread, { status: told.status, head, body })
  else {
    response.writeHead(told.status, head)
    response.end(body)
  }
  return body.length
}

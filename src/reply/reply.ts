import { classify } from '../attempt/classify.ts'
import type { Content } from '../attempt/outcome.ts'
import type { Settled } from '../attempt/settled.ts'
import { SHAPES } from '../dialects/index.ts'
import type { Circumstance, ErrorBody } from '../dialects/shape.ts'
import { IN_STEP } from '../turn.ts'
import { asBuffer } from '../wire/bytes.ts'
import type { JsonIndex } from '../wire/index.ts'
import { conclude } from './conclude.ts'
import { copyItems, keepsCopies } from './copies.ts'
import { errorBody } from './error-text.ts'
import { followConversation } from './mirror.ts'
import { refuse } from './refuse.ts'
import { rewriterFor } from './rewrite.ts'
import {
  costFor,
  type Finish,
  headFor,
  learnCiphertext,
  learnItems,
  type Served,
  type Stage,
} from './served.ts'
import { keepShadow, keepsShadow } from './shadow.ts'
import { streamReply } from './stream-reply.ts'
import { toldOn, withCallId } from './told.ts'
import { forgetResponse, keepsTranscript, keepTranscript } from './transcript.ts'

export type { Finish } from './served.ts'

/** Settled → bytes to the client. Resolves when the last byte has left, or nobody is there to take it. */
export const reply = (stage: Stage): Promise<Finish> | Finish => {
  const { settled, call, house } = stage
  if (settled.kind === 'failed') return failedReply(stage, settled)
  const { answered } = settled
  const served: Served = {
    ...stage,
    answered,
    rewriter: rewriterFor(call, answered, house.seal),
  }
  return answered.content.kind === 'document'
    ? documentReply(served, answered.content)
    : streamReply(served, answered.content)
}

const failedReply = (stage: Stage, settled: Extract<Settled, { kind: 'failed' }>): Finish => {
  const { trail } = settled
  const { call, received } = stage
  // At the end of a drain attempts are given up as if the client had left, but it is still there.
  const ours = settled.failure.class === 'client_gone' && received.curtain.aborted
  const failure = ours ? classify({ kind: 'shutdown' }) : settled.failure
  const headers: Record<string, string> = {}
  if (trail.timeoutMs !== undefined) headers['x-litellm-timeout'] = String(trail.timeoutMs / 1000)
  // Clients (Codex above all) retry a 429 only when it says for how long; seconds, never less than the truth.
  if (failure.retryAfterMs !== undefined || failure.status === 429)
    headers['retry-after'] = String(Math.max(1, Math.ceil((failure.retryAfterMs ?? 1000) / 1000)))
  const error = errorBody(failure, ours ? failure.message : settled.message)
  const { callId } = received
  const of: Circumstance = { status: failure.status, failure: failure.class, callId }
  const { includeCallIdInErrorBody } = call.config.general
  const told = toldOn(call.route.shape, withCallId(error, callId, includeCallIdInErrorBody), of)
  const begun = received.response.headersSent
  stage.pulse?.stop()
  const responseBytes = begun
    ? endAsEvents(stage, error, of)
    : refuse(received.response, { told, headers, callId, trail })
  return {
    end: failure.class === 'client_gone' ? 'client_left' : 'error',
    status: failure.class === 'client_gone' ? 499 : begun ? 200 : told.status,
    responseBytes,
    usage: undefined,
    costUsd: undefined,
    failure,
    firstTokenMs: undefined,
  }
}

/** The status has gone out with a comment: the error is told as the dialect tells it within a stream. */
const endAsEvents = ({ call, received: { response } }: Stage, error: ErrorBody, of: Circumstance): number => {
  const nothing = { sequence: -1, response: undefined }
  const frame = SHAPES[call.route.shape].stream?.errorFrame(error, nothing, of) ?? ''
  if (frame === '' || response.destroyed) response.destroy()
  else response.end(frame)
  return Buffer.byteLength(frame)
}

const documentReply = (
  served: Served,
  content: Extract<Content, { kind: 'document' }>,
): Promise<Finish> | Finish => {
  const { answered, received, house, call } = served
  learnCiphertext(served, content.bytes)
  if (content.index !== undefined) learnItems(served, content.index)
  if (content.index !== undefined && house.mirror !== undefined) followConversation(served, content.index)
  if (content.index !== undefined && keepsCopies(served)) copyItems(served, content.index)
  if (call.compaction !== undefined && content.index !== undefined && keepsShadow(served))
    keepShadow(served, content.index)
  const segments = content.index === undefined ? [content.bytes] : served.rewriter.document(content.index)
  const length = segments.reduce((sum, segment) => sum + segment.length, 0)
  const { response } = received
  answered.lease.settle({
    kind: 'success',
    usage: content.usage,
    totalMs: house.clock.now() - answered.startedAt,
    firstTokenMs: undefined,
  })
  const costUsd = costFor(answered, content.usage)
  const head = headFor(served, costUsd)
  const type = content.index === undefined ? answered.headers['content-type'] : 'application/json'
  if (type !== undefined && length > 0) head.push('content-type', type)
  if (answered.status !== 204) head.push('content-length', String(length))
  response.writeHead(answered.status, head)
  const finish: Finish = {
    end: 'complete',
    status: answered.status,
    responseBytes: length,
    usage: content.usage,
    costUsd,
    failure: undefined,
    firstTokenMs: undefined,
  }
  return writeWhole({ served, index: content.index, segments, length, finish })
}

/** Up to this size the head and the body leave in one write. */
const ONE_WRITE_BYTES = 32 * 1024

type Whole = {
  readonly served: Served
  readonly index: JsonIndex | undefined
  readonly segments: readonly Uint8Array[]
  readonly length: number
  readonly finish: Finish
}

const writeWhole = async (whole: Whole): Promise<Finish> => {
  await IN_STEP
  write(whole)
  const { served, index, finish } = whole
  const end = conclude(served, finish)
  // The client has its answer, whatever becomes of this.
  if (served.call.method === 'DELETE') forgetResponse(served)
  if (index !== undefined && keepsTranscript(served)) keepTranscript(served, index)
  return end
}

const write = ({ served, segments, length }: Whole): void => {
  const { response } = served.received
  if (length <= ONE_WRITE_BYTES) {
    // Node joins a head with a body that is text: as latin1 every byte stays itself.
    let text = ''
    for (const segment of segments) text += asBuffer(segment).toString('latin1')
    response.end(text, 'latin1')
    return
  }
  response.cork()
  for (const segment of segments) response.write(segment)
  response.uncork()
}

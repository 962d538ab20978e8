import type { ServerResponse } from 'node:http'
import { classify } from '../attempt/classify.ts'
import { limitsFor } from '../attempt/limits.ts'
import type { Answered, Content } from '../attempt/outcome.ts'
import type { Settled } from '../attempt/settled.ts'
import { troubleSignal } from '../attempt/signals.ts'
import type { Call, Received } from '../call.ts'
import type { StreamEvent, Usage } from '../dialects/shape.ts'
import type { Failure, Refusal } from '../failure.ts'
import type { House } from '../house.ts'
import { bindsCiphertext, rememberCiphertext } from '../plan/encrypted.ts'
import { costOf, priceOf } from '../record/price.ts'
import type { RequestEnd } from '../record/trail.ts'
import { asBuffer } from '../wire/bytes.ts'
import { addClientHeaders } from '../wire/headers.ts'
import { sseDecoder } from '../wire/sse.ts'
import { conclude } from './conclude.ts'
import { errorBody } from './error-text.ts'
import { addCommonHeaders, addServedHeaders, type HeaderList } from './headers.ts'
import { refuse } from './refuse.ts'
import { relay, type StreamEnd } from './relay.ts'
import { type Rewriter, rewriterFor } from './rewrite.ts'

/** How the reply ended: what the record is written from. */
export type Finish = {
  readonly end: RequestEnd
  readonly status: number
  readonly responseBytes: number
  readonly usage: Usage | undefined
  readonly costUsd: number | undefined
  readonly failure: Failure | undefined
  /** What the gateway itself refused. */
  readonly refusal?: Refusal
  readonly firstTokenMs: number | undefined
}

type Stage = {
  readonly received: Received
  readonly call: Call
  readonly settled: Settled
  readonly house: House
}
type Served = Stage & { readonly answered: Answered; readonly rewriter: Rewriter }

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
  const responseBytes = refuse(received.response, {
    status: failure.status,
    error: errorBody(failure, ours ? failure.message : settled.message),
    headers,
    callId: received.callId,
    trail,
    callIdInBody: call.config.general.includeCallIdInErrorBody,
  })
  return {
    end: failure.class === 'client_gone' ? 'client_left' : 'error',
    status: failure.class === 'client_gone' ? 499 : failure.status,
    responseBytes,
    usage: undefined,
    costUsd: undefined,
    failure,
    firstTokenMs: undefined,
  }
}

const costFor = (answered: Answered, usage: Usage | undefined): number | undefined =>
  usage === undefined ? undefined : costOf(usage, priceOf(answered.deployment, answered.model))

const headFor = (served: Served, costUsd: number | undefined): HeaderList => {
  const { answered, settled, house, call, received } = served
  const totalMs = house.clock.now() - call.context.arrivedAt
  // What the provider and its waits did not take is ours.
  let away = 0
  for (const step of settled.trail.steps) away += step.ms + step.waitedMs
  const head: HeaderList = []
  addCommonHeaders(head, received.callId, settled.trail)
  addServedHeaders(head, answered, { totalMs, overheadMs: Math.max(0, totalMs - away), costUsd })
  addClientHeaders(head, answered.headers)
  return head
}

const learnCiphertext = ({ call, answered, house }: Served, bytes: Uint8Array): void => {
  if (bindsCiphertext(call.config, call.route.shape))
    rememberCiphertext(bytes, answered.deployment.id, house.board)
}

/** What happens to each event on its way to the client. */
const rewriteOf = (served: Served, raw: boolean): ((event: StreamEvent) => Uint8Array | string) => {
  if (raw) return event => event.bytes
  if (!bindsCiphertext(served.call.config, served.call.route.shape)) return served.rewriter.event
  return event => {
    learnCiphertext(served, event.bytes)
    return served.rewriter.event(event)
  }
}

const documentReply = (
  served: Served,
  content: Extract<Content, { kind: 'document' }>,
): Promise<Finish> | Finish => {
  const { answered, received, house } = served
  learnCiphertext(served, content.bytes)
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
  return writeWhole({ response, segments, length, finish })
}

/** Up to this size the head and the body leave in one write. */
const ONE_WRITE_BYTES = 32 * 1024

type Whole = {
  readonly response: ServerResponse
  readonly segments: readonly Uint8Array[]
  readonly length: number
  readonly finish: Finish
}

const writeWhole = ({ response, segments, length, finish }: Whole): Promise<Finish> | Finish => {
  if (length <= ONE_WRITE_BYTES) {
    // Node joins a head with a body that is text: as latin1 every byte stays itself.
    let text = ''
    for (const segment of segments) text += asBuffer(segment).toString('latin1')
    response.end(text, 'latin1')
    return conclude(response, finish)
  }
  response.cork()
  for (const segment of segments) response.write(segment)
  response.uncork()
  return conclude(response, finish)
}

const PASSED_WITH_BYTES = ['content-type', 'content-disposition', 'content-length'] as const

const streamHead = (served: Served, raw: boolean): HeaderList => {
  const head = headFor(served, undefined)
  if (raw) {
    const { headers } = served.answered
    const encoded = headers['content-encoding'] !== undefined
    for (const name of PASSED_WITH_BYTES) {
      const value = headers[name]
      if (value !== undefined && !(encoded && name === 'content-length')) head.push(name, value)
    }
    return head
  }
  head.push('content-type', 'text/event-stream; charset=utf-8')
  head.push('cache-control', 'no-cache', 'x-accel-buffering', 'no')
  return head
}

const streamReply = async (
  served: Served,
  content: Extract<Content, { kind: 'stream' }>,
): Promise<Finish> => {
  const { answered, received, house, call } = served
  const { response } = received
  response.writeHead(answered.status, streamHead(served, content.raw))
  const flow = {
    content,
    response,
    rewrite: rewriteOf(served, content.raw),
    clock: house.clock,
    departed: received.departed,
    curtain: received.curtain,
    written: 0,
  }
  const end = await relay(flow)
  const broken = failureOf(served, end)
  const failure = broken === undefined ? undefined : answered.conceal(broken)
  settleLease(served, content, failure)
  if (failure !== undefined && failure.class !== 'client_gone') endBroken(served, content, failure)
  const { usage } = content.progress
  return conclude(response, {
    end: endOf(failure),
    status: answered.status,
    responseBytes: flow.written,
    usage,
    costUsd: costFor(answered, usage),
    failure,
    firstTokenMs:
      answered.firstContentAt === undefined ? undefined : answered.firstContentAt - call.context.arrivedAt,
  })
}

const endOf = (failure: Failure | undefined): RequestEnd => {
  if (failure === undefined) return 'complete'
  if (failure.class === 'client_gone') return 'client_left'
  return failure.class === 'shutdown' ? 'error' : 'upstream_broke'
}

const failureOf = (served: Served, end: StreamEnd): Failure | undefined => {
  const { answered, call, house } = served
  const { provider } = answered.deployment
  if (end.kind === 'complete') return undefined
  if (end.kind === 'client_left') return classify({ kind: 'client_gone' })
  if (end.kind === 'curtain') return classify({ kind: 'shutdown' })
  if (end.kind === 'cut')
    return classify({ kind: 'unreadable', what: 'cut', status: answered.status, provider })
  if (end.kind === 'error')
    return classify({
      kind: 'response',
      status: answered.status,
      headers: answered.headers,
      body: undefined,
      provider,
      errorObject: end.error,
      inStream: true,
      sent: true,
      wallNow: house.clock.wall(),
    })
  const begun = {
    call,
    hop: answered,
    house,
    limits: limitsFor(call, answered.deployment),
    startedAt: answered.startedAt,
  }
  return classify(troubleSignal(end.trouble, begun, answered.status))
}

const settleLease = (
  served: Served,
  content: Extract<Content, { kind: 'stream' }>,
  failure: Failure | undefined,
): void => {
  const { answered, house } = served
  const totalMs = house.clock.now() - answered.startedAt
  if (failure === undefined)
    answered.lease.settle({
      kind: 'success',
      usage: content.progress.usage,
      totalMs,
      firstTokenMs:
        answered.firstContentAt === undefined ? undefined : answered.firstContentAt - answered.startedAt,
    })
  else if (failure.class === 'client_gone') answered.lease.settle({ kind: 'neutral' })
  else answered.lease.settle({ kind: 'failure', failure, totalMs })
}

/** A truncated answer never looks whole: the dialect's error event, then an orderly end; bytes are cut instead. */
const endBroken = (served: Served, content: Extract<Content, { kind: 'stream' }>, failure: Failure): void => {
  const { response } = served.received
  const frame = content.progress.rules.errorFrame(errorBody(failure, failure.message), content.progress.state)
  if (frame === '') return void response.destroy()
  // The frame repeats what the provider had sent of the answer: its ids and its model's name are changed like any event's.
  for (const event of sseDecoder().push(Buffer.from(frame))) response.write(served.rewriter.event(event))
  response.end()
}

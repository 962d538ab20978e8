import { resume } from '../attempt/attempt.ts'
import { classify } from '../attempt/classify.ts'
import { limitsFor } from '../attempt/limits.ts'
import type { Content } from '../attempt/outcome.ts'
import { Ledger } from '../attempt/resume-ledger.ts'
import type { Settled } from '../attempt/settled.ts'
import { troubleSignal } from '../attempt/signals.ts'
import type { StreamEvent } from '../dialects/shape.ts'
import { type Failure, isFinal } from '../failure.ts'
import { bindsCiphertext } from '../plan/encrypted.ts'
import { peekAt } from '../read/parse.ts'
import type { RequestEnd } from '../record/trail.ts'
import { indexObject } from '../wire/index.ts'
import { sseDecoder } from '../wire/sse.ts'
import { ARRAY, ArrayFrames, wantsArray } from './array.ts'
import { conclude } from './conclude.ts'
import { copyItemOfEvent, keepsCopies } from './copies.ts'
import { errorBody } from './error-text.ts'
import type { HeaderList } from './headers.ts'
import { type Part, summed, tellEnd, tellLost, tellUsages, totalOf, usagesOf } from './parts.ts'
import { limitPatience } from './patience.ts'
import { EVENT_STREAM } from './pulse.ts'
import { relay, type StreamEnd } from './relay.ts'
import { type Rewriter, rewriterFor } from './rewrite.ts'
import { type Finish, headFor, learnCiphertext, learnItems, type Served, type Stage } from './served.ts'
import { keepShadowOfEvent, keepsShadow } from './shadow.ts'
import { keepsTranscript, keepTranscriptOfEvent } from './transcript.ts'

type StreamContent = Extract<Content, { kind: 'stream' }>
type AnsweredSettled = Extract<Settled, { kind: 'answered' }>

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
  head.push(...(wantsArray(served.received) ? ARRAY : EVENT_STREAM))
  return head
}

/** Remembers what is delivered, where a break could be gone on from; undefined: it would be for nothing. */
const ledgerFor = ({ call }: Stage, { raw, progress }: StreamContent): Ledger | undefined => {
  const { continuation } = progress.rules
  if (raw || continuation === undefined || call.config.router.streamRecovery === 'off') return undefined
  return continuation.allows(peekAt(call.body)) ? new Ledger(continuation) : undefined
}

/** The parts of one answer, the last one being the one that runs. */
type Play = {
  readonly stage: Stage
  readonly parts: Part[]
  readonly ledger: Ledger | undefined
  /** The client wants an array instead of events. */
  readonly array: ArrayFrames | undefined
}

const openPart = (play: Play, settled: AnsweredSettled, rewriter: Rewriter): Part | undefined => {
  const { content } = settled.answered
  if (content.kind !== 'stream') return undefined
  const step = settled.trail.steps.length - 1
  const resumed = settled.trail.steps[step]?.resumed
  const part: Part = { settled, content, rewriter, step, from: play.ledger?.size ?? 0, resumed }
  play.parts.push(part)
  return part
}

const ITEM_DONE = 'response.output_item.done'

const learnItem = (served: Served, event: StreamEvent): void => {
  try {
    learnItems(served, indexObject(Buffer.from(event.data ?? '')))
  } catch {
    // What cannot be read cannot be referred to either.
  }
}

/** The response that the client has begun to read, by its maker's own id. */
const responseOf = ({ parts: [first] }: Play): string | undefined => {
  const id = first?.content.progress.state.response?.id
  return typeof id === 'string' ? id : undefined
}

const copyItem = (served: Served, event: StreamEvent, response: string | undefined): void => {
  try {
    copyItemOfEvent(served, event.data ?? '', response)
  } catch {
    // Nor can it be copied.
  }
}

/** What happens to each event of a part on its way to the client. */
const rewriteOf = (play: Play, part: Part): ((event: StreamEvent) => Uint8Array | string) => {
  const rewrite = editsOf(play, part)
  const { array } = play
  return array === undefined ? rewrite : event => array.elements(rewrite(event))
}

const editsOf = (play: Play, part: Part): ((event: StreamEvent) => Uint8Array | string) => {
  const { call } = play.stage
  const { rewriter, content } = part
  if (content.raw) return event => event.bytes
  const named =
    part.resumed === undefined
      ? rewriter.event
      : (event: StreamEvent) => rewriter.event(withEarlierUsage(play, part, event))
  const binds = bindsCiphertext(call.config, call.route.shape)
  const copies = keepsCopies(play.stage)
  // What two providers have said together is kept by neither.
  const keeps = part.resumed === undefined && keepsTranscript(play.stage)
  if (!binds && !copies && !keeps && call.compaction === undefined) return named
  const served: Served = { ...play.stage, answered: part.settled.answered, rewriter }
  const shadows = keepsShadow(served)
  return event => {
    if (binds) learnCiphertext(served, event.bytes)
    if (binds && event.event === ITEM_DONE) learnItem(served, event)
    if (copies && event.event === ITEM_DONE) copyItem(served, event, responseOf(play))
    if (shadows) keepShadowOfEvent(served, event)
    if (keeps) keepTranscriptOfEvent(served, event)
    return named(event)
  }
}

/** The client is told what all parts used together. */
const withEarlierUsage = (play: Play, part: Part, event: StreamEvent): StreamEvent => {
  const { progress } = part.content
  // Google's word for it is usageMetadata.
  if (progress.usage === undefined || event.data?.includes('"usage') !== true) return event
  const earlier = summed(
    usagesOf(play.parts.slice(0, play.parts.indexOf(part) + 1))
      .slice(0, -1)
      .map(told => told.usage),
  )
  if (earlier === undefined) return event
  return progress.rules.continuation?.withUsage(event, earlier, progress.usage) ?? event
}

const failureOf = (
  { call, house }: Stage,
  { settled: { answered } }: Part,
  end: StreamEnd,
): Failure | undefined => {
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
  const limits = limitsFor(call, answered.deployment)
  const begun = { call, hop: answered, house, limits, startedAt: answered.startedAt }
  return classify(troubleSignal(end.trouble, begun, answered.status))
}

const settleLease = ({ house }: Stage, part: Part, failure: Failure | undefined): void => {
  const { answered } = part.settled
  const totalMs = house.clock.now() - answered.startedAt
  if (failure === undefined)
    answered.lease.settle({
      kind: 'success',
      usage: part.content.progress.usage,
      totalMs,
      firstTokenMs:
        answered.firstContentAt === undefined ? undefined : answered.firstContentAt - answered.startedAt,
    })
  else if (failure.class === 'client_gone') answered.lease.settle({ kind: 'neutral' })
  else answered.lease.settle({ kind: 'failure', failure, totalMs })
}

/** Somebody who goes on from what was delivered; undefined: the answer ends here. */
const goOn = async (play: Play, part: Part, failure: Failure): Promise<Part | undefined> => {
  const { stage } = play
  const delivered = isFinal(failure.class) ? undefined : play.ledger?.delivered
  if (delivered === undefined) return undefined
  const { answered } = part.settled
  const next = await resume(part.settled, {
    failed: { kind: 'failed', failure, upstreamStatus: answered.status },
    delivered,
    mayContinue: stage.call.config.router.streamRecovery === 'on',
  })
  if (next === undefined) return undefined
  return openPart(play, next, rewriterFor(stage.call, next.answered, stage.house.seal, part.rewriter))
}

/** The client left, or the gateway's time was over, while somebody was sought to go on. */
const leftMeanwhile = ({ received }: Stage): Failure | undefined =>
  received.departed.aborted
    ? classify({ kind: received.curtain.aborted ? 'shutdown' : 'client_gone' })
    : undefined

export const streamReply = async (served: Served, content: StreamContent): Promise<Finish> => {
  const array = wantsArray(served.received) ? new ArrayFrames() : undefined
  const play: Play = { stage: served, parts: [], ledger: ledgerFor(served, content), array }
  try {
    return await performed(play, served, content)
  } finally {
    // Each part is settled when it ends, unless the gateway itself failed: even then nothing is held for ever.
    for (const part of play.parts) part.settled.answered.lease.release()
  }
}

const performed = async (play: Play, served: Served, content: StreamContent): Promise<Finish> => {
  const { received, house, settled } = served
  const { response } = received
  if (!response.headersSent) response.writeHead(served.answered.status, streamHead(served, content.raw))
  let written = 0
  let failure: Failure | undefined
  let part = settled.kind === 'answered' ? openPart(play, settled, served.rewriter) : undefined
  while (part !== undefined) {
    const { answered } = part.settled
    const flow = {
      content: part.content,
      response,
      rewrite: rewriteOf(play, part),
      clock: house.clock,
      departed: received.departed,
      curtain: received.curtain,
      lagging: () => limitPatience(received, house),
      ledger: play.ledger,
      pulse: served.pulse,
      written: 0,
    }
    const broken = failureOf(served, part, await relay(flow))
    written += flow.written
    failure = broken === undefined ? undefined : answered.conceal(broken)
    settleLease(served, part, failure)
    tellEnd(part, failure, house.clock.now())
    if (failure === undefined) break
    part = await goOn(play, part, failure)
  }
  failure = failure === undefined ? undefined : (leftMeanwhile(served) ?? failure)
  if (failure !== undefined && failure.class !== 'client_gone') endBroken(play, failure)
  if (failure === undefined && play.array !== undefined) response.write(play.array.end())
  return finish(play, failure, written)
}

const endOf = (failure: Failure | undefined): RequestEnd => {
  if (failure === undefined) return 'complete'
  if (failure.class === 'client_gone') return 'client_left'
  return failure.class === 'shutdown' ? 'error' : 'upstream_broke'
}

const finish = (
  { stage, parts, ledger }: Play,
  failure: Failure | undefined,
  responseBytes: number,
): Promise<Finish> | Finish => {
  const { received, call } = stage
  const [first] = parts
  const answered = first?.settled.answered
  tellUsages(parts, ledger?.size)
  tellLost(parts)
  // Nothing follows the end of an answer, not even while a slow client takes it.
  stage.pulse?.stop()
  return conclude(stage, {
    end: endOf(failure),
    status: received.response.statusCode,
    responseBytes,
    ...totalOf(parts, ledger?.size),
    failure,
    firstTokenMs:
      answered?.firstContentAt === undefined ? undefined : answered.firstContentAt - call.context.arrivedAt,
    stepsTold: true,
  })
}

/** A truncated answer never looks whole: the dialect's error event, then an orderly end; bytes are cut instead. */
const endBroken = ({ stage, parts, array }: Play, failure: Failure): void => {
  const { response } = stage.received
  const [first] = parts
  const last = parts.at(-1)
  if (first === undefined || last === undefined) return void response.destroy()
  // The response is the one that was begun; its numbers go on where the last part stopped.
  const state = { ...first.content.progress.state, sequence: last.content.progress.state.sequence }
  const frame = last.content.progress.rules.errorFrame(errorBody(failure, failure.message), state, {
    status: failure.status,
    failure: failure.class,
    callId: stage.received.callId,
  })
  if (frame === '') return void response.destroy()
  // The frame repeats what the provider had sent of the answer: its ids and its model's name are changed like any event's.
  for (const event of sseDecoder().push(Buffer.from(frame))) {
    const bytes = first.rewriter.event(event)
    response.write(array === undefined ? bytes : array.elements(bytes))
  }
  response.end(array?.end())
}

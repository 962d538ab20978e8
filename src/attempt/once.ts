import type { Call } from '../call.ts'
import { SHAPES } from '../dialects/index.ts'
import type { StreamDecoder, StreamRules } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import type { House } from '../house.ts'
import {
  type Ask,
  type Draft,
  type HeaderPair,
  type Reading,
  type Stamp,
  Unsupported,
} from '../providers/provider.ts'
import { gives } from '../providers/same-dialect.ts'
import type { Lease } from '../shared/board.ts'
import { indexObject, type JsonIndex } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { adapt, type Hop, type Parcel } from './adapt.ts'
import { BYTES, SOUND, wholeChunks } from './bytes.ts'
import { classify, type FailureSignal } from './classify.ts'
import { collect } from './collect.ts'
import { concealed } from './conceal.ts'
import { plainAnswer } from './decode.ts'
import { gate } from './gate.ts'
import { CONNECT_MS, limitsFor, type PhaseLimits } from './limits.ts'
import { isRehearsed, mockTransport } from './mock.ts'
import { type Content, editNames, type Outcome } from './outcome.ts'
import { Progress } from './progress.ts'
import type { Resumption } from './resume.ts'
import { LiveStream, type Trouble } from './stream.ts'
import { type Answer, TransportFault } from './transport.ts'
import { usageView, viewOf } from './view.ts'

/** Error bodies are read up to this size. */
const ERROR_BYTES = 1024 * 1024

/** One attempt and what the trail will say of it. */
export type Tried = {
  readonly outcome: Outcome
  readonly edits: readonly string[]
  readonly lost: readonly string[]
}

export type Job = {
  readonly call: Call
  readonly parcel: Parcel
  readonly hop: Hop
  readonly group: string
  readonly lease: Lease
  readonly house: House
  /** Another group stands by for answers that a content filter emptied. */
  readonly filteredFails: () => boolean
  /** The attempt goes on from an answer that broke. */
  readonly resumption?: Resumption | undefined
}

type Sent = {
  readonly ask: Ask
  readonly draft: Draft
  readonly limits: PhaseLimits
  readonly startedAt: number
}
type Read = { readonly content: Content; readonly firstContentAt?: number }

/** Failure values inside this file travel as signals until classify has named them. */
type Verdict =
  | { readonly ok: true; readonly read: Read }
  | { readonly ok: false; readonly signal: FailureSignal }

const fail = (signal: FailureSignal): Verdict => ({ ok: false, signal })

/** How far an attempt came: what its failure is told with. Filled in on the way. */
type Progressed = {
  readonly startedAt: number
  draft: Draft | undefined
  credential: readonly HeaderPair[] | undefined
  status: number | undefined
}

/**
 * adapt → send → classify for one deployment. Never throws: whatever happens is an Outcome.
 * A failed attempt settles its lease here; an answered one hands it on.
 */
export const tryOnce = async (job: Job): Promise<Tried> => {
  const { house, hop, call } = job
  const { connection, provider } = hop.deployment
  const far: Progressed = {
    startedAt: house.clock.now(),
    draft: undefined,
    credential: undefined,
    status: undefined,
  }
  if (connection.missing !== undefined && hop.deployment.mockResponse === undefined)
    return failed(job, { kind: 'missing_credential', message: connection.missing, provider }, far)
  try {
    const { ask, draft } = adapt(job.parcel, hop)
    far.draft = draft
    const limits = limitsFor(call, hop.deployment)
    const pending = connection.authorize(draft, new Date(house.clock.wall()))
    const credential = pending instanceof Promise ? await pending : pending
    far.credential = credential
    const headers = withCredential(draft, credential)
    const transport = mockTransport(job) ?? house.transport
    const phases = { connectMs: CONNECT_MS, headersMs: limits.limitMs }
    const answer = plainAnswer(await transport.send(draft, headers, phases, call.context.departed))
    far.status = answer.status
    const verdict = await readAnswer(job, { ask, draft, limits, startedAt: far.startedAt }, answer)
    return verdict.ok ? answered(job, far, answer, verdict.read) : failed(job, verdict.signal, far)
  } catch (error) {
    return failed(job, signalOf(error, job, far.startedAt), far)
  }
}

const NOTHING: readonly string[] = []

const lostBy = (draft: Draft | undefined): readonly string[] =>
  draft === undefined || draft.warnings.length === 0
    ? NOTHING
    : draft.warnings.map(warning => `${warning.lost}: ${warning.because}`)

const answered = (job: Job, far: Progressed, answer: Answer, read: Read): Tried => ({
  outcome: {
    kind: 'answered',
    deployment: job.hop.deployment,
    model: job.hop.model,
    group: job.group,
    status: answer.status,
    headers: answer.headers,
    content: read.content,
    lease: job.lease,
    startedAt: far.startedAt,
    firstContentAt: read.firstContentAt,
    conceal: failure => concealed(failure, far.credential ?? []),
  },
  edits: far.draft === undefined ? [] : editNames(far.draft),
  lost: lostBy(far.draft),
})

/** The credential's headers join the draft's only here, after everything that could be looked at was made. */
export const withCredential = (draft: Draft, credential: readonly HeaderPair[]): readonly HeaderPair[] => {
  const ours = draft.headers.some(([name]) => gives(credential, name.toLowerCase()))
    ? draft.headers.filter(([name]) => !gives(credential, name.toLowerCase()))
    : draft.headers
  return [...ours, ...credential]
}

const signalOf = (error: unknown, job: Job, startedAt: number): FailureSignal => {
  const provider = job.hop.deployment.provider
  if (error instanceof Unsupported)
    return { kind: 'unsupported', message: error.message, param: error.param, provider }
  if (error instanceof TransportFault) {
    if (error.kind === 'aborted') return { kind: 'client_gone' }
    if (error.kind === 'headers_timeout')
      return timeoutSignal(job, 'headers', job.house.clock.now() - startedAt)
    return { kind: 'transport', fault: error, provider }
  }
  job.house.event('error', 'An attempt failed inside the gateway.', { error })
  return { kind: 'bug' }
}

const timeoutSignal = (
  job: Job,
  phase: 'headers' | 'first_token' | 'idle' | 'total',
  tookMs: number,
): FailureSignal => {
  const { deployment } = job.hop
  const limits = limitsFor(job.call, deployment)
  const { request_timeout: requestTimeout = null, timeout = null } = deployment.shown
  return {
    kind: 'timeout',
    phase,
    limitMs: limits.limitMs ?? 0,
    tookMs,
    byClient: limits.byClient,
    written: { requestTimeout, timeout },
    provider: deployment.provider,
  }
}

const failed = (job: Job, signal: FailureSignal, far: Progressed): Tried => {
  const failure: Failure = concealed(classify(signal), far.credential ?? [])
  const totalMs = job.house.clock.now() - far.startedAt
  const ours = failure.class === 'client_gone' || failure.class === 'gateway_bug'
  const neutral = ours || isRehearsed(job.call)
  job.lease.settle(neutral ? { kind: 'neutral' } : { kind: 'failure', failure, totalMs })
  return {
    outcome: { kind: 'failed', failure, upstreamStatus: far.status },
    edits: far.draft === undefined ? [] : editNames(far.draft),
    lost: [],
  }
}

/** Names and dates an answer whose own dialect has neither; from the house, so that a run can be replayed. */
const stampOf =
  ({ dice, clock }: House) =>
  (): Stamp => ({
    unique: Math.floor(dice.random() * 2 ** 52).toString(36),
    created: Math.floor(clock.wall() / 1000),
  })

const readAnswer = async (job: Job, sent: Sent, answer: Answer): Promise<Verdict> => {
  const reading = job.hop.deployment.connection.reading(sent.ask, stampOf(job.house))
  if (answer.status >= 300 && job.call.route.verbatim !== true) return readError(job, sent, answer, reading)
  const type = answer.headers['content-type'] ?? ''
  const { route, stream } = job.call
  const events = type.startsWith(reading.streamType ?? 'text/event-stream')
  if (stream && events) return readEvents(job, sent, answer, reading)
  const provider = job.hop.deployment.provider
  if (/^text\/html\b/i.test(type) && route.shape !== 'raw') {
    answer.abort()
    return fail({ kind: 'unreadable', what: 'html', status: answer.status, provider })
  }
  if (route.shape === 'raw' || (route.shape === 'speech' && !type.startsWith('application/json')))
    return readStream(job, sent, answer, {
      decoder: wholeChunks(),
      rules: route.shape === 'speech' ? SOUND : BYTES,
      raw: true,
    })
  return readDocument(job, sent, answer, reading)
}

const remaining = (job: Job, sent: Sent): number | undefined =>
  sent.limits.limitMs === undefined
    ? undefined
    : Math.max(1, sent.limits.limitMs - (job.house.clock.now() - sent.startedAt))

const readError = async (job: Job, sent: Sent, answer: Answer, reading: Reading): Promise<Verdict> => {
  const { clock } = job.house
  const got = await collect(answer, {
    clock,
    maxBytes: ERROR_BYTES,
    totalMs: Math.min(remaining(job, sent) ?? 10_000, 10_000),
  })
  const body = got.kind === 'whole' ? got.bytes : undefined
  const errorObject = body === undefined ? undefined : reading.errorOf?.(answer.status, answer.headers, body)
  if (got.kind === 'fault' && got.fault.kind === 'aborted') return fail({ kind: 'client_gone' })
  return fail({
    kind: 'response',
    status: answer.status,
    headers: answer.headers,
    body,
    provider: job.hop.deployment.provider,
    ...(errorObject === undefined ? {} : { errorObject }),
    inStream: false,
    sent: true,
    resource: job.call.route.crossing === 'never',
    wallNow: clock.wall(),
  })
}

const readDocument = async (job: Job, sent: Sent, answer: Answer, reading: Reading): Promise<Verdict> => {
  const { clock } = job.house
  const provider = job.hop.deployment.provider
  const { route, config } = job.call
  const unreadable = (what: 'not_json' | 'empty' | 'wrong_content_type' | 'oversize'): Verdict =>
    fail({ kind: 'unreadable', what, status: answer.status, provider })
  const got = await collect(answer, {
    clock,
    maxBytes: config.general.maxResponseBytes,
    totalMs: remaining(job, sent),
  })
  if (got.kind === 'timeout') return fail(timeoutSignal(job, 'total', clock.now() - sent.startedAt))
  if (got.kind === 'oversize') return unreadable('oversize')
  if (got.kind === 'fault')
    return fail(
      got.fault.kind === 'aborted'
        ? { kind: 'client_gone' }
        : { kind: 'transport', fault: got.fault, provider },
    )
  const type = answer.headers['content-type'] ?? ''
  const document = (bytes: Uint8Array, index?: JsonIndex): Verdict => {
    const usage = index === undefined ? undefined : SHAPES[route.shape].usageOf(usageView(index))
    return { ok: true, read: { content: { kind: 'document', bytes, index, usage } } }
  }
  // Subtitles and plain transcripts are text by request; a deletion may answer with nothing at all.
  if (
    route.shape === 'transcription' &&
    /^(text\/|application\/x-subrip)/i.test(type) &&
    got.bytes.length > 0 &&
    !job.call.stream
  )
    return document(got.bytes)
  if (got.bytes.length === 0)
    return route.crossing === 'never' && !job.call.stream ? document(got.bytes) : unreadable('empty')
  if (job.call.stream || type.startsWith('text/event-stream')) {
    // An error that came as plain JSON is worth more than the complaint about its type.
    const hidden = errorIn(got.bytes, route.shape)
    return hidden === undefined ? unreadable('wrong_content_type') : fail(hiddenSignal(job, answer, hidden))
  }
  const bytes = reading.translate === undefined ? got.bytes : reading.translate(got.bytes)
  let index: JsonIndex
  try {
    index = indexObject(bytes)
  } catch {
    return unreadable('not_json')
  }
  // What is read back (a stored response that failed) is the answer; only what was asked to be done can fail inside.
  const shape = SHAPES[route.shape]
  if (route.method === 'GET' || shape.calm?.(index) === true) return document(bytes, index)
  const view = viewOf(index)
  const hidden = shape.errorInside(view)
  if (hidden !== undefined) return fail(hiddenSignal(job, answer, hidden))
  if (shape.filtered?.(view) === true && job.filteredFails()) return fail(hiddenSignal(job, answer, FILTERED))
  return document(bytes, index)
}

/** behaviour map 3.3, in LiteLLM's words. */
const FILTERED: JsonObject = { message: 'Response output was blocked.', code: 'content_policy_violation' }

const errorIn = (
  bytes: Uint8Array,
  shape: Call['route']['shape'],
): ReturnType<(typeof SHAPES)['chat']['errorInside']> => {
  try {
    return SHAPES[shape].errorInside(viewOf(indexObject(bytes)))
  } catch {
    return undefined
  }
}

const hiddenSignal = (
  job: Job,
  answer: Answer,
  errorObject: NonNullable<ReturnType<typeof errorIn>>,
): FailureSignal => ({
  kind: 'response',
  status: answer.status,
  headers: answer.headers,
  body: undefined,
  provider: job.hop.deployment.provider,
  errorObject,
  inStream: true,
  sent: true,
  resource: job.call.route.crossing === 'never',
  wallNow: job.house.clock.wall(),
})

const readEvents = (job: Job, sent: Sent, answer: Answer, reading: Reading): Promise<Verdict> => {
  const rules = SHAPES[job.call.route.shape].stream
  if (rules === undefined) {
    answer.abort()
    const provider = job.hop.deployment.provider
    return Promise.resolve(
      fail({ kind: 'unreadable', what: 'wrong_content_type', status: answer.status, provider }),
    )
  }
  return readStream(job, sent, answer, { decoder: reading.decoder?.() ?? sseDecoder(), rules, raw: false })
}

type Framing = { readonly decoder: StreamDecoder; readonly rules: StreamRules; readonly raw: boolean }

/** The commit gate, the same for every endpoint that streams. */
const readStream = async (job: Job, sent: Sent, answer: Answer, framing: Framing): Promise<Verdict> => {
  const { clock } = job.house
  const limit = sent.limits.limitMs
  const live = new LiveStream(answer, framing.decoder, { clock, firstTokenMs: limit, idleMs: limit })
  const progress = new Progress(framing.rules)
  const gated = await gate(live, progress, clock.now)
  if (gated.kind === 'open') {
    const content: Content = { kind: 'stream', live, progress, opened: gated, raw: framing.raw }
    return { ok: true, read: { content, firstContentAt: gated.firstContentAt } }
  }
  if (gated.kind === 'error') return fail(hiddenSignal(job, answer, gated.error))
  const provider = job.hop.deployment.provider
  if (gated.kind === 'cut') return fail({ kind: 'unreadable', what: 'cut', status: answer.status, provider })
  return fail(troubleSignal(gated.trouble, job, answer.status))
}

/** What a broken stream means, before and after the commit. */
export const troubleSignal = (
  trouble: Trouble,
  job: Pick<Job, 'call' | 'hop' | 'house'>,
  status: number,
): FailureSignal => {
  const provider = job.hop.deployment.provider
  if (trouble.kind === 'fault')
    return trouble.fault.kind === 'aborted'
      ? { kind: 'client_gone' }
      : { kind: 'transport', fault: trouble.fault, provider, inStream: true }
  if (trouble.kind === 'timeout') return timeoutSignal(job as Job, trouble.phase, trouble.tookMs)
  return {
    kind: 'unreadable',
    what: trouble.kind === 'oversize' ? 'oversize' : 'malformed_event',
    status,
    provider,
  }
}

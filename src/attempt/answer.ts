import type { Call } from '../call.ts'
import { saidError } from '../dialects/error-object.ts'
import { readErrorBody } from '../dialects/error-text.ts'
import { SHAPES } from '../dialects/index.ts'
import type { StreamDecoder, StreamRules } from '../dialects/shape.ts'
import type { House } from '../house.ts'
import type { Ask, Reading, Stamp } from '../providers/provider.ts'
import { indexObject, type JsonIndex } from '../wire/index.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { BYTES, SOUND, wholeChunks } from './bytes.ts'
import { choicesOf } from './choices.ts'
import type { FailureSignal } from './classify.ts'
import type { UnreadableSignal } from './classify-signal.ts'
import { type Collected, collect } from './collect.ts'
import { type EmptyEnd, gate } from './gate.ts'
import { isAnswer, typeOf } from './head.ts'
import { leftOf, nearer, type PhaseLimits } from './limits.ts'
import type { Job } from './once.ts'
import type { Content } from './outcome.ts'
import { Progress, usageAfter } from './progress.ts'
import type { Approach } from './resume.ts'
import { jointDecoder } from './resume-joint.ts'
import { timeoutSignal, troubleSignal } from './signals.ts'
import { LiveStream } from './stream.ts'
import type { Answer } from './transport.ts'
import { usageView, viewOf } from './view.ts'

/** Error bodies are read up to this size. */
const ERROR_BYTES = 1024 * 1024
/** And waited for so long. */
const ERROR_MS = 10_000

/** And what is no answer, so far. */
const STRAY_BYTES = 64 * 1024

export type Sent = {
  readonly ask: Ask
  readonly limits: PhaseLimits
  readonly startedAt: number
  /** The answer goes on with one that broke. */
  readonly approach: Approach | undefined
}
/** What an answer turned out to be. `lost`: what of it, so far, the client's dialect has no place for. */
export type Read = {
  readonly content: Content
  readonly firstContentAt?: number
  readonly lost?: Reading['lost'] | undefined
}

/** Failure values travel as signals until classify has named them. */
export type Verdict =
  | { readonly ok: true; readonly read: Read }
  | { readonly ok: false; readonly signal: FailureSignal }

const fail = (signal: FailureSignal): Verdict => ({ ok: false, signal })

/** Names and dates an answer whose own dialect has neither; from the house, so that a run can be replayed. */
const stampOf =
  ({ dice, clock }: House) =>
  (): Stamp => ({
    unique: Math.floor(dice.random() * 2 ** 52).toString(36),
    created: Math.floor(clock.wall() / 1000),
  })

const AS_IT_IS: Reading = {}

/** The answer of one attempt, read as far as the commit; a failure is a signal. */
export const readAnswer = (job: Job, sent: Sent, answer: Answer): Promise<Verdict> | Verdict => {
  const reading =
    answer.canned === true ? AS_IT_IS : job.hop.deployment.connection.reading(sent.ask, stampOf(job.house))
  if (!isAnswer(answer.status) && job.call.route.verbatim !== true)
    return readError(job, sent, answer, reading)
  const type = typeOf(answer)
  const { route, stream } = job.call
  const events = type.startsWith(reading.streamType ?? 'text/event-stream')
  if (stream && events) return readEvents(job, sent, answer, reading)
  if (
    route.shape === 'raw' ||
    (route.shape === 'speech' && !/^(?:application\/json|text\/(?:html|event-stream))\b/i.test(type))
  )
    return readStream(job, sent, answer, {
      decoder: wholeChunks(),
      rules: route.shape === 'speech' ? SOUND : BYTES,
      raw: true,
    })
  return readDocument(job, sent, answer, reading)
}

const remaining = (job: Job, { limits, startedAt }: Sent): number | undefined =>
  job.allowance.within(leftOf(limits.wholeMs, startedAt, job.house.clock.now()))

/** The time for the first token is the error's, too: its status is known, and somebody else may be asked. */
const errorLeft = (job: Job, sent: Sent): number => {
  const { firstTokenMs } = sent.limits
  const first = leftOf(firstTokenMs, sent.startedAt, job.house.clock.now())
  return nearer(first, remaining(job, sent)) ?? ERROR_MS
}

const readError = async (job: Job, sent: Sent, answer: Answer, reading: Reading): Promise<Verdict> => {
  const { clock } = job.house
  const got = await collect(answer, {
    clock,
    maxBytes: ERROR_BYTES,
    totalMs: Math.min(errorLeft(job, sent), ERROR_MS),
  })
  // An error that breaks off, or does not end, has often said all that counts.
  const body = got.kind === 'whole' ? got.bytes : Buffer.concat(got.part)
  const errorObject = body.length === 0 ? undefined : reading.errorOf?.(answer.status, answer.headers, body)
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

/** Some servers write a byte order mark before their JSON, which nobody is meant to read (RFC 8259, section 8.1). */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

const readDocument = (job: Job, sent: Sent, answer: Answer, reading: Reading): Promise<Verdict> | Verdict => {
  const collecting = collect(answer, {
    clock: job.house.clock,
    maxBytes: job.call.config.general.maxResponseBytes,
    totalMs: remaining(job, sent),
  })
  const judge = (got: Collected): Verdict =>
    got.kind === 'whole' ? judged(job, answer, reading, got.bytes) : incomplete(job, sent, answer, got)
  return collecting instanceof Promise ? collecting.then(judge) : judge(collecting)
}

const incomplete = (
  job: Job,
  { startedAt, limits }: Sent,
  { status }: Answer,
  got: Exclude<Collected, { kind: 'whole' }>,
): Verdict => {
  const { provider } = job.hop.deployment
  if (got.kind === 'timeout') {
    const tookMs = job.house.clock.now() - startedAt
    return fail(timeoutSignal(job, { phase: 'attempt', tookMs, limitMs: limits.wholeMs }))
  }
  if (got.kind === 'oversize') return fail({ kind: 'unreadable', what: 'over_limit', status, provider })
  return fail(
    got.fault.kind === 'aborted'
      ? { kind: 'client_gone' }
      : { kind: 'transport', fault: got.fault, provider },
  )
}

/** What a whole answer turned out to be. */
const judged = (job: Job, answer: Answer, reading: Reading, got: Uint8Array): Verdict => {
  const { provider } = job.hop.deployment
  const { route } = job.call
  const unreadable = (what: UnreadableSignal['what']): Verdict =>
    fail({ kind: 'unreadable', what, status: answer.status, provider })
  const type = typeOf(answer)
  const document = (bytes: Uint8Array, index?: JsonIndex): Verdict => {
    const usage = index === undefined ? undefined : SHAPES[route.shape].usageOf(usageView(index))
    return { ok: true, read: { content: { kind: 'document', bytes, index, usage }, lost: reading.lost } }
  }
  // Subtitles and plain transcripts are text by request; a deletion may answer with nothing at all.
  if (
    route.shape === 'transcription' &&
    /^(?:text\/(?!event-stream|html)|application\/x-subrip)/.test(type) &&
    got.length > 0 &&
    !job.call.stream
  )
    return document(got)
  if (got.length === 0)
    return route.crossing === 'never' && !job.call.stream ? document(got) : unreadable('empty')
  const whole = withoutMark(got)
  const bytes = reading.translate === undefined ? whole : reading.translate(whole)
  /** An error in any form is worth more than the complaint about its type. */
  const misfit = (what: UnreadableSignal['what']): Verdict => {
    const hidden = errorIn(bytes, route.shape) ?? strayError(whole)
    return hidden === undefined ? unreadable(what) : fail(hiddenSignal(job, answer, hidden))
  }
  if (/^text\/html\b/i.test(type)) return misfit('html')
  // Sound is never a document, and only an error is told as one.
  if (job.call.stream || route.shape === 'speech' || type.startsWith('text/event-stream'))
    return misfit('wrong_content_type')
  let index: JsonIndex
  try {
    index = indexObject(bytes)
  } catch {
    return misfit('not_json')
  }
  // What is read back (a stored response that failed) is the answer; only what was asked to be done can fail inside.
  const shape = SHAPES[route.shape]
  if (route.method === 'GET' || shape.calm?.(index) === true) return document(bytes, index)
  const view = viewOf(index)
  // Of an answer that was judged before, an error is told as one.
  const calm = reading.judged === true && !index.members.has('error')
  const hidden = calm ? undefined : shape.errorInside(view)
  if (hidden !== undefined) return fail(hiddenSignal(job, answer, hidden))
  if (shape.filtered?.(view) === true && job.hasFallback('content_policy'))
    return fail(hiddenSignal(job, answer, FILTERED))
  return document(bytes, index)
}

/** In LiteLLM's words. */
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

/** The error in what is no answer at all: an event of a stream that was not announced, a list of one. */
const strayError = (bytes: Uint8Array): JsonObject | undefined => {
  const body = readErrorBody(bytes.subarray(0, STRAY_BYTES))
  const value = body.kind === 'json' && Array.isArray(body.value) ? body.value[0] : undefined
  const said = value ?? (body.kind === 'json' ? body.value : undefined)
  return isObject(said) ? saidError(said) : undefined
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
  const known = SHAPES[job.call.route.shape].stream
  const rules = known === undefined || reading.judged !== true ? known : withoutEmptyEnd(known)
  if (rules === undefined) {
    answer.abort()
    const provider = job.hop.deployment.provider
    return Promise.resolve(
      fail({ kind: 'unreadable', what: 'wrong_content_type', status: answer.status, provider }),
    )
  }
  const inner = reading.decoder?.() ?? sseDecoder()
  const { approach } = sent
  const { answers, lost } = reading
  if (approach === undefined)
    return readStream(job, sent, answer, { decoder: inner, rules, raw: false, answers, lost })
  const decoder = jointDecoder(approach.mode, { ...approach, inner, rules })
  const counted = { ...joined(rules), sight: withWithheld(rules, decoder) }
  return readStream(job, sent, answer, { decoder, rules: counted, raw: false, answers, lost })
}

const withoutEmptyEnd = ({ emptyEnd: _, ...rules }: StreamRules): StreamRules => rules

const NO_END: JsonObject = { message: 'The answer had nothing to add and no end.', code: 'empty_answer' }

/**
 * Where everything has been said, nothing more is no empty answer, if an end of its own says so. Where an answer ends by its
 * reason, its terminator alone is none: what broke in the middle would be told as whole.
 */
const joined = ({ filtered: _, ...rules }: StreamRules): StreamRules =>
  rules.endsByReason === true ? { ...rules, emptyEnd: withoutReason(rules) } : withoutEmptyEnd(rules)

/** What was told in events that are not passed on is told by the next one that is. */
const withWithheld =
  (rules: StreamRules, decoder: StreamDecoder): StreamRules['sight'] =>
  event => {
    const seen = rules.sight(event)
    const before = seen.kind === 'error' ? undefined : decoder.withheld?.()
    if (before === undefined || seen.kind === 'error') return seen
    return { ...seen, usage: seen.usage === undefined ? before : usageAfter(rules, before, seen.usage) }
  }

const withoutReason =
  ({ sight, endsWithoutTerminal }: StreamRules): NonNullable<StreamRules['emptyEnd']> =>
  events => {
    // Where a count alone is the last of an answer too, it is no reason.
    const ended = events
      .map(sight)
      .some(seen => seen.kind === 'final' && (seen.finished !== undefined || !endsWithoutTerminal))
    return ended ? undefined : NO_END
  }

type Framing = {
  readonly decoder: StreamDecoder
  readonly rules: StreamRules
  readonly raw: boolean
  /** Where it is not what the request asks for. */
  readonly answers?: number | undefined
  readonly lost?: Reading['lost'] | undefined
}

/** It was no answer, or a filter left nothing of it while another group stands by for that. */
const emptyEndOf =
  (job: Job, rules: StreamRules): EmptyEnd =>
  events =>
    rules.emptyEnd?.(events) ??
    (rules.filtered?.(events) === true && job.hasFallback('content_policy') ? FILTERED : undefined)

/** The commit gate, the same for every endpoint that streams. */
const readStream = async (job: Job, sent: Sent, answer: Answer, framing: Framing): Promise<Verdict> => {
  const { clock } = job.house
  const { limits, startedAt } = sent
  const ownFirst = leftOf(limits.firstTokenMs, startedAt, clock.now())
  const live = new LiveStream(answer, framing.decoder, {
    clock,
    // The head has taken its part of the request's time; once content comes, only the answer's own limits hold.
    firstTokenMs: job.allowance.within(nearer(ownFirst, limits.quietMs)),
    idleMs: limits.idleMs,
    until: limits.attemptMs === undefined ? undefined : startedAt + limits.attemptMs,
  })
  const { body, route } = job.call
  const answers = framing.answers ?? choicesOf(body, job.hop, SHAPES[route.shape].answersIn)
  const progress = new Progress(framing.rules, answers)
  const gated = await gate(live, progress, { now: clock.now, emptyEnd: emptyEndOf(job, framing.rules) })
  if (gated.kind === 'open') {
    const { firstContentAt } = gated
    // What had to be repeated first says nothing of how soon a deployment speaks.
    if (framing.rules.speaksSoon === true && sent.approach === undefined)
      job.house.board.patience(job.hop.deployment).spoke(firstContentAt - startedAt)
    const content: Content = { kind: 'stream', live, progress, opened: gated, raw: framing.raw }
    return { ok: true, read: { content, firstContentAt, lost: framing.lost } }
  }
  if (gated.kind === 'error') return fail(hiddenSignal(job, answer, gated.error))
  const provider = job.hop.deployment.provider
  if (gated.kind === 'cut') return fail({ kind: 'unreadable', what: 'cut', status: answer.status, provider })
  return fail(troubleSignal(gated.trouble, { ...job, limits, startedAt }, answer.status))
}

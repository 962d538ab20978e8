import type { Call } from '../call.ts'
import type { ExceptionName } from '../failure.ts'
import type { House } from '../house.ts'
import { generalList, type Stop } from '../plan/plan.ts'
import { type Draft, Unsupported } from '../providers/provider.ts'
import { type FallbackLists, type MockKind, mockException } from '../reply/error-text.ts'
import type { Signal } from '../signal.ts'
import { cannedAnswer } from './mock-answers.ts'
import type { Job } from './once.ts'
import type { Failed } from './outcome.ts'
import { type Answer, type Limits, type Transport, TransportFault } from './transport.ts'

/** The lists in force, which the message shows. */
const listsOf = (call: Call): FallbackLists => {
  const { controls, config } = call
  return {
    fallbacks: generalList(call),
    contextWindowFallbacks: controls.contextWindowFallbacks ?? config.router.contextWindowFallbacks,
    contentPolicyFallbacks: controls.contentPolicyFallbacks ?? config.router.contentPolicyFallbacks,
  }
}

const failedBy = (kind: MockKind, call: Call, stop: Stop): Failed => ({
  kind: 'failed',
  failure: mockException(kind, stop.named, listsOf(call)),
  upstreamStatus: undefined,
})

/** mock_testing_*: the first group fails before any attempt, so that the way after it is rehearsed for real. */
export const mockFailure = (call: Call, stop: Stop): Failed | undefined => {
  const { mock } = call.controls
  const kind = mock.fallbacks
    ? 'fallbacks'
    : mock.contextFallbacks
      ? 'context'
      : mock.contentPolicyFallbacks
        ? 'content_policy'
        : undefined
  return kind === undefined ? undefined : failedBy(kind, call, stop)
}

/** mock_testing_rate_limit_error: the first attempt of the first group, without a deployment; its retries are real. */
export const mockFirstAttempt = (call: Call, stop: Stop): Failed | undefined =>
  call.controls.mock.rateLimit ? failedBy('rate_limit', call, stop) : undefined

/** The request asked for its own failures: they say nothing about a deployment. */
export const isRehearsed = ({ controls: { mock } }: Call): boolean =>
  mock.timeout || mock.response !== undefined

/** The request makes up a part of what happens to it. */
export const isMocked = ({ controls: { mock } }: Call): boolean =>
  mock.timeout || mock.rateLimit || mock.delayMs > 0 || mock.response !== undefined

/** An answer that comes from here: the deployment has a mock_response, or an admin asked for one. */
const textOf = (job: Job): string | undefined => {
  const own = job.hop.deployment.mockResponse
  if (typeof own === 'string') return own
  if (own !== undefined && own !== null) return JSON.stringify(own)
  return job.call.controls.mock.response
}

const RAISED: Readonly<Record<string, ExceptionName>> = {
  'litellm.RateLimitError': 'RateLimitError',
  'litellm.ContextWindowExceededError': 'ContextWindowExceededError',
  'litellm.InternalServerError': 'InternalServerError',
  'litellm.ContentPolicyViolationError': 'ContentPolicyViolationError',
}

const STATUS: Readonly<Partial<Record<ExceptionName, readonly [status: number, code: string | null]>>> = {
  RateLimitError: [429, null],
  ContextWindowExceededError: [400, 'context_length_exceeded'],
  ContentPolicyViolationError: [400, 'content_policy_violation'],
  InternalServerError: [500, null],
}

/** What the canned provider sends back: an answer, or the error that the mock text names. */
const scripted = (job: Job, text: string): { status: number; type: string; body: Uint8Array } | undefined => {
  const exception = RAISED[text]
  if (exception !== undefined) {
    const [status, code] = STATUS[exception] ?? [500, null]
    const error = { message: `Mock ${exception}`, type: null, param: null, code }
    return { status, type: 'application/json', body: Buffer.from(JSON.stringify({ error })) }
  }
  const { house, call } = job
  const canned = cannedAnswer({
    shape: call.route.shape,
    text,
    model: job.hop.model,
    stream: call.stream,
    created: Math.floor(house.clock.wall() / 1000),
    unique: Math.floor(house.dice.random() * 2 ** 48).toString(36),
  })
  return canned === undefined ? undefined : { status: 200, type: canned.type, body: canned.body }
}

const answering = (status: number, type: string, body: Uint8Array): Answer => {
  let over = false
  return {
    status,
    headers: { 'content-type': type },
    canned: true,
    read: sink => {
      queueMicrotask(() => {
        if (!over) sink.data(body)
        if (!over) sink.end()
      })
    },
    pause: () => {},
    resume: () => {},
    abort: () => {
      over = true
    },
  }
}

/** The transport of a draft that brings its own answer. */
export const localTransport = (body: Uint8Array): Transport => ({
  send: () => Promise.resolve(answering(200, 'application/json', body)),
  close: () => Promise.resolve(),
})

const waiting = (ms: number, house: House, signal: Signal): Promise<void> =>
  new Promise((resolve, reject) => {
    const cancel = house.clock.after(ms, resolve)
    signal.addEventListener('abort', () => {
      cancel()
      reject(new TransportFault('aborted', 'The client left.', false))
    })
  })

/** The transport of one mocked attempt: everything around it is the real thing. */
export const mockTransport = (job: Job): Transport | undefined => {
  const { house, call } = job
  const { mock } = call.controls
  const text = textOf(job)
  if (text === undefined && !mock.timeout && mock.delayMs === 0) return undefined
  const send = async (
    draft: Draft,
    headers: Parameters<Transport['send']>[1],
    limits: Limits,
    signal: Signal,
  ): Promise<Answer> => {
    if (mock.delayMs > 0) await waiting(mock.delayMs, house, signal)
    if (mock.timeout) {
      await waiting(limits.headersMs ?? 0, house, signal)
      throw new TransportFault('headers_timeout', 'Mock timeout.', false)
    }
    // What a provider keeps is its own: nothing stands for it.
    if (text === undefined || call.route.crossing === 'never')
      return house.transport.send(draft, headers, limits, signal)
    const answer = scripted(job, text)
    // Whoever asked for a canned answer did not want to pay a provider for another one.
    if (answer === undefined) throw new Unsupported(`mock_response has no answer for ${call.route.name}.`)
    return answering(answer.status, answer.type, answer.body)
  }
  return { send, close: () => Promise.resolve() }
}

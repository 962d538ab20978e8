import type { Call } from '../call.ts'
import type { Config, Deployment, PhaseSettings } from '../config/config.ts'
import { SHAPES } from '../dialects/index.ts'

/** Connecting is the network's part and has its own, short limit. */
export const CONNECT_MS = 5_000

/** The limits of one attempt by phase, milliseconds; undefined = none. */
export type PhaseLimits = {
  readonly connectMs: number
  /** From the start to the response head. */
  readonly headersMs: number | undefined
  /** From the start to the first content of a stream; over `quietMs` when it is set. */
  readonly firstTokenMs: number | undefined
  /** From the response head to the first content: what a general limit makes of that phase. */
  readonly quietMs: number | undefined
  /** Between two events of a stream that has begun. */
  readonly idleMs: number | undefined
  /** From the start to the last byte of a whole answer. */
  readonly wholeMs: number | undefined
  /** From the start to the last byte of a stream. */
  readonly attemptMs: number | undefined
  /** Nobody has said how long a first token may take. */
  readonly firstTokenUnsaid: boolean
}

/** The caller's own limit, when it brought one: running into it says nothing about the deployment. */
export const clientLimit = ({ controls, stream }: Call): number | undefined =>
  (stream ? controls.streamTimeoutMs : undefined) ?? controls.timeoutMs

/**
 * What the operator wrote for this kind of call: the deployment's word, then the router's, then for any call. A limit of 0
 * says nothing, as in LiteLLM: the next one holds.
 */
const operatorLimit = ({ stream, config }: Call, deployment: Deployment): number =>
  (stream && (deployment.streamTimeoutMs || config.router.streamTimeoutMs)) ||
  deployment.timeoutMs ||
  config.router.timeoutMs ||
  config.litellm.requestTimeoutMs

/**
 * LiteLLM's limit in force, milliseconds. Stream: the request's stream_timeout, else its timeout, the deployment's
 * stream_timeout, the router's, then as non-stream. Non-stream: the request's timeout, the deployment's, the router's,
 * request_timeout. On a stream the value limits each phase: head, first content, each silence after it.
 */
export const generalLimit = (call: Call, deployment: Deployment): number =>
  clientLimit(call) ?? operatorLimit(call, deployment)

/** A phase's own limit. The deployment's general limit of this kind of call is nearer than the router's phases. */
const ownLimit = (call: Call, deployment: Deployment, phase: keyof PhaseSettings): number | undefined => {
  const near = call.stream ? deployment.streamTimeoutMs : deployment.timeoutMs
  return deployment.phases[phase] ?? (near ? undefined : call.config.router.phases[phase])
}

const finite = (ms: number | undefined): number | undefined =>
  ms === undefined || ms === Number.POSITIVE_INFINITY ? undefined : ms

const lesser = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined ? other : other === undefined ? one : Math.min(one, other)

/** What holds for every call that brings no limit of its own, made once per deployment and configuration. */
type Standing = { readonly config: Config; plain: PhaseLimits | undefined; stream: PhaseLimits | undefined }
const standing = new WeakMap<Deployment, Standing>()

/** Every limit of one attempt. A phase's own key replaces the general limit there; the caller's is kept under all. */
export const limitsFor = (call: Call, deployment: Deployment): PhaseLimits => {
  const { controls, config, stream } = call
  if (controls.timeoutMs !== undefined || controls.streamTimeoutMs !== undefined)
    return makeLimits(call, deployment)
  let known = standing.get(deployment)
  if (known === undefined || known.config !== config) {
    known = { config, plain: undefined, stream: undefined }
    standing.set(deployment, known)
  }
  const kind = stream ? 'stream' : 'plain'
  known[kind] ??= makeLimits(call, deployment)
  return known[kind]
}

/** The answer is passed on as it comes, so that its phases can be told apart. */
const comesInPhases = ({ stream, route }: Call): boolean => stream || SHAPES[route.shape].flows === true

const makeLimits = (call: Call, deployment: Deployment): PhaseLimits => {
  const client = clientLimit(call)
  const general = client ?? operatorLimit(call, deployment)
  const own = (phase: keyof PhaseSettings): number | undefined => ownLimit(call, deployment, phase)
  const within = (phase: keyof PhaseSettings): number | undefined => {
    const said = own(phase)
    return said === undefined ? general : finite(lesser(said, client))
  }
  // A whole answer has no first token before its last.
  const phased = comesInPhases(call)
  const firstToken = phased ? own('firstTokenMs') : undefined
  const streamSaid =
    call.controls.streamTimeoutMs || deployment.streamTimeoutMs || call.config.router.streamTimeoutMs
  const connectMs = deployment.phases.connectMs ?? call.config.router.phases.connectMs ?? CONNECT_MS
  return {
    connectMs: finite(connectMs) ?? 0,
    // The head of a whole answer comes with the answer: a limit on heads would limit answers there.
    headersMs: phased ? within('headersMs') : within('attemptMs'),
    firstTokenMs: firstToken === undefined ? undefined : finite(lesser(firstToken, client)),
    quietMs: firstToken === undefined ? general : undefined,
    idleMs: within('idleMs'),
    wholeMs: within('attemptMs'),
    attemptMs: finite(own('attemptMs')),
    firstTokenUnsaid: phased && firstToken === undefined && !streamSaid,
  }
}

/** Milliseconds left of a limit that began at `startedAt`; never 0, so that what has come already is still looked at. */
export const leftOf = (limitMs: number | undefined, startedAt: number, now: number): number | undefined =>
  limitMs === undefined ? undefined : Math.max(1, limitMs - (now - startedAt))

/** The nearer of two limits; undefined only when there is neither. */
export const nearer = lesser

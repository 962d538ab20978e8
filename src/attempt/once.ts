import type { Call } from '../call.ts'
import { NoCredential } from '../credentials/source.ts'
import type { Amendment } from '../dialects/amendment.ts'
import { SHAPES } from '../dialects/index.ts'
import type { Failure, FailureClass } from '../failure.ts'
import type { House } from '../house.ts'
import {
  type Compacting,
  type Connection,
  type Draft,
  type HeaderPair,
  Unsupported,
} from '../providers/provider.ts'
import type { Held } from '../providers/recipe.ts'
import { gives } from '../providers/same-dialect.ts'
import type { Lease } from '../shared/board.ts'
import type { Signal } from '../signal.ts'
import { IN_STEP } from '../turn.ts'
import type { Warning } from '../wire/edit.ts'
import { adapt, type Hop, type Parcel } from './adapt.ts'
import type { Allowance } from './allowance.ts'
import { amended } from './amend.ts'
import { type Read, readAnswer } from './answer.ts'
import { classify, type FailureSignal } from './classify.ts'
import { concealed } from './conceal.ts'
import { firstCredential } from './credential.ts'
import { plainAnswer } from './decode.ts'
import { limitsFor, nearer, type PhaseLimits } from './limits.ts'
import { isRehearsed, localTransport, mockTransport } from './mock.ts'
import { droppedBy, editNames, type Failed, type Outcome } from './outcome.ts'
import { mayThink, patienceMs } from './patience.ts'
import { type Approach, approachTo, bySplice, isGivenWhole, type Resumption } from './resume.ts'
import type { Mode } from './resume-joint.ts'
import { timeoutSignal } from './signals.ts'
import { type Answer, TransportFault } from './transport.ts'

/** One attempt and what the trail will say of it. */
export type Tried = {
  readonly outcome: Outcome
  readonly edits: readonly string[]
  readonly lost: readonly string[]
  /** How it was asked to go on with an answer that had broken. */
  readonly resumed: Mode | undefined
  /** How it was asked to compact the conversation. */
  readonly compaction?: Compacting | undefined
}

export type Job = {
  readonly call: Call
  readonly parcel: Parcel
  readonly hop: Hop
  readonly group: string
  readonly lease: Lease
  readonly house: House
  /** Gives the attempt up. Default: when the client leaves. */
  readonly signal?: Signal | undefined
  /** What is left to the request: an attempt is given up when its time is over. */
  readonly allowance: Allowance
  /** Another group stands by for this failure. */
  readonly hasFallback: (failure: FailureClass) => boolean
  /** The attempt goes on from an answer that broke. */
  readonly resumption?: Resumption | undefined
  /** What this deployment has refused of this request so far. */
  readonly amendments: readonly Amendment[] | undefined
}

/** The reason of a signal that gives an attempt up because another one has answered first. */
export const OUTRUN = 'outrun'

/** How far an attempt came: what its failure is told with. Filled in on the way. */
type Progressed = {
  readonly startedAt: number
  readonly limits: PhaseLimits
  approach: Approach | undefined
  draft: Draft | undefined
  credential: readonly HeaderPair[] | undefined
  status: number | undefined
  /** The whole request had been written when the attempt was given up. */
  sent: boolean
  compaction: Compacting | undefined
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
    limits: limitsOf(job),
    approach: job.resumption === undefined ? undefined : approachTo(job.resumption, job.parcel, hop),
    draft: undefined,
    credential: undefined,
    status: undefined,
    sent: false,
    compaction: undefined,
  }
  if (connection.missing !== undefined && hop.deployment.mockResponse === undefined && hop.estimate !== true)
    return failed(job, { kind: 'missing_credential', message: connection.missing, provider }, far)
  try {
    const { ask, draft: drafted } = drafting(job, far)
    const draft = amended(job, drafted)
    far.draft = draft
    far.compaction = ask.compaction
    const mock = mockTransport(job)
    // Whoever is not asked is shown no credential, and none is waited for.
    const alone = mock !== undefined || draft.local !== undefined
    const taken = connection.recipe === undefined || alone ? undefined : take(job, far.limits)
    const held = taken instanceof Promise ? await taken : taken
    const pending =
      draft.local === undefined ? connection.authorize(draft, new Date(house.clock.wall()), held) : NO_PAIRS
    const credential = pending instanceof Promise ? await pending : pending
    far.credential = credential
    const headers = withCredential(draft, credential)
    const own = mock ?? (draft.local === undefined ? undefined : localTransport(draft.local))
    const transport = own ?? house.transport
    const phases = phasesOf(job, far.limits, taken === held ? 0 : house.clock.now() - far.startedAt)
    await IN_STEP
    const answer = plainAnswer(
      await transport.send(draft, headers, phases, job.signal ?? call.context.departed),
    )
    far.status = answer.status
    far.sent = true
    const { limits, startedAt, approach } = far
    const reading = readAnswer(job, { ask, limits, startedAt, approach }, answer)
    const verdict = reading instanceof Promise ? await reading : reading
    return verdict.ok ? answered(job, far, answer, verdict.read) : failed(job, verdict.signal, far)
  } catch (error) {
    if (error instanceof TransportFault) far.sent = error.sent
    return failed(job, signalOf(error, job, far), far)
  }
}

/** Limits up to the head, when `spentMs` of the attempt went by before it was sent. */
const phasesOf = (
  { allowance }: Job,
  { connectMs, headersMs, firstTokenMs }: PhaseLimits,
  spentMs: number,
) => {
  const head = nearer(headersMs, firstTokenMs)
  return { connectMs, headersMs: allowance.within(head === undefined ? head : Math.max(1, head - spentMs)) }
}

/** The credential that was fetched: at once, but for the first calls of all. */
const take = (job: Job, limits: PhaseLimits): Held | undefined | Promise<Held> => {
  const { house, hop, call } = job
  const { recipe } = hop.deployment.connection
  const held = recipe === undefined ? undefined : house.vault.take(recipe)
  if (!(held instanceof Promise)) return held
  const phases = phasesOf(job, limits, 0)
  return firstCredential(held, { clock: house.clock, ...phases, signal: job.signal ?? call.context.departed })
}

const NOTHING: readonly string[] = []
const NO_PAIRS: readonly HeaderPair[] = []

const printed = (warnings: readonly Warning[]): readonly string[] =>
  warnings.length === 0 ? NOTHING : warnings.map(({ lost, because }) => `${lost}: ${because}`)

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
    compaction: far.compaction,
    conceal: failure => concealed(failure, far.credential ?? [], job.call.echoes),
    dropped: far.draft === undefined ? undefined : droppedBy(far.draft),
    lost: () => printed(read.lost?.() ?? []),
  },
  edits: far.draft === undefined ? [] : editNames(far.draft),
  lost: printed(far.draft?.warnings ?? []),
  resumed: far.approach?.mode,
  compaction: far.compaction,
})

/** The request as this deployment gets it. */
const drafting = (job: Job, far: Progressed): ReturnType<typeof adapt> => {
  const { approach } = far
  const adapted = adapt(parcelFor(job, approach), job.hop)
  const target = { connection: job.hop.deployment.connection, ask: adapted.ask }
  if (approach === undefined || isGivenWhole(approach, adapted.draft, target)) return adapted
  far.approach = bySplice(approach)
  return adapt(job.parcel, job.hop)
}

/** The client's call, and where to go on from. */
const parcelFor = ({ parcel }: Job, approach: Approach | undefined): Parcel =>
  approach === undefined || approach.edits.length === 0
    ? parcel
    : { ...parcel, edits: [...parcel.edits, ...approach.edits] }

/** The credential's headers join the draft's only here, after everything that could be looked at was made. */
export const withCredential = (draft: Draft, credential: readonly HeaderPair[]): readonly HeaderPair[] => {
  const ours = draft.headers.some(([name]) => gives(credential, name))
    ? draft.headers.filter(([name]) => !gives(credential, name))
    : draft.headers
  return [...ours, ...credential]
}

/** The limits of this attempt. Where nobody has limited the first token and another group stands by, patience has an end. */
const limitsOf = (job: Job): PhaseLimits => {
  const { deployment } = job.hop
  const { body, route } = job.call
  const limits = limitsFor(job.call, deployment)
  if (!limits.firstTokenUnsaid || SHAPES[route.shape].stream?.speaksSoon !== true) return limits
  if (!job.hasFallback('timeout_first_token') || mayThink(body, deployment)) return limits
  const promptBytes = body.kind === 'none' ? 0 : body.bytes.length
  return { ...limits, firstTokenMs: patienceMs(job.house.board.patience(deployment), promptBytes) }
}

const signalOf = (error: unknown, job: Job, { startedAt, limits }: Progressed): FailureSignal => {
  const provider = job.hop.deployment.provider
  if (error instanceof Unsupported)
    return { kind: 'unsupported', message: error.message, param: error.param, code: error.code, provider }
  if (error instanceof TransportFault) {
    if (error.kind === 'aborted') return { kind: 'client_gone' }
    const tookMs = job.house.clock.now() - startedAt
    if (error.kind === 'headers_timeout')
      return timeoutSignal(job, {
        phase: 'headers',
        tookMs,
        limitMs: nearer(limits.headersMs, limits.firstTokenMs),
      })
    if (error.kind === 'connect_timeout')
      return timeoutSignal(job, { phase: 'connect', tookMs, limitMs: limits.connectMs })
    return { kind: 'transport', fault: error, provider }
  }
  if (error instanceof NoCredential) return { kind: 'missing_credential', message: error.message, provider }
  job.house.event('error', 'An attempt failed inside the gateway.', { error })
  return { kind: 'bug' }
}

/** Silence under the default is remembered: whoever has never spoken may only be slow. */
const learnSilence = (
  job: Job,
  { startedAt, limits }: Progressed,
  { class: failureClass }: Failure,
): void => {
  const silent = failureClass === 'timeout_headers' || failureClass === 'timeout_first_token'
  if (silent && limits.firstTokenUnsaid && limits.firstTokenMs !== undefined)
    job.house.board.patience(job.hop.deployment).silent(startedAt, job.house.clock.now())
}

/** Ends that say nothing about a deployment. */
const OURS: ReadonlySet<FailureClass> = new Set(['client_gone', 'outrun', 'gateway_bug'])

/** Nobody listens any more to an attempt that is given up: because the client has left, or has been answered. */
const toldBy = (signal: FailureSignal, { signal: own }: Job, { sent }: Progressed): FailureSignal =>
  signal.kind === 'client_gone' && own?.reason === OUTRUN ? { kind: 'outrun', sent } : signal

/** The provider has refused what was fetched: the next call may carry another one. */
const doubt = ({ recipe }: Connection, { vault }: House): void => {
  if (recipe !== undefined) vault.doubt(recipe)
}

const failed = (job: Job, signal: FailureSignal, far: Progressed): Tried => {
  const failure: Failure = concealed(
    classify(toldBy(signal, job, far)),
    far.credential ?? [],
    job.call.echoes,
  )
  const totalMs = job.house.clock.now() - far.startedAt
  const ours = OURS.has(failure.class)
  const neutral = ours || isRehearsed(job.call)
  learnSilence(job, far, failure)
  // What this process cannot fetch or was not given, another one may have.
  const here = signal.kind === 'missing_credential'
  const { modes } = job.call.route
  job.lease.settle(neutral ? { kind: 'neutral' } : { kind: 'failure', failure, totalMs, here, modes })
  if (failure.class === 'credential' && !here) doubt(job.hop.deployment.connection, job.house)
  const outcome: Failed = { kind: 'failed', failure, upstreamStatus: far.status }
  const { draft } = far
  return {
    outcome:
      failure.class === 'caller_fault' && draft !== undefined
        ? { ...outcome, blamed: { draft, candidate: job.hop } }
        : outcome,
    edits: far.draft === undefined ? [] : editNames(far.draft),
    lost: [],
    resumed: far.approach?.mode,
    compaction: far.compaction,
  }
}

import type { Settled, Trail } from '../attempt/settled.ts'
import type { Call, Received } from '../call.ts'
import type { House } from '../house.ts'
import type { Finish } from '../reply/reply.ts'
import { costOf, priceOf } from './price.ts'
import { awayMs, fetchedText, type RequestRecord, rehydratedText, type Step, type Writable } from './trail.ts'

/** Everything that is known when the last byte has left. */
export type Ending = {
  readonly received: Received
  readonly call: Call | undefined
  readonly settled: Settled | undefined
  readonly finish: Finish
}

/** The last step learns what only the end of the reply tells: usage, cost, first token, a break after the commit. */
const closed = (steps: readonly Step[], ending: Ending): readonly Step[] => {
  const { finish, settled } = ending
  const last = steps.at(-1)
  if (last === undefined || settled?.kind !== 'answered' || finish.stepsTold === true) return steps
  const lost = settled.answered.lost?.() ?? []
  const step: Writable<Step> = { ...last, lost: lost.length === 0 ? last.lost : [...last.lost, ...lost] }
  if (finish.failure !== undefined) {
    step.outcome = finish.failure.class
    step.next = 'end: the answer had begun'
    step.message = finish.failure.message
    if (finish.failure.fault !== undefined) step.fault = finish.failure.fault
  }
  if (finish.usage !== undefined) step.usage = finish.usage
  if (finish.costUsd !== undefined) step.costUsd = finish.costUsd
  if (finish.firstTokenMs !== undefined) step.firstTokenMs = finish.firstTokenMs - last.startedMs
  return steps.length === 1 ? [step] : [...steps.slice(0, -1), step]
}

/**
 * What nobody waited for was paid for all the same: at least the prompt, as the attempt that answered counts it, whose
 * step is the next one. The usage of the request stays that of its answer.
 */
const withOutrun = (
  steps: readonly Step[],
  { candidate, usage: told }: NonNullable<Trail['outrun']>,
): readonly Step[] =>
  steps.map((step, at) => {
    const answer = steps[at + 1]?.usage
    if (step.outcome !== 'outrun' || (told ?? answer) === undefined) return step
    const usage = told ?? { inputTokens: answer?.inputTokens ?? 0, outputTokens: 0 }
    const costUsd = costOf(usage, priceOf(candidate.deployment, candidate.model))
    return {
      ...step,
      usage,
      ...(costUsd === undefined ? {} : { costUsd }),
      ...(told === undefined ? { estimated: true as const } : {}),
    }
  })

/** Over all attempts; undefined when one of them costs nobody knows what. */
const costWith = (own: number | undefined, steps: readonly Step[]): number | undefined => {
  const other = steps.find(step => step.outcome === 'outrun')
  if (own === undefined || other?.usage === undefined) return own
  return other.costUsd === undefined ? undefined : own + other.costUsd
}

const errorOf = ({ finish }: Ending): RequestRecord['error'] => {
  if (finish.failure !== undefined)
    return {
      class: finish.failure.class,
      message: finish.failure.message,
      status: finish.failure.status,
    }
  if (finish.refusal !== undefined) return { message: finish.refusal.message, status: finish.refusal.status }
  return undefined
}

/** In place of a text that may repeat the prompt. */
const WITHHELD = '[withheld]'

/** The same record without what providers said: class, status and numbers tell what happened all the same. */
const wordless = (line: RequestRecord): RequestRecord => ({
  ...line,
  steps: line.steps.map(step => (step.message === undefined ? step : { ...step, message: WITHHELD })),
  ...(line.error?.class === undefined ? {} : { error: { ...line.error, message: WITHHELD } }),
})

/** One line for one request, whatever became of it. */
export const record = (ending: Ending, house: House): void => {
  const { received, call, settled, finish } = ending
  const totalMs = house.clock.now() - received.arrivedAt
  const outrun = settled?.trail.outrun
  const ended = closed(settled?.trail.steps ?? [], ending)
  const steps = outrun === undefined ? ended : withOutrun(ended, outrun)
  const context = call?.context
  const body = call?.body
  const line: Writable<RequestRecord> = {
    callId: received.callId,
    route: received.route.name,
    method: received.request.method ?? '',
    path: received.path,
    requestedModel: call?.model ?? '',
    group: settled?.trail.group ?? '',
    stream: call?.stream ?? false,
    status: finish.status,
    end: finish.end,
    keyHash: context?.caller.keyHash.slice(0, 8) ?? '',
    requestBytes: body === undefined || body.kind === 'none' ? 0 : body.bytes.length,
    responseBytes: finish.responseBytes,
    totalMs,
    overheadMs: Math.max(0, totalMs - awayMs(steps) - (settled?.trail.fetched?.ms ?? 0)),
    retries: settled?.trail.retries ?? 0,
    fallbacks: settled?.trail.fallbacks ?? 0,
    steps,
  }
  if (settled?.kind === 'answered') {
    line.servedGroup = settled.answered.group
    line.servedDeployment = settled.answered.deployment.id
  }
  if (context?.endUser !== undefined) line.user = context.endUser
  if (context?.sessionId !== undefined) line.sessionId = context.sessionId
  if (finish.firstTokenMs !== undefined) line.firstTokenMs = finish.firstTokenMs
  if (finish.usage !== undefined) line.usage = finish.usage
  const costUsd = outrun === undefined ? finish.costUsd : costWith(finish.costUsd, steps)
  if (costUsd !== undefined) line.costUsd = costUsd
  if (settled !== undefined && settled.trail.skipped.length > 0) line.skipped = settled.trail.skipped
  if (settled?.trail.rehydrated !== undefined) line.rehydrated = rehydratedText(settled.trail.rehydrated)
  if (settled?.trail.fetched !== undefined) line.fetched = fetchedText(settled.trail.fetched)
  const error = errorOf(ending)
  if (error !== undefined) line.error = error
  house.journal.request(received.config.litellm.turnOffMessageLogging ? wordless(line) : line)
}

import type { Settled } from '../attempt/settled.ts'
import type { Call, Received } from '../call.ts'
import type { House } from '../house.ts'
import type { Finish } from '../reply/reply.ts'
import type { RequestRecord, Step } from './trail.ts'

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
  if (last === undefined || settled?.kind !== 'answered') return steps
  const broke = finish.failure !== undefined
  const step: Step = {
    ...last,
    outcome: finish.failure?.class ?? last.outcome,
    next: broke ? 'end: the answer had begun' : last.next,
    ...(broke && finish.failure !== undefined ? { message: finish.failure.message } : {}),
    ...(finish.usage === undefined ? {} : { usage: finish.usage }),
    ...(finish.costUsd === undefined ? {} : { costUsd: finish.costUsd }),
    ...(finish.firstTokenMs === undefined ? {} : { firstTokenMs: finish.firstTokenMs - last.startedMs }),
  }
  return [...steps.slice(0, -1), step]
}

const errorOf = (ending: Ending): Pick<RequestRecord, 'error'> => {
  const { finish } = ending
  if (finish.failure !== undefined)
    return {
      error: { class: finish.failure.class, message: finish.failure.message, status: finish.failure.status },
    }
  if (finish.refusal !== undefined)
    return { error: { message: finish.refusal.message, status: finish.refusal.status } }
  return {}
}

const servedBy = (settled: Settled | undefined): Partial<RequestRecord> =>
  settled?.kind === 'answered'
    ? { servedGroup: settled.answered.group, servedDeployment: settled.answered.deployment.id }
    : {}

/** One line for one request, whatever became of it. */
export const record = (ending: Ending, house: House): void => {
  const { received, call, settled, finish } = ending
  const totalMs = house.clock.now() - received.arrivedAt
  const steps = closed(settled?.trail.steps ?? [], ending)
  const away = steps.reduce((sum, step) => sum + step.ms + step.waitedMs, 0)
  const context = call?.context
  const body = call?.body
  house.journal.request({
    callId: received.callId,
    route: received.route.name,
    method: received.request.method ?? '',
    path: received.path,
    requestedModel: call?.model ?? '',
    group: steps[0]?.group ?? '',
    ...servedBy(settled),
    stream: call?.stream ?? false,
    status: finish.status,
    end: finish.end,
    keyHash: context?.caller.keyHash.slice(0, 8) ?? '',
    ...(context?.endUser === undefined ? {} : { user: context.endUser }),
    ...(context?.sessionId === undefined ? {} : { sessionId: context.sessionId }),
    requestBytes: body === undefined || body.kind === 'none' ? 0 : body.bytes.length,
    responseBytes: finish.responseBytes,
    totalMs,
    overheadMs: Math.max(0, totalMs - away),
    ...(finish.firstTokenMs === undefined ? {} : { firstTokenMs: finish.firstTokenMs }),
    retries: settled?.trail.retries ?? 0,
    fallbacks: settled?.trail.fallbacks ?? 0,
    ...(finish.usage === undefined ? {} : { usage: finish.usage }),
    ...(finish.costUsd === undefined ? {} : { costUsd: finish.costUsd }),
    steps,
    ...errorOf(ending),
  })
}

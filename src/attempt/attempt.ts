import type { Call } from '../call.ts'
import type { Failure, FailureClass } from '../failure.ts'
import type { House } from '../house.ts'
import { type Following, makePlan, type Plan, type Stop } from '../plan/plan.ts'
import type { Wish } from '../plan/wish.ts'
import { decorate } from '../reply/error-text.ts'
import type { Parcel } from './adapt.ts'
import { classify } from './classify.ts'
import { note, playGroup } from './group.ts'
import { mockFailure, mockFirstAttempt } from './mock.ts'
import type { Outcome } from './outcome.ts'
import type { Settled, Trail } from './settled.ts'
import { wishOf } from './wish-of.ts'

/** One request on its way through the groups: the only place that decides "again". */
type Walk = {
  readonly call: Call
  readonly plan: Plan
  readonly parcel: Parcel
  readonly house: House
  readonly trail: Trail
  /** Groups already played: none is visited twice, so every cycle ends. */
  readonly visited: Set<string>
}

const parcelOf = (call: Call): Parcel => ({
  route: call.route,
  method: call.method,
  params: call.params,
  query: call.query,
  body: call.body,
  headers: call.headers,
  stream: call.stream,
  edits: call.edits,
  dropParams: call.controls.dropParams,
  dropParamsOtherwise: call.config.litellm.dropParams,
  additionalDropParams: call.controls.additionalDropParams,
  allowedParams: call.controls.allowedOpenaiParams,
  askUsage: call.config.general.alwaysIncludeStreamUsage,
})

/** Call → Settled: attempts, retries and fallbacks until one answers or the way ends. */
export const attempt = async (call: Call, house: House): Promise<Settled> => {
  const plan = makePlan(call)
  const trail: Trail = {
    steps: [],
    retries: 0,
    fallbacks: 0,
    maxRetries: 0,
    skipped: [],
    timeoutMs: undefined,
  }
  const walk: Walk = { call, plan, parcel: parcelOf(call), house, trail, visited: new Set() }
  const end = await visit(walk, plan.first, { depth: 0, more: false })
  if (end.outcome.kind === 'answered')
    return { kind: 'answered', answered: end.outcome, trail, named: end.named }
  // Whatever failed before, and wherever the client left meanwhile: nobody is there to be told of it.
  if (call.context.departed.aborted) {
    const failure = classify({ kind: 'client_gone' })
    return { kind: 'failed', failure, message: failure.message, trail }
  }
  return { kind: 'failed', failure: end.outcome.failure, message: end.message, trail }
}

/** One deployment named by its id is not its whole group: the group's own turn may have been another one's. */
const keyOf = (stop: Stop): string =>
  stop.byId ? `id:${stop.candidates[0]?.deployment.id ?? ''}` : stop.group

/** A dict fallback may bring limits of its own for its hop. */
const withControls = (call: Call, { overrides: { controls } }: Stop): Call =>
  Object.keys(controls).length === 0 ? call : { ...call, controls: { ...call.controls, ...controls } }

/** How a visit ended. `message` is the failure's text with the account of its fallbacks. */
type End = { readonly outcome: Outcome; readonly named: string; readonly message: string }

/** Where in the tree of fallbacks a visit is: hops from the first group, and whether an outer list still has targets. */
type Spot = { readonly depth: number; readonly more: boolean }

const visit = async (walk: Walk, stop: Stop, { depth, more }: Spot): Promise<End> => {
  walk.visited.add(keyOf(stop))
  const call = withControls(walk.call, stop)
  const wish: Wish = wishOf(call, stop)
  const listed = depth < walk.plan.maxDepth
  const mocked = depth === 0 ? mockFailure(walk.call, stop) : undefined
  const pretended = depth === 0 ? mockFirstAttempt(call, stop) : undefined
  const hasFallback = (failure: FailureClass): boolean =>
    more || (listed && isOpen(walk, walk.plan.follow(stop, failure).targets))
  const outcome = mocked ?? (await playGroup({ ...walk, call, stop, wish, hasFallback, pretended }))
  if (outcome.kind === 'answered') return { outcome, named: stop.named, message: '' }
  const { failure } = outcome
  const following = walk.plan.follow(stop, failure.class)
  if (!listed || failure.class === 'client_gone' || failure.class === 'gateway_bug')
    return { outcome, named: stop.named, message: failure.message }
  const inner = await fall(walk, { stop, failure, following, depth, more })
  if (inner?.outcome.kind === 'answered') return inner
  return {
    outcome,
    named: stop.named,
    message: accountOf(walk, { stop, failure, following, depth, more }, inner?.message),
  }
}

/** Does any of these targets still lead to a group that may be asked? */
const isOpen = (walk: Walk, targets: Following['targets']): boolean =>
  (targets ?? []).some(target => {
    const stop = walk.plan.stopFor(target)
    return !('skipped' in stop) && !walk.visited.has(keyOf(stop))
  })

type Fall = Spot & {
  readonly stop: Stop
  readonly failure: Failure
  readonly following: Following
}

/** The listed targets in order, each with its own fallbacks before the next (depth first, as LiteLLM recurses). */
const fall = async (walk: Walk, from: Fall): Promise<End | undefined> => {
  let last: End | undefined
  const targets = from.following.targets ?? []
  for (const [place, target] of targets.entries()) {
    if (walk.call.context.departed.aborted) return last
    const stop = walk.plan.stopFor(target)
    if ('skipped' in stop) {
      walk.trail.skipped.push(stop.skipped)
      continue
    }
    if (walk.visited.has(keyOf(stop))) continue
    note(walk.trail, `fallback ${from.stop.named} → ${stop.named}: ${from.failure.class}`)
    walk.trail.fallbacks += 1
    const more = from.more || isOpen(walk, targets.slice(place + 1))
    last = await visit(walk, stop, { depth: from.depth + 1, more })
    if (last.outcome.kind === 'answered' || last.outcome.failure.class === 'client_gone') return last
  }
  return last
}

const accountOf = (walk: Walk, from: Fall, nested: string | undefined): string =>
  decorate({
    message: from.failure.message,
    group: from.stop.named,
    following: from.following,
    general: walk.call.config.router.fallbacks,
    nested,
    nestedOnly: from.depth > 0,
    exposeDebug: walk.call.config.litellm.exposeRouterDebugInErrors,
    exception: from.failure.exception,
  })

import type { Call } from '../call.ts'
import type { Deployment, FallbackTable, FallbackTarget } from '../config/config.ts'
import { sameVectors } from '../config/vectors.ts'
import { accepts } from '../dialects/parameters.ts'
import { type FailureClass, Refusal, VERDICTS } from '../failure.ts'
import { peekAt } from '../read/parse.ts'
import type { Route } from '../routes.ts'
import { lastResort } from './compaction.ts'
import { NO_OVERRIDES, type Overrides, splitOverrides } from './overrides.ts'
import { bindingOf, bindingText } from './references.ts'
import { fallbacksFor, resolveGroup } from './resolve.ts'
import type { Candidate, Pin } from './wish.ts'

/** One model group on the way: where attempts are made before the next group is considered. */
export type Stop = {
  /** The group's own name: no group is visited twice. */
  readonly group: string
  /** The name the client or the fallback entry used (an alias, a wildcard's instance). */
  readonly named: string
  readonly candidates: readonly Candidate[]
  /** Values of a dict fallback. */
  readonly overrides: Overrides
  /** The target names one deployment by id: its cooldown is ignored. */
  readonly byId: boolean
  /** It is asked for a summary of the conversation. */
  readonly summarises?: true
}

/** Which list applies to a failure, and what it says. Undefined targets: no entry for this group. */
export type Following = {
  readonly kind: 'generic' | 'context_window' | 'content_policy' | 'request' | 'none'
  /** The targets as listed, undefined when the list has no entry for the group. */
  readonly targets: readonly FallbackTarget[] | undefined
  /** The whole list as configured, undefined when it is not configured at all. */
  readonly table: FallbackTable | undefined
}

/** Finished before the first attempt: from here on the way follows from the outcomes alone. */
export type Plan = {
  readonly first: Stop
  readonly pin: Pin | undefined
  /** At how many hops from the first group the way ends. */
  readonly maxDepth: number
  readonly follow: (stop: Stop, failure: FailureClass) => Following
  /** The call's group or a fallback has somebody outside of this boundary. */
  readonly hasStrangers: (boundary: string) => boolean
  /** A target as a stop, or why it may not be one. */
  readonly stopFor: (target: FallbackTarget) => Stop | { readonly skipped: string }
}

/** LiteLLM's `model: "a,b"` asks several groups at once and answers with a list. */
const SEVERAL =
  '. A call asks one group; several names with commas between them are not served: send a call for each.'

const unknownModel = (model: string): Refusal =>
  new Refusal(400, `Invalid model name passed in model=${model}${model.includes(',') ? SEVERAL : ''}`, {
    type: 'invalid_request_error',
    param: 'model',
  })

const denied = (model: string): Refusal =>
  new Refusal(403, `key not allowed to access model. Tried to access ${model}`, {
    type: 'key_model_access_denied',
    param: 'model',
  })

const modeFits = (deployment: Deployment, route: Route): boolean =>
  deployment.info.mode === undefined || route.modes.length === 0 || route.modes.includes(deployment.info.mode)

/** Routes that may leave the model out: the first group whose deployments say they do this. */
const defaultGroup = (call: Call): string | undefined => {
  const { route, config } = call
  const declared = config.deployments.find(one => one.info.mode !== undefined && modeFits(one, route))
  if (declared !== undefined) return declared.group
  return config.deployments.length === 1 ? config.deployments[0]?.group : undefined
}

/**
 * Provider-owned objects without a model: always the same deployment, so that what is created is found again.
 * The order is the file's; `custom_llm_provider` narrows it.
 */
const ownerOf = (call: Call): Candidate | undefined => {
  const { config, ownerProvider } = call
  const fits = (deployment: Deployment): boolean =>
    !deployment.group.includes('*') &&
    deployment.provider.ownsResources !== false &&
    (ownerProvider === undefined || deployment.provider.name === ownerProvider)
  const deployment = config.deployments.find(fits)
  return deployment === undefined ? undefined : { deployment, model: deployment.upstreamModel }
}

const only = (candidate: Candidate, named: string): Stop => ({
  group: candidate.deployment.group,
  named,
  candidates: [candidate],
  overrides: NO_OVERRIDES,
  // Reading back what one provider owns is not about its model: a rest of the model is no reason to refuse.
  byId: true,
})

const firstOwned = (call: Call): Stop => {
  const { config, pin, model, route } = call
  if (route.target !== undefined) {
    const deployment = route.target(config)
    if (deployment === undefined)
      throw new Refusal(404, `No deployment is configured for ${route.paths[0]}.`, {
        type: 'not_found_error',
      })
    return only({ deployment, model: '' }, deployment.group)
  }
  if (pin !== undefined) {
    const deployment = config.byId.get(pin.deploymentId)
    if (deployment === undefined)
      throw new Refusal(404, 'The deployment that owns this object is not configured any more.', {
        type: 'not_found_error',
      })
    return only({ deployment, model: deployment.upstreamModel }, deployment.group)
  }
  const found = model === '' ? ownerOf(call) : resolveGroup(model, config)?.candidates[0]
  if (found === undefined && model !== '') throw unknownModel(model)
  if (found === undefined)
    throw new Refusal(
      400,
      `No configured deployment can own objects of ${route.paths[0]}. Name one with ?model=<group> or custom_llm_provider.`,
      {
        type: 'invalid_request_error',
        param: 'model',
      },
    )
  return only(found, model === '' ? found.deployment.group : model)
}

const firstStop = (call: Call): Stop => {
  const { route, config, pin } = call
  if (route.model === 'owner' || route.model === 'sealed-id') return firstOwned(call)
  const name = call.model === '' ? defaultGroup(call) : call.model
  if (name === undefined)
    throw new Refusal(
      400,
      "Missing required parameter: 'model'. Call `/v1/models` to view available models for your key.",
      {
        type: 'invalid_request_error',
        param: 'model',
      },
    )
  const own = resolveGroup(name, config)
  // An unknown name is served by the first default fallback, as LiteLLM does, before it is refused; and under its name.
  const named = own === undefined ? config.router.defaultFallbacks[0] : name
  const found = own ?? (named === undefined ? undefined : resolveGroup(named, config))
  if (named === undefined || found === undefined) throw unknownModel(name)
  if (!call.context.caller.mayUse(found.group)) throw denied(name)
  const asked = stillAsked(found.candidates, call)
  const candidates = pin === undefined ? asked : reachable(asked, pin)
  if (pin !== undefined && candidates.length === 0) {
    const home = homeOf(call, found.group, pin)
    if (home === undefined) throw lostState(pin, call)
    return home
  }
  return { group: found.group, named, candidates, overrides: NO_OVERRIDES, byId: found.byId }
}

/** Who has failed as the owner of what the call went on from is not asked again, now that anybody can serve it. */
const stillAsked = (candidates: readonly Candidate[], { rehydrated }: Call): readonly Candidate[] =>
  rehydrated?.without === undefined
    ? candidates
    : candidates.filter(one => one.deployment.boundary !== rehydrated.without)

/** The general list: the request's own, or the file's. */
export const generalList = ({ controls, config }: Call): FallbackTable | undefined =>
  controls.generalFallbacks ?? config.router.fallbacks

const maxDepthOf = ({ controls, config }: Call): number => controls.maxFallbacks ?? config.router.maxFallbacks

/** Every group that the fallbacks of `group` may lead to. */
const fallbackGroups = (call: Call, group: string): ReadonlySet<string> => {
  const { router } = call.config
  const tables = [generalList(call), router.contextWindowFallbacks, router.contentPolicyFallbacks]
  const found = new Set<string>()
  const walk = (named: string, depth: number): void => {
    const own = depth === 0 ? (call.controls.fallbacks ?? []) : []
    const listed = tables.flatMap(table => fallbacksFor(table, named, named, call.config) ?? [])
    for (const target of [...own, ...listed]) {
      const resolved = resolveGroup(target.group, call.config)
      if (resolved === undefined || found.has(resolved.group)) continue
      found.add(resolved.group)
      if (depth + 1 < maxDepthOf(call)) walk(resolved.group, depth + 1)
    }
  }
  walk(group, 0)
  return found
}

/**
 * What a fallback made is continued where it was made: the client goes on asking for the model it knows.
 * Only where the way could have led, and only for a key that may go there.
 */
const homeOf = (call: Call, group: string, pin: Pin): Stop | undefined => {
  const owner = call.config.byId.get(pin.deploymentId)
  if (owner === undefined || !call.context.caller.mayUse(owner.group)) return undefined
  if (!fallbackGroups(call, group).has(owner.group)) return undefined
  const candidates = reachable(resolveGroup(owner.group, call.config)?.candidates ?? [], pin)
  return { group: owner.group, named: owner.group, candidates, overrides: NO_OVERRIDES, byId: false }
}

/** Whoever may serve the model, state aside: the group itself and, when the call may cross, its fallbacks. */
const hasStrangers = (
  call: Call,
  { first, crosses }: { readonly first: Stop; readonly crosses: boolean },
  boundary: string,
): boolean => {
  const { config, context, route } = call
  const own = resolveGroup(call.model, config)?.group ?? first.group
  const others = crosses ? [...fallbackGroups(call, own)] : []
  return [own, ...others].some(group => {
    if (!context.caller.mayUse(group)) return false
    const candidates = resolveGroup(group, config)?.candidates ?? []
    return candidates.some(one => one.deployment.boundary !== boundary && modeFits(one.deployment, route))
  })
}

/** State that one owner holds goes to the owner, or to another deployment inside the same trust boundary. */
const reachable = (candidates: readonly Candidate[], pin: Pin): readonly Candidate[] =>
  candidates.filter(one => one.deployment.id === pin.deploymentId || one.deployment.boundary === pin.boundary)

const sharesBoundary = (candidate: Candidate, others: readonly Candidate[]): boolean =>
  others.some(other => other.deployment.boundary === candidate.deployment.boundary)

/** Never a foreign id sent upstream: the client is told in the words it knows, and sends its whole input again. */
const lostState = (pin: Pin, call: Call): Refusal => {
  const binding = bindingOf(pin, call.references)
  const mends = binding === undefined ? [] : [bindingText(binding.field, binding.kind)]
  return pin.because === 'previous_response_id'
    ? new Refusal(400, `Previous response with id '${[...call.echoes.values()][0] ?? ''}' not found.`, {
        type: 'invalid_request_error',
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      })
    : new Refusal(
        pin.because === 'conversation' ? 404 : 400,
        [`'${pin.because}' is bound to a provider that model '${call.model}' does not use.`, ...mends].join(
          ' ',
        ),
        { type: 'invalid_request_error', param: pin.because },
      )
}

/** Vectors of one may be searched with those of the other. */
const mixes = (
  lead: Candidate,
  target: FallbackTarget,
  { route, body }: Call,
): ((one: Candidate) => boolean) => {
  const lengths = {
    own: peekAt(body)('dimensions') ?? undefined,
    override: target.overrides.dimensions,
    takesDefaults: accepts(route, 'dimensions'),
  }
  return one => sameVectors(lead, one, lengths)
}

const NOTHING: Following = { kind: 'none', targets: undefined, table: undefined }

/** As in LiteLLM: the request's own list first, then the typed list, then the general one. */
const listFor = (call: Call, first: Stop, stop: Stop, failure: FailureClass): Following => {
  const { controls, config } = call
  const { router } = config
  const entry = (table: FallbackTable | undefined): readonly FallbackTarget[] | undefined =>
    fallbacksFor(table, stop.named, stop.group, config)
  if (controls.fallbacks !== undefined && stop === first)
    return { kind: 'request', targets: controls.fallbacks, table: undefined }
  const general = generalList(call)
  const generic: Following = { kind: 'generic', targets: entry(general), table: general }
  const rule = VERDICTS[failure].fallback
  if (rule === 'generic') return generic
  if (rule === 'none') return NOTHING
  if (rule === 'context_window') {
    const table = controls.contextWindowFallbacks ?? router.contextWindowFallbacks
    // A typed list that is configured but lacks the group ends the way: LiteLLM does not fall through.
    return table === undefined
      ? { ...generic, kind: 'context_window' }
      : { kind: 'context_window', targets: entry(table), table }
  }
  const table = controls.contentPolicyFallbacks ?? router.contentPolicyFallbacks
  if (table !== undefined) return { kind: 'content_policy', targets: entry(table), table }
  // A refusal is not routed around by the general list unless the operator says so.
  return router.fallbackOnContentPolicy ? { ...generic, kind: 'content_policy' } : NOTHING
}

/** The lists, and behind the first group's whatever can still compact a conversation. */
const followingOf = (call: Call, first: Stop, stop: Stop, failure: FailureClass): Following => {
  const listed = listFor(call, first, stop, failure)
  if (call.compaction === undefined || stop !== first) return listed
  const more = lastResort(call, first, failure)
  return more.length === 0 ? listed : { ...listed, targets: [...(listed.targets ?? []), ...more] }
}

/** Call → Plan. Throws the refusals that need no provider: unknown model, lost state. */
export const makePlan = (call: Call): Plan => {
  const first = firstStop(call)
  const { route, config, context } = call
  const crosses = route.crossing !== 'never' && !call.controls.disableFallbacks
  const stopFor = (target: FallbackTarget): Stop | { readonly skipped: string } => {
    const found = resolveGroup(target.group, config)
    if (found === undefined) return { skipped: `no group is named ${target.group}` }
    // Every hop is authorised again: a fallback is no way around the key's models.
    if (config.general.enforceFallbackModelAccess && !context.caller.mayUse(found.group))
      return { skipped: `the key may not use ${target.group}` }
    let candidates: readonly Candidate[] = found.candidates.filter(one => modeFits(one.deployment, route))
    if (candidates.length === 0) return { skipped: `${target.group} does not serve ${route.name}` }
    const [lead] = first.candidates
    if (route.crossing === 'same-model' && lead !== undefined)
      candidates = candidates.filter(mixes(lead, target, call))
    if (candidates.length === 0)
      return { skipped: `${target.group} makes other vectors: of another model, or of another length` }
    candidates = stillAsked(candidates, call)
    if (candidates.length === 0) return { skipped: `${target.group} is the owner, and is out` }
    if (call.pin !== undefined) candidates = reachable(candidates, call.pin)
    else if (call.unowned) candidates = candidates.filter(one => sharesBoundary(one, first.candidates))
    if (candidates.length === 0)
      return { skipped: `${target.group} cannot read the state this call refers to` }
    return {
      group: found.group,
      named: target.group,
      candidates,
      overrides: splitOverrides(target.overrides),
      byId: found.byId,
      ...(target.summarises === true ? { summarises: true } : {}),
    }
  }
  return {
    first,
    pin: call.pin,
    maxDepth: maxDepthOf(call),
    hasStrangers: boundary => hasStrangers(call, { first, crosses }, boundary),
    follow: (stop, failure) => (crosses ? followingOf(call, first, stop, failure) : NOTHING),
    stopFor,
  }
}

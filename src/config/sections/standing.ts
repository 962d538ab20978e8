import type { Config, Deployment, FallbackTable, FallbackTarget, Place } from '../config.ts'
import { join, type Report } from '../report.ts'
import { entry, type MapNode } from '../tree.ts'
import { type Maker, sameVectors } from '../vectors.ts'

type Sources = {
  readonly router: MapNode
  readonly litellm: MapNode
  readonly general: MapNode
  readonly config: Pick<Config, 'groups' | 'aliases' | 'patterns' | 'byId' | 'router'>
  readonly report: Report
}

/** Where this gateway differs from LiteLLM on purpose, as far as the loaded file meets it. */
export const reportStandingDifferences = (sources: Sources): void => {
  const { config, general, report } = sources
  reportMixedVectors(sources)
  const { fallbacks, contextWindowFallbacks, contentPolicyFallbacks, fallbackOnContentPolicy } = config.router
  if (!(fallbacks ?? contextWindowFallbacks ?? contentPolicyFallbacks)) return
  const at = locate(
    sources,
    fallbacks
      ? 'fallbacks'
      : contextWindowFallbacks
        ? 'context_window_fallbacks'
        : 'content_policy_fallbacks',
  )
  if (fallbacks && !contentPolicyFallbacks && !fallbackOnContentPolicy)
    report.differs(
      at.key,
      at.place,
      'these do not route around a content-policy refusal. Write content_policy_fallbacks, or router_settings.fallback_on_content_policy: true',
    )
  if (!entry(general, 'enforce_fallback_model_access'))
    report.differs(
      at.key,
      at.place,
      "each target is checked against the key's models. general_settings.enforce_fallback_model_access: false restores LiteLLM's default",
    )
  report.differs(at.key, at.place, "after a fallback, 'model' in the answer names the group that served")
  reportAliases(sources)
  if (fallbacks) reportEmbeddings(sources, fallbacks)
}

type Spot = { readonly key: string; readonly place: Place | undefined }

/** The place of a fallback list, or of one source in it. */
const locate = ({ router, litellm }: Sources, key: string, source?: string): Spot => {
  const own = entry(router, key)
  const written =
    own ?? entry(litellm, key) ?? entry(router, 'default_fallbacks') ?? entry(litellm, 'default_fallbacks')
  const section = own ? 'router_settings' : entry(litellm, key) ? 'litellm_settings' : ''
  const items = written?.value.kind === 'list' ? written.value.items : []
  for (const [index, item] of items.entries()) {
    const pair = source !== undefined && item.kind === 'map' ? item.entries.get(source) : undefined
    if (pair) return { key: join(section, key, index, pair.key), place: pair.place }
  }
  const name = written?.key ?? key
  return { key: section === '' ? name : join(section, name), place: written?.place }
}

const reportAliases = (sources: Sources): void => {
  const { fallbacks } = sources.config.router
  for (const [alias, { group }] of sources.config.aliases) {
    if (!fallbacks?.has(group) || fallbacks.has(alias)) continue
    const { key, place } = locate(sources, 'fallbacks', group)
    sources.report.differs(
      key,
      place,
      `this entry also holds when ${group} is asked for by its alias ${alias}`,
    )
  }
}

/** The entry that is looked up for a group: its own, the one without provider prefix, or '*'. */
const lookUpFallbacks = (
  table: FallbackTable | undefined,
  group: string,
): { readonly source: string; readonly targets: readonly FallbackTarget[] } | undefined => {
  for (const source of [group, group.slice(group.indexOf('/') + 1), '*']) {
    const targets = table?.get(source)
    if (targets) return { source, targets }
  }
  return undefined
}

const isEmbedding = (deployments: readonly Deployment[]): boolean =>
  deployments.length > 0 && deployments.every(deployment => deployment.info.mode === 'embedding')

const makes = (deployment: Deployment): Maker => ({ deployment, model: deployment.upstreamModel })

/** One group is one index to its clients, whoever of it answers. */
const reportMixedVectors = ({ config, report }: Sources): void => {
  for (const [group, deployments] of config.groups) {
    const [lead, ...others] = isEmbedding(deployments) ? deployments.map(makes) : []
    if (lead === undefined) continue
    const stranger = others.find(other => !sameVectors(lead, other, { takesDefaults: true }))
    if (stranger === undefined) continue
    report.warning(
      'model_list',
      stranger.deployment.place,
      `${group} mixes the vectors of ${lead.model} and ${stranger.model}. ${oneModel}, or each a model_name of its own`,
    )
  }
}

const oneModel = 'Give both the same model_info.base_model and dimensions if they are one model'

const reportEmbeddings = (sources: Sources, fallbacks: FallbackTable): void => {
  const { groups, aliases } = sources.config
  for (const [group, deployments] of groups) {
    const found = isEmbedding(deployments) ? lookUpFallbacks(fallbacks, group) : undefined
    for (const target of found?.targets ?? []) {
      const others = groups.get(aliases.get(target.group)?.group ?? target.group) ?? []
      if (target.group === group || !isEmbedding(others)) continue
      const override = target.overrides.dimensions
      const mix = (own?: number): boolean =>
        deployments.some(left =>
          others.some(right =>
            sameVectors(makes(left), makes(right), { own, override, takesDefaults: true }),
          ),
        )
      if (mix()) continue
      // Any length of the client's own is the same for both.
      const when =
        override === undefined && mix(1)
          ? 'only followed where the request says dimensions'
          : 'never followed'
      const { key, place } = locate(sources, 'fallbacks', found?.source)
      sources.report.differs(
        key,
        place,
        `${group} → ${target.group} is ${when}: vectors of two models or lengths do not mix. ${oneModel}`,
      )
    }
  }
}

import type { Deployment } from '../config/config.ts'
import { resolveGroup } from '../plan/resolve.ts'
import type { Candidate } from '../plan/wish.ts'
import { priceOf } from '../record/price.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'
import { namesFor } from './models.ts'

/** `/model_group/info`: what a client may know of the groups that it can ask for, in LiteLLM's form. */

/** Of several, the largest: a prompt that fits one deployment fits the group. */
const largest = (values: readonly (number | undefined)[]): number | null =>
  values.reduce<number | null>((most, one) => (one === undefined ? most : Math.max(most ?? 0, one)), null)

const sum = (values: readonly (number | undefined)[]): number | null =>
  values.reduce<number | null>((all, one) => (one === undefined ? all : (all ?? 0) + one), null)

const numberIn = ({ info }: Deployment, key: string): number | undefined => {
  const value = info.raw[key]
  return typeof value === 'number' ? value : undefined
}

const SUPPORTS = [
  'supports_parallel_function_calling',
  'supports_vision',
  'supports_web_search',
  'supports_url_context',
  'supports_reasoning',
  'supports_function_calling',
] as const

const cardOf = (name: string, candidates: readonly Candidate[]): JsonObject => {
  const deployments = candidates.map(({ deployment }) => deployment)
  const prices = candidates.map(({ deployment, model }) => priceOf(deployment, model))
  return {
    model_group: name,
    providers: [...new Set(deployments.map(({ provider }) => provider.name))],
    max_input_tokens: largest(deployments.map(({ info }) => info.maxInputTokens)),
    max_output_tokens: largest(deployments.map(one => numberIn(one, 'max_output_tokens'))),
    input_cost_per_token: largest(prices.map(price => price?.input?.usd)),
    output_cost_per_token: largest(prices.map(price => price?.output?.usd)),
    mode: deployments.find(({ info }) => info.mode !== undefined)?.info.mode ?? null,
    tpm: sum(deployments.map(({ tpm }) => tpm)),
    rpm: sum(deployments.map(({ rpm }) => rpm)),
    // What is not declared is not known, and LiteLLM says false for it.
    ...Object.fromEntries(
      SUPPORTS.map((key): [string, Json] => [key, deployments.some(({ info }) => info.raw[key] === true)]),
    ),
    supported_openai_params: null,
    configurable_clientside_auth_params: null,
  }
}

/** All groups that the key may use; `?model_group=` asks for one, an instance of a wildcard too. */
export const modelGroups = (visit: Visit): LocalAnswer => {
  const wanted = visit.query.model_group
  const names = wanted === undefined ? namesFor(visit) : [wanted]
  const found = names.flatMap(name => {
    const group = resolveGroup(name, visit.config)
    // A wildcard as it stands in the file is no name that is served.
    const candidates =
      group?.candidates ??
      visit.config.deployments
        .filter(deployment => deployment.group === name)
        .map(deployment => ({ deployment, model: deployment.upstreamModel }))
    const may = visit.caller?.mayUse(group?.group ?? name) === true
    return may && candidates.length > 0 ? [cardOf(name, candidates)] : []
  })
  return json({ data: found })
}

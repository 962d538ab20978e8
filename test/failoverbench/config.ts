import { ROUTER_SETTINGS } from '../../src/config/keys/router-settings.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import type { Cell } from './drive.ts'
import type { Profile } from './scenarios.ts'

/** The catalogue's baseline: two retries, 30 s for an answer or a silence. Its third part is one fallback for each. */
const BASELINE = { num_retries: 2, timeout: 30 } as const

/**
 * How long a gateway whose first-token limit can be set waits in the fast profile, in seconds of the full one. There its
 * own default holds; a default cannot be shortened but by writing it.
 */
const FIRST_TOKEN = { key: 'first_token_timeout', seconds: 10 } as const

const knows = (wanted: string): boolean =>
  ROUTER_SETTINGS.some(({ key, status }) => key === wanted && status === 'honoured')

/** What is written into router_settings, fallbacks aside. */
export const baseline = ({ factor }: Profile): Readonly<Record<string, number>> => ({
  ...BASELINE,
  timeout: BASELINE.timeout * factor,
  ...(factor < 1 && knows(FIRST_TOKEN.key) ? { [FIRST_TOKEN.key]: FIRST_TOKEN.seconds * factor } : {}),
})

const deployment = (model: string, baseUrl: string, info: JsonObject): JsonObject => ({
  model_name: model,
  litellm_params: { model: `openai/${model}`, api_base: baseUrl, api_key: 'sk-wall' },
  ...(Object.keys(info).length === 0 ? {} : { model_info: info }),
})

const deploymentsOf = (cell: Cell, baseUrl: string): readonly JsonObject[] => {
  const { endpoint, scenario } = cell
  const model = endpoint.baseModel === undefined ? {} : { base_model: endpoint.baseModel }
  const prefill = scenario.prefill ? { supports_assistant_prefill: true } : {}
  return [
    deployment(cell.primary, baseUrl, model),
    deployment(cell.fallback, baseUrl, { ...model, ...prefill }),
  ]
}

/** The gateway's file: the baseline, a primary and a fallback for each cell, and nothing else. */
export const configFor = (cells: readonly Cell[], baseUrl: string, profile: Profile): JsonObject => {
  const chain = cells.map(({ primary, fallback }) => ({ [primary]: [fallback] }))
  return {
    model_list: cells.flatMap(cell => deploymentsOf(cell, baseUrl)),
    router_settings: {
      ...baseline(profile),
      fallbacks: chain,
      context_window_fallbacks: chain,
    },
  }
}

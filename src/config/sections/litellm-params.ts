import type { output } from 'zod'
import type { Provider } from '../../providers/provider.ts'
import type { JsonObject } from '../../wire/json.ts'
import { isRequestParameter, rowOf } from '../keys.ts'
import { isStraySecret } from '../mask.ts'
import { join, type Report } from '../report.ts'
import { amount, count, flag, json, number, object, seconds, text, texts } from '../shapes.ts'
import { entry, type MapNode, record, settings } from '../tree.ts'
import { z } from '../zod.ts'
import { PHASE_KEYS } from './phases.ts'

/** The gateway's own litellm_params. Durations become milliseconds. */
export const LITELLM_PARAMS_SHAPE = z.object({
  model: text,
  custom_llm_provider: text.optional(),
  api_base: text.optional(),
  base_url: text.optional(),
  api_key: text.optional(),
  api_version: text.optional(),
  organization: text.optional(),
  tpm: count.optional(),
  rpm: count.optional(),
  order: number.optional(),
  weight: amount.optional(),
  max_parallel_requests: count.optional(),
  timeout: seconds.optional(),
  request_timeout: seconds.optional(),
  stream_timeout: seconds.optional(),
  ...PHASE_KEYS,
  num_retries: count.optional(),
  cooldown_time: seconds.optional(),
  drop_params: flag.optional(),
  additional_drop_params: texts.optional(),
  allowed_openai_params: texts.optional(),
  extra_body: object.optional(),
  region_name: text.optional(),
  tags: texts.optional(),
  tag_regex: texts.optional(),
  mock_response: json.optional(),
  input_cost_per_token: amount.optional(),
  output_cost_per_token: amount.optional(),
})
export type OwnParams = output<typeof LITELLM_PARAMS_SHAPE>

/** Rows of the key table that are nevertheless body values: put before, or used instead of, the request's. */
const BODY_KEYS = new Set(['tools', 'tool_choice'])

/**
 * litellm_params that become body values when the request has none: whatever is neither ours nor the provider's, and no
 * secret by another name than the provider's.
 */
export const requestDefaults = (node: MapNode, provider: Provider): JsonObject => {
  const theirs = new Set(provider.params)
  return record(
    Object.entries(settings(node)).filter(
      ([key, value]) =>
        BODY_KEYS.has(key) ||
        (!rowOf('litellm_params', key) &&
          !theirs.has(key) &&
          (isRequestParameter(key) || !isStraySecret(key, value))),
    ),
  )
}

const OF_CONNECTION = new Set(['model', 'api_base', 'base_url', 'api_key', 'api_version', 'organization'])

/** Everything that is not the gateway's own, for the provider to pick from. */
export const providerExtra = (node: MapNode, provider: Provider): JsonObject => {
  const theirs = new Set(provider.params)
  return record(
    Object.entries(settings(node)).filter(([key]) => {
      if (OF_CONNECTION.has(key)) return false
      const row = rowOf('litellm_params', key)
      return row === undefined || row.provider === true || theirs.has(key)
    }),
  )
}

/** A provider's parameter on another provider's deployment would vanish silently: say so. */
export const reportForeign = (
  node: MapNode,
  provider: Provider,
  path: readonly PropertyKey[],
  report: Report,
): void => {
  for (const key of Object.keys(settings(node)))
    if (rowOf('litellm_params', key)?.provider === true && !provider.params.includes(key))
      report.warning(
        join(...path, key),
        entry(node, key)?.place,
        `provider ${provider.name} does not take ${key}: it has no effect`,
      )
}

/** 'tools[*].strict' and 'metadata.trace' as paths. */
export const dropPath = (written: string): readonly string[] =>
  written
    .replace(/\[(\*|\d+)\]/g, '.$1')
    .split('.')
    .filter(piece => piece !== '')

/** Region as written, or as the provider's own parameter says it. */
export const regionOf = (own: OwnParams, extra: JsonObject): string | undefined => {
  if (own.region_name !== undefined) return own.region_name
  const found = Object.entries(extra).find(([key]) => /_(?:region_name|location)$/.test(key))?.[1]
  return typeof found === 'string' ? found : undefined
}

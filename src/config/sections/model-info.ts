import type { CompactionWay } from '../../providers/provider.ts'
import type { ModelInfo } from '../config.ts'
import { masked } from '../mask.ts'
import type { Report } from '../report.ts'
import { scanSection } from '../scan.ts'
import { amount, checkShape, choice, count, flag, seconds, text, texts } from '../shapes.ts'
import { child, type MapNode } from '../tree.ts'
import { z } from '../zod.ts'
import { ALLOWED_FAILS_FIELDS, readPolicy } from './policies.ts'

const MODEL_INFO = z.object({
  id: text.optional(),
  mode: text.optional(),
  supported_endpoints: texts.optional(),
  base_model: text.optional(),
  access_groups: texts.optional(),
  max_input_tokens: count.optional(),
  supports_assistant_prefill: flag.nullish(),
  supports_reasoning: flag.nullish(),
  supports_vision: flag.nullish(),
  compaction: choice('both', 'endpoint', 'trigger', 'own', 'none').optional(),
  allowed_fails: count.optional(),
  cooldown_time: seconds.optional(),
  blocked: flag.optional(),
  dimensions: count.optional(),
  output_vector_size: count.optional(),
  input_cost_per_token: amount.optional(),
  output_cost_per_token: amount.optional(),
})

const WAYS: Readonly<Record<'both' | 'endpoint' | 'trigger' | 'own' | 'none', readonly CompactionWay[]>> = {
  both: ['endpoint', 'trigger'],
  endpoint: ['endpoint'],
  trigger: ['trigger'],
  own: ['own'],
  none: [],
}

export type ReadInfo = {
  /** Without an id when the file gives none. */
  readonly info: Omit<ModelInfo, 'id'>
  readonly id: string | undefined
  readonly supportedEndpoints: readonly string[] | undefined
  readonly inputCost: number | undefined
  readonly outputCost: number | undefined
}

/** Undefined when the section has the wrong shape; then it is reported. */
export const readModelInfo = (
  node: MapNode,
  path: readonly PropertyKey[],
  report: Report,
): ReadInfo | undefined => {
  scanSection('model_info', node, path, report)
  const own = checkShape(MODEL_INFO, node, path, report)
  const policy = readPolicy(
    child(node, 'allowed_fails_policy'),
    ALLOWED_FAILS_FIELDS,
    [...path, 'allowed_fails_policy'],
    report,
  )
  if (own === undefined) return undefined
  return {
    id: own.id,
    supportedEndpoints: own.supported_endpoints,
    inputCost: own.input_cost_per_token,
    outputCost: own.output_cost_per_token,
    info: {
      mode: own.mode,
      baseModel: own.base_model,
      accessGroups: own.access_groups ?? [],
      maxInputTokens: own.max_input_tokens,
      supportsAssistantPrefill: own.supports_assistant_prefill ?? false,
      supportsReasoning: own.supports_reasoning ?? false,
      supportsVision: own.supports_vision ?? false,
      compaction: own.compaction === undefined ? undefined : WAYS[own.compaction],
      allowedFails: own.allowed_fails,
      allowedFailsPolicy: policy,
      cooldownMs: own.cooldown_time,
      blocked: own.blocked ?? false,
      dimensions: own.dimensions ?? own.output_vector_size,
      raw: masked(node),
    },
  }
}

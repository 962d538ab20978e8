import { type Traits as Claude, traitsOf as claudeTraits } from './anthropic-messages-models.ts'
import type { Dialect } from './neutral.ts'

/** What the models behind Converse differ in, read from the id: `us.anthropic.claude-opus-4-5-20251101-v1:0`. */

export type Family = 'claude' | 'nova' | 'gpt-oss' | 'other'

export type Traits = {
  readonly family: Family
  /** Who can read its reasoning again: Claude's signatures are read by every host of Claude. */
  readonly issuer: Dialect
  /** outputConfig.textFormat and strict tools. Source: Bedrock user guide, "Get validated JSON results from models". */
  readonly structured: boolean
  /** toolChoice may name a tool. */
  readonly forced: boolean
  /** toolResult.status is taken. */
  readonly status: boolean
  /** cachePoint blocks are taken. An id that tells no family is taken for one that has them. */
  readonly marks: boolean
  /** How thinking is asked for: by a budget, by an effort that the model adapts to, or not at all. */
  readonly thinking: 'budget' | 'adaptive' | 'none'
  /** temperature, top_p and top_k may be set; `one`: one of the first two. */
  readonly sampling: 'both' | 'one' | 'none'
  /** A conversation may end with the beginning of the answer. */
  readonly prefill: boolean
}

const STRUCTURED =
  /openai\.gpt-oss|qwen\.qwen3|deepseek\.v3|google\.gemma-3|minimax\.|moonshot|nvidia\.nemotron|mistral\.(?:mistral-large-3|ministral-3|magistral|voxtral)/

const familyOf = (model: string): Family => {
  if (model.includes('anthropic.claude')) return 'claude'
  if (model.includes('amazon.nova')) return 'nova'
  return /\bgpt-oss\b/.test(model) ? 'gpt-oss' : 'other'
}

const thinkingOf = ({ budget, adaptive }: Claude): Traits['thinking'] => {
  if (budget) return 'budget'
  return adaptive ? 'adaptive' : 'none'
}

const samplingOf = ({ sampling, bothSampling }: Claude): Traits['sampling'] => {
  if (!sampling) return 'none'
  return bothSampling ? 'both' : 'one'
}

/** Bedrock holds models to a schema from 4.5 on, later than Anthropic does. */
const structuredClaude = (model: string, { structured }: Claude): boolean =>
  structured && !model.includes('claude-opus-4-1')

export const traitsOf = (model: string): Traits => {
  const family = familyOf(model)
  // The oldest were named by version: claude-v2, claude-instant-v1.
  const named = model.replace(/claude-(?:instant-)?v(\d)/, 'claude-$1')
  const claude = family === 'claude' ? claudeTraits(named) : undefined
  const tools = family === 'claude' || family === 'nova'
  return {
    family,
    issuer: family === 'claude' ? 'messages' : 'converse',
    structured: claude === undefined ? STRUCTURED.test(model) : structuredClaude(model, claude),
    forced: tools,
    status: tools,
    // An inference profile's ARN names no model.
    marks: tools || (model.startsWith('arn:') && !model.includes('foundation-model')),
    thinking: claude === undefined ? 'none' : thinkingOf(claude),
    sampling: claude === undefined ? 'both' : samplingOf(claude),
    prefill: claude?.prefill ?? true,
  }
}

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
}

const STRUCTURED =
  /openai\.gpt-oss|qwen\.qwen3|deepseek\.v3|google\.gemma-3|minimax\.|moonshot|nvidia\.nemotron|mistral\.(?:mistral-large-3|ministral-3|magistral|voxtral)/

const familyOf = (model: string): Family => {
  if (model.includes('anthropic.claude')) return 'claude'
  if (model.includes('amazon.nova')) return 'nova'
  return /\bgpt-oss\b/.test(model) ? 'gpt-oss' : 'other'
}

/** 3.5, 4, 4.7, 5: whichever way round name and number stand; a Claude without a number is taken for a new one. */
const generationOf = (model: string): number => {
  const [, before, after] =
    /claude-(?:(\d(?:-\d)?)-[a-z]|[a-z]+-(\d{1,2}(?:-\d{1,2})?)(?!\d))/.exec(model) ??
    /claude-(?:instant-)?v?(\d)/.exec(model) ??
    []
  const written = before ?? after
  return written === undefined ? Number.POSITIVE_INFINITY : Number(written.replace('-', '.'))
}

const thinkingOf = (claude: number): Traits['thinking'] =>
  claude >= 4.7 ? 'adaptive' : claude >= 3.7 ? 'budget' : 'none'

const samplingOf = (claude: number): Traits['sampling'] =>
  claude >= 4.7 ? 'none' : claude >= 4.1 ? 'one' : 'both'

export const traitsOf = (model: string): Traits => {
  const family = familyOf(model)
  const claude = family === 'claude' ? generationOf(model) : undefined
  const tools = family === 'claude' || family === 'nova'
  return {
    family,
    issuer: family === 'claude' ? 'messages' : 'converse',
    structured: claude === undefined ? STRUCTURED.test(model) : claude >= 4.5,
    forced: tools,
    status: tools,
    // An inference profile's ARN names no model.
    marks: tools || (model.startsWith('arn:') && !model.includes('foundation-model')),
    thinking: claude === undefined ? 'none' : thinkingOf(claude),
    sampling: claude === undefined ? 'both' : samplingOf(claude),
  }
}

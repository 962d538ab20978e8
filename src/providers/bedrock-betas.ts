import type { ClaudeModel } from './bedrock-invoke.ts'

/**
 * The betas of the Messages API that Bedrock takes, and for which models. It refuses a request for any other one
 * ("invalid beta flag"). Sources: Bedrock's user guide, "Anthropic Claude Messages API: Request and Response" and "Tool
 * use"; Anthropic's guides to thinking and to tools, where they speak of third-party platforms; LiteLLM's
 * anthropic_beta_headers_config.json (November 2026).
 */

type Takes = (model: ClaudeModel) => boolean

const from =
  (first: number, before?: number): Takes =>
  ({ generation }) =>
    generation >= first && (before === undefined || generation < before)

const opusOrSonnet = ({ id }: ClaudeModel): boolean => !id.includes('haiku')

const all =
  (...rules: readonly Takes[]): Takes =>
  model =>
    rules.every(rule => rule(model))

const any: Takes = () => true

const BETAS: Readonly<Record<string, Takes>> = {
  'computer-use-2024-10-22': from(3.5, 3.7),
  'computer-use-2025-01-24': from(3.7),
  'computer-use-2025-11-24': from(4.5),
  'token-efficient-tools-2025-02-19': from(3.7, 4),
  'output-128k-2025-02-19': from(3.7, 4),
  'interleaved-thinking-2025-05-14': all(opusOrSonnet, from(4, 4.7)),
  'dev-full-thinking-2025-05-14': all(opusOrSonnet, from(4, 4.7)),
  'fine-grained-tool-streaming-2025-05-14': from(4),
  'context-1m-2025-08-07': ({ id, generation }) => generation >= (id.includes('sonnet') ? 4 : 4.6),
  'context-management-2025-06-27': from(4.5),
  'effort-2025-11-24': ({ traits }) => traits.effort,
  'tool-search-tool-2025-10-19': all(opusOrSonnet, from(4.5)),
  'tool-examples-2025-10-29': all(opusOrSonnet, from(4.5)),
  'compact-2026-01-12': from(4.6),
  'mid-conversation-output-config-2026-07-01': any,
  'mid-conversation-tool-changes-2026-07-01': any,
  'thinking-binding-controls-2026-08-01': any,
  'thinking-display-updates-2026-08-18': any,
  'dangerous-tool-use-2026-09-03': any,
}

/** One flag at Anthropic, two at Bedrock. */
const RENAMED: Readonly<Record<string, readonly string[]>> = {
  'advanced-tool-use-2025-11-20': ['tool-search-tool-2025-10-19', 'tool-examples-2025-10-29'],
}

export type Betas = {
  /** Those that go along, each once, in the client's order. */
  readonly taken: readonly string[]
  /** Those of the client's that stay behind. */
  readonly left: readonly string[]
}

/** `allowed` goes along whatever is known of it. */
export const betasFor = (asked: readonly string[], model: ClaudeModel, allowed: readonly string[]): Betas => {
  const taken = new Set<string>()
  const left: string[] = []
  for (const beta of asked) {
    const names = allowed.includes(beta) || !Object.hasOwn(RENAMED, beta) ? [beta] : (RENAMED[beta] ?? [])
    const fit = names.filter(
      name => allowed.includes(name) || (Object.hasOwn(BETAS, name) && BETAS[name]?.(model) === true),
    )
    for (const name of fit) taken.add(name)
    if (fit.length === 0) left.push(beta)
  }
  return { taken: [...taken], left }
}

import { FLAVOURS, type Flavour } from '../src/stage/flavour.ts'
import type { Hit } from '../src/stage/recorder.ts'
import { ORGANISATION } from './support/agents.ts'
import { type Owner, type Play, play } from './support/harness.ts'
import { AWS, deploymentOf, type Part } from './support/parts.ts'

/**
 * One group for every kind of provider, each at a strict stage, and before each of them groups whose lead may fail: a
 * configuration that says nothing of `drop_params`.
 */

/** A model that does not think where there is one: it takes the least. */
const PARTS = {
  responses: { flavour: 'openai', model: 'responses/gpt-5' },
  chat: { flavour: 'openai', model: 'gpt-4.1', params: { use_chat_completions_api: true } },
  azure: { flavour: 'azure', model: 'gpt-5' },
  foundry: { flavour: 'azure_ai', model: 'grok-4', path: '/openai/v1' },
  'foundry-claude': { flavour: 'azure_ai', model: 'claude-sonnet-4-5' },
  claude: { flavour: 'anthropic', model: 'claude-sonnet-4-5' },
  'older-claude': { flavour: 'anthropic', model: 'claude-3-5-haiku-20241022' },
  'newer-claude': { flavour: 'anthropic', model: 'claude-opus-4-7' },
  nova: { flavour: 'bedrock', model: 'amazon.nova-pro-v1:0', params: AWS },
  converse: {
    flavour: 'bedrock',
    model: 'converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    params: AWS,
  },
  invoke: { flavour: 'bedrock', model: 'invoke/us.anthropic.claude-sonnet-4-5-20250929-v1:0', params: AWS },
  'older-gemini': { flavour: 'gemini', model: 'gemini-2.0-flash' },
  gemini: { flavour: 'gemini', model: 'gemini-3-flash' },
  vertex: { flavour: 'vertex_ai', model: 'gemini-2.5-flash' },
  'vertex-claude': { flavour: 'vertex_ai', model: 'claude-sonnet-4-5' },
  cohere: { flavour: 'cohere', model: 'command-a-03-2025' },
  mistral: { flavour: 'mistral', model: 'mistral-large-latest' },
  groq: { flavour: 'groq', model: 'llama-3.3-70b-versatile' },
  xai: { flavour: 'xai', model: 'grok-4' },
  deepseek: { flavour: 'deepseek', model: 'deepseek-v4-flash' },
  together: { flavour: 'together_ai', model: 'openai/gpt-oss-120b' },
  fireworks: { flavour: 'fireworks_ai', model: 'accounts/fireworks/models/gpt-oss-120b' },
  openrouter: { flavour: 'openrouter', model: 'openai/gpt-oss-120b' },
  ollama: { flavour: 'ollama', model: 'llama3.2' },
  vllm: { flavour: 'hosted_vllm', model: 'mistralai/Mistral-Small-3.2' },
} as const satisfies Readonly<Record<string, Part>>

export type PartName = keyof typeof PARTS
export const PART_NAMES = Object.keys(PARTS) as readonly PartName[]

/** Who leads: the provider that an agent was made for. */
const LEADS = {
  openai: { flavour: 'openai', model: 'gpt-5' },
  anthropic: { flavour: 'anthropic', model: 'claude-sonnet-4-5' },
} as const satisfies Readonly<Record<string, Part>>

export type Lead = keyof typeof LEADS
const LEAD_NAMES = Object.keys(LEADS) as readonly Lead[]

type StageName = Flavour | `lead-${Lead}`
type Cast = { readonly [Name in StageName]: { readonly flavour: Flavour; readonly models: string[] } }

/** The group in which this lead is followed by that part. */
export const followed = (lead: Lead, by: PartName): string => `${lead}-then-${by}`

const wanted = Object.fromEntries<object>([
  ...LEAD_NAMES.map(
    lead =>
      [`lead-${lead}`, { flavour: LEADS[lead].flavour, models: ['*'], organisation: ORGANISATION }] as const,
  ),
  ...FLAVOURS.map(flavour => [flavour, { flavour, models: ['*'] }] as const),
]) as unknown as Cast

export type EveryPart = Play<Cast> & {
  /** Every request of the stages since the last `clear`, stage by stage; the leads' are the first. */
  readonly hits: () => readonly Hit[]
  /** What a stage refused, in any of them. */
  readonly refusals: () => readonly string[]
  readonly clear: () => void
}

export const everyPart = async (owner: Owner): Promise<EveryPart> => {
  const house = await play<Cast>(owner, {
    stages: wanted,
    config: stages => ({
      model_list: [
        ...PART_NAMES.map(name => deploymentOf(name, PARTS[name], stages[PARTS[name].flavour])),
        ...LEAD_NAMES.flatMap(lead =>
          PART_NAMES.map(name => deploymentOf(followed(lead, name), LEADS[lead], stages[`lead-${lead}`])),
        ),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: LEAD_NAMES.flatMap(lead => PART_NAMES.map(name => ({ [followed(lead, name)]: [name] }))),
      },
    }),
  })
  const all = Object.entries(house.stages)
  return {
    ...house,
    hits: () => all.flatMap(([, { requests }]) => requests),
    refusals: () =>
      all.flatMap(([name, { requests }]) =>
        requests.flatMap(({ refusal, target }) =>
          refusal === undefined ? [] : [`${name} ${target}: ${refusal.message}`],
        ),
      ),
    clear: () => {
      for (const [, stage] of all) stage.clear()
    },
  }
}

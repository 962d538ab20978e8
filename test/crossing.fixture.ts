import type { Flavour } from '../src/stage/flavour.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { deployment, type Owner, type Play, play, type Reply } from './support/harness.ts'

/** One group for each dialect that providers speak, each at a strict stage; the backups' names are the dialects'. */

const FLAVOURS = {
  openai: 'gpt-4.1',
  azure: 'gpt-4.1',
  anthropic: 'claude-sonnet-4-5',
  gemini: 'gemini-2.5-pro',
  cohere: 'command-a-03-2025',
  mistral: 'mistral-large-latest',
} as const satisfies Partial<Record<Flavour, string>>

type Cast = {
  readonly [Name in keyof typeof FLAVOURS]: { readonly flavour: Name; readonly models: string[] }
}

export const DOORS = ['chat', 'responses', 'messages', 'gemini'] as const
export type DoorName = (typeof DOORS)[number]

export type Crossing = Play<Cast> & {
  /** Every group: of the stages, `responses` (OpenAI by its other API) and two on Bedrock's Converse. */
  readonly groups: readonly string[]
  /** One request in the dialect of this door, to this group. */
  readonly through: (door: DoorName, group: string, body: JsonObject, stream?: boolean) => Promise<Reply>
}

const PATHS: Readonly<Record<Exclude<DoorName, 'gemini'>, string>> = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
}

const verb = (stream: boolean): string => (stream ? 'streamGenerateContent?alt=sse' : 'generateContent')

/** No group has a fallback: what a provider refuses is what the client gets. */
export const crossing = async (owner: Owner, router: JsonObject = {}): Promise<Crossing> => {
  const bedrock = await startBedrockStage()
  owner.after(() => bedrock.close())
  const onBedrock = (group: string, model: string): JsonObject => ({
    model_name: group,
    litellm_params: {
      model: `bedrock/converse/${model}`,
      aws_bedrock_runtime_endpoint: bedrock.url,
      aws_region_name: 'us-east-1',
      aws_access_key_id: 'AKIASTAGE',
      aws_secret_access_key: 'stage-secret',
    },
  })
  const stages = Object.fromEntries(
    Object.keys(FLAVOURS).map(flavour => [flavour, { flavour, models: ['*'] }]),
  ) as unknown as Cast
  const elsewhere: readonly JsonObject[] = [
    onBedrock('nova', 'amazon.nova-pro-v1:0'),
    onBedrock('converse', 'us.anthropic.claude-sonnet-4-20250514-v1:0'),
  ]
  const house = await play<Cast>(owner, {
    stages,
    config: running => ({
      model_list: [
        ...Object.entries(FLAVOURS).map(([flavour, model]) =>
          deployment(flavour, running[flavour as keyof Cast], model),
        ),
        { ...deployment('responses', running.openai, 'gpt-4.1'), model_info: { mode: 'responses' } },
        ...elsewhere,
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, ...router },
    }),
  })
  return {
    ...house,
    groups: [...Object.keys(FLAVOURS), 'responses', 'nova', 'converse'],
    through: (door, group, body, stream = false) =>
      door === 'gemini'
        ? house.ask(`/v1beta/models/${group}:${verb(stream)}`, body)
        : house.ask(PATHS[door], { model: group, ...(stream ? { stream } : {}), ...body }),
  }
}

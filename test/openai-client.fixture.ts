import assert from 'node:assert/strict'
import OpenAI, { AzureOpenAI, toFile } from 'openai'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Owner, type Play, play } from './support/harness.ts'

/** Groups by what they do, and the model that both stages serve for each. */
const GROUPS = {
  star: 'gpt-4.1',
  pen: 'gpt-3.5-turbo-instruct',
  vectors: 'text-embedding-3-small',
  judge: 'omni-moderation-latest',
  painter: 'gpt-image-1',
  copyist: 'dall-e-2',
  voice: 'gpt-4o-mini-tts',
  ear: 'gpt-4o-transcribe',
  scribe: 'whisper-1',
} as const

/** What a fallback of a group is called. */
export const second = (group: string): string => `${group}-second`

type Cast = { readonly lead: Record<never, never>; readonly backup: { readonly flavour: 'azure' } }
export type Ensemble = Play<Cast> & { readonly client: OpenAI }

/** The official client with nothing changed but the address: no retries of its own hide what the gateway does. */
export const clientOf = (gateway: { readonly url: string; readonly key: string }): OpenAI =>
  new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 })

/** The same company's client for Azure, as people point it at a gateway. */
export const azureClientOf = (gateway: { readonly url: string; readonly key: string }): AzureOpenAI =>
  new AzureOpenAI({
    apiKey: gateway.key,
    endpoint: gateway.url,
    apiVersion: '2025-03-01-preview',
    maxRetries: 0,
  })

/** Every group on an OpenAI stage with a fallback on an Azure stage, and `alone`, which has none. */
export const ensemble = async (owner: Owner, router: JsonObject = {}): Promise<Ensemble> => {
  const house = await play(owner, {
    stages: { lead: {}, backup: { flavour: 'azure' as const } },
    config: ({ lead, backup }) => ({
      model_list: [
        ...Object.entries(GROUPS).flatMap(([group, model]) => [
          deployment(group, lead, model),
          deployment(second(group), backup, model),
        ]),
        deployment('alone', lead, 'gpt-4.1'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: Object.keys(GROUPS).map(group => ({ [group]: [second(group)] })),
        ...router,
      },
    }),
  })
  return { ...house, client: clientOf(house) }
}

/** Forgets what came and what was scripted; what the stages stored stays. */
export const clear = (house: Ensemble): void => {
  house.stages.lead.clear()
  house.stages.backup.clear()
}

/** So many requests reached each stage, and neither had a word to say against one of them. */
export const assertPlayed = (house: Ensemble, lead: number, backup: number): void => {
  const { stages } = house
  assert.deepEqual([stages.lead.requests.length, stages.backup.requests.length], [lead, backup])
  assertNothingRefused([...stages.lead.requests, ...stages.backup.requests])
}

export const messages = (content: string) => [{ role: 'user' as const, content }]

/** The path of each request a stage saw, with its method. */
export const pathsOf = (stage: Stage): readonly string[] =>
  stage.requests.map(hit => `${hit.method} ${hit.path}`)

const PIXEL = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
export const image = () => toFile(PIXEL, 'stage.png', { type: 'image/png' })
export const sound = () => toFile(Buffer.alloc(2048, 7), 'line.mp3', { type: 'audio/mpeg' })
export const lines = () => toFile(Buffer.from('{"line":1}\n{"line":2}\n'), 'lines.jsonl')

/** The error of a promise that must fail. */
export const failing = async (promise: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> => {
  const error = await promise.then(
    () => assert.fail('the call was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof OpenAI.APIError, `not an APIError: ${error}`)
  return error
}

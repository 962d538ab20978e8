import assert from 'node:assert/strict'
import OpenAI from 'openai'
import { type Served, serve } from '../src/listen/serve.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import {
  deployment,
  MASTER_KEY,
  type Owner,
  type Play,
  play,
  type Stages,
  temporaryDirectory,
} from './support/harness.ts'

export const SALT = 'salt-that-instances-share'

type Cast = {
  readonly left: Record<never, never>
  readonly right: Record<never, never>
  readonly far: { readonly flavour: 'azure' }
}
export type Troupe = Play<Cast> & { readonly client: OpenAI }

export const clientAt = (url: string, key = MASTER_KEY): OpenAI =>
  new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 })

/** `left` and `right` are two accounts of one provider, `far` is another provider. */
const models = ({ left, right, far }: Stages<Cast>): JsonObject[] => [
  deployment('pair', left, 'gpt-4.1'),
  deployment('pair', right, 'gpt-4.1'),
  // The right one is preferred: the left one is its spare.
  deployment('ranked', left, 'gpt-4.1', { order: 2 }),
  deployment('ranked', right, 'gpt-4.1', { order: 1 }),
  deployment('mine', left, 'gpt-4.1'),
  // The same account under another group and another model.
  deployment('cousin', left, 'gpt-4o'),
  deployment('yours', right, 'gpt-4.1'),
  deployment('abroad', far, 'gpt-4.1'),
]

type Settings = {
  readonly general?: JsonObject
  readonly router?: JsonObject
  /** Groups whose deployments are left out. */
  readonly without?: readonly string[]
}

export const configOf = (stages: Stages<Cast>, settings: Settings = {}): JsonObject => ({
  model_list: models(stages).filter(one => !settings.without?.includes(String(one.model_name))),
  router_settings: {
    num_retries: 0,
    disable_cooldowns: true,
    // Nothing stands in for an id here: test/transcripts*.test.ts is about what does.
    fetch_transcripts: false,
    fallbacks: [{ pair: ['abroad'] }, { mine: ['abroad', 'yours', 'cousin'] }, { ranked: ['abroad'] }],
    ...settings.router,
  },
  general_settings: settings.general ?? {},
})

export const troupe = async (owner: Owner, settings: Settings = {}): Promise<Troupe> => {
  const house = await play(owner, {
    stages: { left: {}, right: {}, far: { flavour: 'azure' as const } },
    config: stages => configOf(stages, settings),
    env: { LITELLM_SALT_KEY: SALT },
  })
  return { ...house, client: clientAt(house.url) }
}

/** One more gateway on the same configuration file: after a restart, or beside the first. */
export const another = async (
  owner: Owner,
  configPath: string,
  key = MASTER_KEY,
): Promise<Served & { readonly client: OpenAI }> => {
  const served = await serve({
    configPath,
    env: { LITELLM_MASTER_KEY: key, LITELLM_SALT_KEY: SALT },
    port: 0,
    host: '127.0.0.1',
    dataDir: await temporaryDirectory(owner),
    stdout: false,
    level: 'silent',
  })
  owner.after(() => served.close(1000))
  return { ...served, client: clientAt(served.url, key) }
}

export const clear = ({ stages }: Troupe): void => {
  for (const stage of Object.values(stages)) stage.clear()
}

/** So many requests reached left, right and far; none was refused by its provider. */
export const assertSeen = ({ stages }: Troupe, ...counts: readonly number[]): void => {
  const { left, right, far } = stages
  assert.deepEqual(
    [left, right, far].map(stage => stage.requests.length),
    counts,
  )
  assertNothingRefused([left, right, far].flatMap(stage => stage.requests))
}

/** The body of the newest request a stage saw. */
export const bodyAt = (stage: Stage): JsonObject => {
  const body = stage.requests.at(-1)?.json
  assert.ok(isObject(body))
  return body
}

/** The newest id that a stage itself made for a response, a conversation. */
export const rawResponseId = (stage: Stage): string => [...stage.memory.responses.keys()].at(-1) ?? ''
export const rawConversationId = (stage: Stage): string => [...stage.memory.conversations.keys()].at(-1) ?? ''

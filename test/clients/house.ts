import type { Fault } from '../../src/stage/faults.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY, type Owner } from '../support/harness.ts'
import { served, understudy } from '../support/process.ts'
import { startTap, type Tap } from './tap.ts'

/** What a stage tells of one request. */
export type Heard = {
  readonly target: string
  readonly fault: string
  readonly refused: JsonObject | null
}

/** A stage in a process of its own, reached by its control door. */
export type Far = {
  readonly origin: string
  /** Forgets the rows before it and plays these faults, one a request. */
  readonly prepare: (faults: readonly Fault[]) => Promise<void>
  readonly heard: () => Promise<readonly Heard[]>
}

export type House = {
  /** Where agents go: what they say is kept, and goes on to the gateway byte for byte. */
  readonly tap: Tap
  readonly key: string
  readonly openai: Far
  readonly anthropic: Far
}

const control = async (origin: string, method: string, path: string, body?: object): Promise<JsonObject> => {
  const answer = await fetch(`${origin}/__stage/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok) throw new Error(`the stage says ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as JsonObject
}

const startFar = async (owner: Owner, flavour: string): Promise<Far> => {
  const process = understudy(owner, { args: ['stage', '--port', '0', '--flavour', flavour] })
  const [, origin = ''] = await process.logged(/curl (http:\S+?)\/__stage/)
  return {
    origin,
    prepare: async faults => {
      await control(origin, 'DELETE', 'script')
      await control(origin, 'DELETE', 'requests')
      if (faults.length > 0) await control(origin, 'POST', 'script', { faults })
    },
    heard: async () => {
      const { requests } = await control(origin, 'GET', 'requests')
      return requests as unknown as readonly Heard[]
    },
  }
}

/** Agents know models by their names, and ask the newest ones for more: a group has its model's. */
export const GROUPS = { openai: 'gpt-5', anthropic: 'claude-sonnet-4-5' } as const

/** Each group falls back to the other one, at the other provider. */
const configOf = (openai: Far, anthropic: Far): object => ({
  model_list: [
    {
      model_name: GROUPS.openai,
      litellm_params: {
        model: `openai/${GROUPS.openai}`,
        api_base: `${openai.origin}/v1`,
        api_key: 'sk-stage',
      },
    },
    {
      model_name: GROUPS.anthropic,
      litellm_params: {
        model: `anthropic/${GROUPS.anthropic}`,
        api_base: anthropic.origin,
        api_key: 'sk-stage',
        // Codex leaves it to the provider how long an answer may be; Anthropic wants to be told.
        max_output_tokens: 64_000,
      },
    },
  ],
  router_settings: {
    num_retries: 0,
    disable_cooldowns: true,
    fallbacks: [{ [GROUPS.openai]: [GROUPS.anthropic] }, { [GROUPS.anthropic]: [GROUPS.openai] }],
  },
})

/** Two strict stages and the gateway, each a process; all end with the owner. */
export const startHouse = async (owner: Owner): Promise<House> => {
  const [openai, anthropic] = await Promise.all([startFar(owner, 'openai'), startFar(owner, 'anthropic')])
  const gateway = await served(owner, { config: configOf(openai, anthropic) })
  return { tap: await startTap(owner, gateway.url), key: MASTER_KEY, openai, anthropic }
}

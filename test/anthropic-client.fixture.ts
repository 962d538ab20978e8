import assert from 'node:assert/strict'
import Anthropic from '@anthropic-ai/sdk'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Owner, type Play, play } from './support/harness.ts'

export const MODEL = 'claude-sonnet-4-5'

type Cast = {
  readonly lead: { readonly flavour: 'anthropic'; readonly models: readonly string[] }
  readonly backup: { readonly flavour: 'anthropic'; readonly models: readonly string[] }
}
export type Ensemble = Play<Cast> & { readonly client: Anthropic }

/** The official client with nothing changed but the address: no retries of its own hide what the gateway does. */
export const clientOf = (gateway: { readonly url: string; readonly key: string }, retries = 0): Anthropic =>
  new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: retries })

/** `star` falls back from one Anthropic stage to another one; `alone` has nobody. */
export const ensemble = async (owner: Owner, router: JsonObject = {}): Promise<Ensemble> => {
  const any = { flavour: 'anthropic', models: ['*'] } as const
  const house = await play(owner, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('star', lead, MODEL),
        deployment('star-second', backup, 'claude-haiku-4-5'),
        deployment('alone', lead, MODEL),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ star: ['star-second'] }],
        ...router,
      },
    }),
  })
  return { ...house, client: clientOf(house) }
}

export const clear = ({ stages }: Ensemble): void => {
  stages.lead.clear()
  stages.backup.clear()
}

/** So many requests reached each stage, and neither had a word to say against one of them. */
export const assertPlayed = ({ stages }: Ensemble, lead: number, backup: number): void => {
  assert.deepEqual([stages.lead.requests.length, stages.backup.requests.length], [lead, backup])
  assertNothingRefused([...stages.lead.requests, ...stages.backup.requests])
}

export const messages = (content: string) => [{ role: 'user' as const, content }]

/** The error of a promise that must fail. */
export const failing = async (
  promise: Promise<unknown>,
): Promise<InstanceType<typeof Anthropic.APIError>> => {
  const error = await promise.then(
    () => assert.fail('the call was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Anthropic.APIError, `not an APIError: ${error}`)
  return error
}

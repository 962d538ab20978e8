import assert from 'node:assert/strict'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Owner, type Play, play, type Reply, type StartOptions } from './support/harness.ts'
import { always } from './support/proofs.ts'

const CLAUDE = 'claude-sonnet-4-5'
const STAGES = { home: {}, twin: {}, chat: {}, claude: { flavour: 'anthropic', models: [CLAUDE] } } as const
export type Theatre = Play<typeof STAGES>

/**
 * `lead` is served by one account and falls back to another of the same provider, `pair` by both, `talk` falls back to a
 * provider of chat completions, `think` to one of the Messages API. `plain` begins at the chat provider, `quiet` has no
 * transcripts.
 */
export const theatre = (owner: Owner, router: JsonObject = {}, start?: Started): Promise<Theatre> =>
  play(owner, {
    stages: STAGES,
    config: ({ home, twin, chat, claude }) => ({
      model_list: [
        deployment('lead', home, 'gpt-4.1'),
        deployment('quiet', home, 'gpt-4.1'),
        deployment('talk', home, 'gpt-4.1'),
        deployment('think', home, 'gpt-4.1'),
        deployment('pair', home, 'gpt-4.1', { weight: 1_000_000 }),
        deployment('pair', twin, 'gpt-4.1', { weight: 1 }),
        deployment('twin', twin, 'gpt-4.1'),
        deployment('plain', chat, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('claude', claude, CLAUDE),
      ],
      general_settings: { public_routes: ['/responses*'] },
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [
          { lead: ['twin'] },
          { quiet: ['twin'] },
          { talk: ['plain'] },
          { think: ['claude'] },
          { plain: ['twin'] },
        ],
        transcripts: ['lead', 'talk', 'think', 'pair', 'twin', 'plain', 'claude'],
        ...router,
      },
    }),
    ...(start === undefined ? {} : { start }),
  })

export type Started = (options: StartOptions) => Promise<{
  readonly url: string
  readonly close: (graceMs?: number) => Promise<void>
}>

export const down = (stage: Stage, status = 503): void => stage.script(always({ kind: 'status', status }))

export const clear = ({ stages }: Theatre): void => {
  for (const stage of Object.values(stages)) stage.clear()
}

/** The newest body a stage saw. */
export const bodyAt = (stage: Stage): JsonObject => {
  const body = stage.requests.at(-1)?.json
  assert.ok(isObject(body), 'nobody was asked')
  return body
}

export const textAt = (stage: Stage): string => Buffer.from(stage.requests.at(-1)?.body ?? []).toString()

export const assertNoneRefused = ({ stages }: Theatre): void => {
  const { home, twin, chat, claude } = stages
  assertNothingRefused([home, twin, chat, claude].flatMap(stage => stage.requests))
}

/** One turn of a conversation. */
export const turn = (
  house: Pick<Theatre, 'ask'>,
  model: string,
  input: Json,
  more: JsonObject = {},
): Promise<Reply> => house.ask('/v1/responses', { model, input, ...more })

/** The id of the response in an answer, streamed or not. */
export const idOf = (reply: Reply): string => {
  assert.equal(reply.status, 200, reply.text)
  return /"(resp_[A-Za-z0-9_-]{70,})"/.exec(reply.text)?.[1] ?? assert.fail(reply.text)
}

export const assertLost = (reply: Reply, id: string): void => {
  assert.equal(reply.status, 400, reply.text)
  const { error } = reply.json()
  assert.deepEqual(error, {
    message: `Previous response with id '${id}' not found.`,
    type: 'invalid_request_error',
    param: 'previous_response_id',
    code: 'previous_response_not_found',
  })
}

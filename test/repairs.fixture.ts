import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { RequestRecord } from '../src/record/trail.ts'
import type { Fault } from '../src/stage/faults.ts'
import type { Stage, StageOptions } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { inside } from './support/inside.ts'

export const RESPONSES = '/v1/responses'
export const CHAT = '/v1/chat/completions'

/** A turn as Codex sends it, with what its own provider takes and no other. */
export const codex = (more: JsonObject = {}): JsonObject => ({
  model: 'star',
  instructions: 'Be brief.',
  input: [
    {
      type: 'message',
      role: 'user',
      id: 'msg_0b6c',
      content: [{ type: 'input_text', text: 'Line, please.' }],
      internal_chat_message_metadata_passthrough: { turn: 1 },
    },
    {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_1',
      name: 'shell',
      arguments: '{"x": 1.0}',
      status: 'completed',
    },
    {
      type: 'function_call_output',
      id: 'fco_1',
      call_id: 'call_1',
      output: 'done',
      internal_chat_message_metadata_passthrough: {},
    },
    { type: 'message', role: 'user', id: 'msg_0b6d', content: 'And again.', metadata: { a: 'b' } },
  ],
  tools: [{ type: 'function', name: 'shell', parameters: { type: 'object', properties: {} }, strict: false }],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: { summary: 'auto' },
  store: false,
  include: ['reasoning.encrypted_content'],
  client_metadata: { session: 's', 'x-codex-installation-id': 'i' },
  ...more,
})

type Cast = { readonly lead: StageOptions; readonly backup: StageOptions }
export type House = Play<Cast> & {
  readonly lead: Stage
  readonly backup: Stage
  readonly last: (count: number) => Promise<RequestRecord>
}

/** `star` is OpenAI's, `second` its fallback at Azure. */
export const house = async (
  t: TestContext,
  options: {
    readonly router?: JsonObject
    readonly backup?: StageOptions
    readonly own?: JsonObject
    readonly twice?: true
  } = {},
): Promise<House> => {
  const within = inside()
  const started = await play<Cast>(t, {
    stages: { lead: {}, backup: { flavour: 'azure', models: ['prod'], ...options.backup } },
    start: within.start,
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('second', backup, 'prod', options.own ?? {}),
        ...(options.twice === true
          ? [
              // The first is drawn first.
              deployment('twice', backup, 'prod', { weight: 1 }),
              deployment('twice', lead, 'gpt-4.1', { weight: 1e-9 }),
            ]
          : []),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }], ...options.router },
    }),
  })
  const last = async (count: number): Promise<RequestRecord> => {
    const record = (await within.recorded(count)).at(-1)
    assert.ok(record)
    return record
  }
  return { ...started, lead: started.stages.lead, backup: started.stages.backup, last }
}

export const down = (stage: Stage): void =>
  // biome-ignore lint/suspicious/noThenProperty: the script's own word for what follows; nobody awaits it.
  stage.script([], { then: { kind: 'status', status: 503 } })

/** What the answer says was left out. */
export const dropped = (reply: Reply): readonly string[] =>
  reply.headers['x-understudy-dropped']?.split(', ') ?? []
export const bodies = (stage: Stage): readonly JsonObject[] =>
  stage.requests.map(hit => hit.json as JsonObject)
export const said = (reply: Reply): JsonObject => reply.json().error as JsonObject

/** A provider's refusal, word for word. */
export const refusing = (message: string, code: string | null, param: string | null = null): Fault => ({
  kind: 'status',
  status: 400,
  body: { error: { message, type: 'invalid_request_error', param, code } },
})

export const itemsOf = (body: JsonObject | undefined): readonly JsonObject[] => {
  const input: readonly Json[] = Array.isArray(body?.input) ? body.input : []
  return input.filter(isObject)
}

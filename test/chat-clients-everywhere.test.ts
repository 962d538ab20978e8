import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { everyPart, followed, PART_NAMES } from './every-part.fixture.ts'
import type { Reply } from './support/harness.ts'

/**
 * What clients of chat completions write beside their question, each as it writes it: two turns of a tool's round trip
 * at every kind of provider, asked for and stepping in, where nothing is said of `drop_params`.
 */

const house = await everyPart({ after })
beforeEach(() => house.clear())

const CALL = 'call_9a8b7c6d5e4f3a2b1c0d9e8f'
const ASKED = 'Look at the stage. [stage:say The stage is set.]'

const look = (more: JsonObject = {}, strict: JsonObject = {}): JsonObject => ({
  type: 'function',
  function: {
    name: 'look',
    description: 'Looks at a place.',
    parameters: {
      type: 'object',
      properties: { place: { type: 'string', description: 'Where' } },
      required: ['place'],
      ...more,
    },
    ...strict,
  },
})

const OPEN = { $schema: 'http://json-schema.org/draft-07/schema#', additionalProperties: false }
const STRICT = look({ additionalProperties: false }, { strict: true })
const STREAMED = { stream: true, stream_options: { include_usage: true } }
const PICTURE = `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='}`
const MARK = { cache_control: { type: 'ephemeral' } }

type Client = {
  /** Everything beside model and messages. */
  readonly with: JsonObject
  readonly system: JsonObject
  /** The user's words. */
  readonly user: Json
  /** What an assistant's message with a call holds as its content; undefined: no such member. */
  readonly empty?: '' | null
  readonly result?: Json
  readonly mark?: JsonObject
}

const CLIENTS: Readonly<Record<string, Client>> = {
  'the AI SDK': {
    with: {
      max_completion_tokens: 8192,
      reasoning_effort: 'low',
      verbosity: 'low',
      parallel_tool_calls: false,
      store: false,
      metadata: { app: 'play' },
      user: 'player',
      service_tier: 'auto',
      prompt_cache_key: 'act-1',
      safety_identifier: 'player',
      tools: [look(OPEN, { strict: false })],
      tool_choice: 'auto',
      ...STREAMED,
    },
    system: { role: 'developer', content: 'You act.' },
    user: ASKED,
    empty: '',
  },
  'openai-agents': {
    with: {
      temperature: 0.2,
      top_p: 0.9,
      frequency_penalty: 0,
      presence_penalty: 0.1,
      max_tokens: 2048,
      parallel_tool_calls: false,
      store: true,
      metadata: { trace: 't1' },
      prompt_cache_retention: '24h',
      tools: [STRICT],
      ...STREAMED,
    },
    system: { role: 'system', content: 'You act.' },
    user: [{ type: 'text', text: ASKED }],
    empty: null,
    result: [{ type: 'text', text: 'It is set.' }],
  },
  LangChain: {
    with: {
      n: 1,
      temperature: 0.7,
      seed: 7,
      presence_penalty: 0,
      frequency_penalty: 0,
      max_completion_tokens: 1024,
      parallel_tool_calls: false,
      user: 'player',
      tools: [STRICT],
      tool_choice: 'auto',
      ...STREAMED,
    },
    system: { role: 'system', content: 'You act.' },
    user: ASKED,
    empty: null,
  },
  Cline: {
    with: {
      temperature: 0,
      max_completion_tokens: 8192,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      metadata: { cline_task_id: '01JTASK' },
      tools: [look()],
      ...STREAMED,
    },
    system: { role: 'system', content: [{ type: 'text', text: 'You act.', ...MARK }] },
    user: [
      { type: 'text', text: '# Environment' },
      { type: 'text', text: ASKED, ...MARK },
    ],
    mark: MARK,
  },
  'Roo Code': {
    with: {
      max_tokens: 8192,
      temperature: 0,
      reasoning_effort: 'medium',
      parallel_tool_calls: false,
      tools: [STRICT],
      tool_choice: 'auto',
      ...STREAMED,
    },
    system: { role: 'system', content: 'You act.' },
    user: [{ type: 'text', text: ASKED }],
    empty: '',
  },
  OpenCode: {
    with: {
      max_tokens: 32_000,
      temperature: 0,
      top_p: 1,
      reasoning_effort: 'medium',
      prompt_cache_key: 'ses_1',
      verbosity: 'low',
      tools: [look(OPEN)],
      tool_choice: 'auto',
      ...STREAMED,
    },
    system: { role: 'system', content: 'You act.' },
    user: ASKED,
  },
  Aider: {
    with: { temperature: 0, seed: 0, tools: [look()], stream: true },
    system: { role: 'system', content: [{ type: 'text', text: 'You act.', ...MARK }] },
    user: [{ type: 'text', text: ASKED, ...MARK }],
    empty: null,
  },
}

const answered = ({ empty, result = 'It is set.', mark = {} }: Client): readonly JsonObject[] => [
  {
    role: 'assistant',
    ...(empty === undefined ? {} : { content: empty }),
    tool_calls: [{ id: CALL, type: 'function', function: { name: 'look', arguments: '{"place":"stage"}' } }],
  },
  { role: 'tool', tool_call_id: CALL, content: result, ...mark },
]

const bodyOf = (client: Client, turn: 1 | 2): JsonObject => {
  const asked = { role: 'user', content: client.user }
  const messages: Json = [client.system, asked, ...(turn === 1 ? [] : answered(client))]
  return { messages, ...client.with }
}

const chunksOf = ({ text }: Reply): readonly { choices: { delta: JsonObject; finish_reason: Json }[] }[] =>
  [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))

const assertPlayed = (reply: Reply, where: string): void => {
  assert.equal(reply.status, 200, `${where}: ${reply.text}`)
  const choices = chunksOf(reply).flatMap(chunk => chunk.choices)
  assert.equal(choices.map(({ delta }) => delta.content ?? '').join(''), 'The stage is set.', where)
  assert.equal(choices.findLast(choice => choice.finish_reason != null)?.finish_reason, 'stop', where)
  assert.match(reply.text, /data: \[DONE\]\n\n$/)
}

const ask = (group: string, body: JsonObject): Promise<Reply> =>
  house.ask('/v1/chat/completions', { model: group, ...body })

for (const [name, client] of Object.entries(CLIENTS))
  describe(`what ${name} writes`, () => {
    for (const part of PART_NAMES)
      test(`is no reason for ${part} to refuse, asked for or stepping in`, async () => {
        for (const turn of [1, 2] as const) {
          assertPlayed(await ask(part, bodyOf(client, turn)), `${part}, turn ${turn}`)
          for (const lead of ['openai', 'anthropic'] as const) {
            house.stages[`lead-${lead}`].script([{ kind: 'status', status: 503 }])
            const reply = await ask(followed(lead, part), bodyOf(client, turn))
            assertPlayed(reply, `${lead}, then ${part}, turn ${turn}`)
            assert.equal(reply.headers['x-litellm-model-group'], part)
          }
        }
      })
  })

describe('a picture in a chat', () => {
  const body = {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: ASKED },
          { type: 'image_url', image_url: { url: PICTURE, detail: 'high' } },
        ],
      },
    ],
    temperature: 0,
    ...STREAMED,
  }
  for (const part of PART_NAMES)
    test(`is taken by ${part}`, async () => {
      const reply = await ask(part, body)
      // A model that sees nothing is told nothing of it.
      if (reply.status === 400) assert.match(reply.text, /image|picture/i)
      else assertPlayed(reply, part)
    })
})

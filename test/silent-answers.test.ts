import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { DOORS, type DoorName } from './crossing.fixture.ts'
import { play, type Reply } from './support/harness.ts'
import { type Turn, telling } from './support/told.ts'

/**
 * A model may think, or search, and say nothing: its turn is over, was paid for, and is told as the client's dialect tells
 * such a turn. Only of an answer with nothing in it at all another one is made.
 */

const sse = (events: readonly (JsonObject | string)[]): string =>
  events.map(event => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('')

const response = (output: readonly JsonObject[], output_tokens: number): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  error: null,
  incomplete_details: null,
  model: 'gpt-5',
  output,
  usage: { input_tokens: 5, output_tokens, total_tokens: 5 + output_tokens },
})
const responses = (output: readonly JsonObject[], tokens = 12): Turn => ({
  whole: response(output, tokens),
  stream: sse([
    { type: 'response.created', response: { ...response([], 0), status: 'in_progress' } },
    ...output.flatMap((item, output_index) =>
      ['added', 'done'].map(when => ({ type: `response.output_item.${when}`, output_index, item })),
    ),
    { type: 'response.completed', response: response(output, tokens) },
  ]),
})

const chunk = (delta: JsonObject, finish_reason: string | null, more: JsonObject = {}): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
})
const chat = (said: JsonObject, completion_tokens = 12): Turn => {
  const usage = { prompt_tokens: 5, completion_tokens, total_tokens: 5 + completion_tokens }
  return {
    whole: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '', ...said } }],
      usage,
    },
    stream: sse([
      chunk({ role: 'assistant', content: '', ...said }, null),
      chunk({}, 'stop', { usage }),
      '[DONE]',
    ]),
  }
}

const messages = (blocks: readonly JsonObject[], output_tokens = 12): Turn => {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'c', stop_sequence: null }
  const usage = { input_tokens: 5, output_tokens }
  return {
    whole: { ...message, content: blocks, stop_reason: 'end_turn', usage },
    stream: sse([
      { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage } },
      ...blocks.flatMap((content_block, index) => [
        { type: 'content_block_start', index, content_block },
        { type: 'content_block_stop', index },
      ]),
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens } },
      { type: 'message_stop' },
    ]),
  }
}

const candidate = (parts: readonly JsonObject[], tokens = 12): Turn => {
  const whole = {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 5, thoughtsTokenCount: tokens, totalTokenCount: 5 + tokens },
    responseId: 'r1',
  }
  return { whole, stream: sse([whole]) }
}

const THOUGHT = 'Nothing to add.'
const summary = [{ type: 'summary_text', text: THOUGHT }]
const search: JsonObject = {
  id: 'ws_1',
  type: 'web_search_call',
  status: 'completed',
  action: { type: 'search', query: 'news' },
}

/** By the model's name. */
const TURNS: Readonly<Record<string, Turn>> = {
  'responses-thought': responses([{ id: 'rs_1', type: 'reasoning', summary }]),
  'responses-hidden-thought': responses([{ id: 'rs_1', type: 'reasoning', summary: [] }]),
  'responses-search': responses([search]),
  'responses-uncounted-search': responses([search], 0),
  'chat-thought': chat({ reasoning_content: THOUGHT }),
  'chat-silence': chat({}),
  'messages-thought': messages([{ type: 'thinking', thinking: THOUGHT, signature: 'c2ln' }]),
  'messages-silence': messages([]),
  'gemini-thought': candidate([{ text: THOUGHT, thought: true }]),
}
const EMPTY: Readonly<Record<string, Turn>> = {
  'responses-empty': responses([], 0),
  'chat-empty': chat({}, 0),
  'messages-empty': messages([], 0),
  'gemini-empty': candidate([], 0),
}

const origin = await telling({ after }, ({ model: asked }, path) => {
  const model = typeof asked === 'string' ? asked : /models\/([^:]+):/.exec(path)?.[1]
  const turn = { ...TURNS, ...EMPTY }[model ?? '']
  assert.ok(turn !== undefined, path)
  return turn
})

const deploymentOf = (name: string): JsonObject => {
  const base = { api_base: `${origin}/v1`, api_key: 'k' }
  switch (name.split('-')[0]) {
    case 'responses':
      return { litellm_params: { ...base, model: `openai/${name}` }, model_info: { mode: 'responses' } }
    case 'chat':
      return { litellm_params: { ...base, model: `openai/${name}`, use_chat_completions_api: true } }
    case 'messages':
      return { litellm_params: { ...base, api_base: origin, model: `anthropic/${name}` } }
    default:
      return { litellm_params: { ...base, api_base: origin, model: `gemini/${name}` } }
  }
}

const names = [...Object.keys(TURNS), ...Object.keys(EMPTY)]
const house = await play(
  { after },
  {
    config: {
      model_list: names.map(name => ({ model_name: name, ...deploymentOf(name) })),
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  },
)

const said = { role: 'user', content: 'Anything else?' }
const ask = (door: DoorName, model: string, stream: boolean): Promise<Reply> => {
  switch (door) {
    case 'chat':
      return house.ask('/v1/chat/completions', { model, messages: [said], stream })
    case 'responses':
      return house.ask('/v1/responses', { model, input: [said], stream })
    case 'messages':
      return house.ask('/v1/messages', { model, max_tokens: 99, messages: [said], stream })
    case 'gemini':
      return house.ask(
        `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
        {
          contents: [{ role: 'user', parts: [{ text: said.content }] }],
          generationConfig: { thinkingConfig: { includeThoughts: true } },
        },
      )
  }
}

/** How a turn ends of its own accord. */
const END: Readonly<Record<DoorName, RegExp>> = {
  chat: /"finish_reason":"stop"/,
  responses: /"status":"completed"/,
  messages: /"stop_reason":"end_turn"/,
  gemini: /"finishReason":"STOP"/,
}

for (const [name] of Object.entries(TURNS))
  describe(`a turn without words (${name})`, () => {
    for (const door of DOORS)
      for (const stream of [false, true])
        test(`ends behind the ${door} door${stream ? ', streamed' : ''}`, async () => {
          const reply = await ask(door, name, stream)
          assert.equal(reply.status, 200, reply.text)
          assert.doesNotMatch(reply.text, /"error":\{/)
          assert.match(reply.text, END[door], reply.text)
          // Claude's clients may show no thought that Claude has not signed.
          const shown = door !== 'messages' || name.startsWith('messages')
          if (name.endsWith('-thought') && !name.includes('hidden') && shown)
            assert.ok(reply.text.includes(THOUGHT), reply.text)
        })
  })

for (const name of Object.keys(EMPTY))
  describe(`an answer with nothing in it (${name})`, () => {
    for (const door of DOORS)
      for (const stream of [false, true])
        test(`is none behind the ${door} door${stream ? ', streamed' : ''}`, async () => {
          const reply = await ask(door, name, stream)
          assert.ok(reply.status >= 500, `${reply.status} ${reply.text}`)
          assert.ok(isObject(reply.json().error), reply.text)
        })
  })

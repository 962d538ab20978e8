import type { JsonObject } from '../../src/wire/json.ts'

/** Ways of asking whose every crossing meets every fault. */

/** One way of asking. */
export type Source = {
  readonly name: string
  readonly route: string
  readonly stream: boolean
  readonly more?: JsonObject
  /** What every provider gets with it, and what every answer holds, in the client's dialect. */
  readonly proof?: { readonly asked?: string; readonly answered?: RegExp }
  /** The answer is a call. */
  readonly calls?: true
  /** Kinds of provider that refuse it by design, with a word of what they say. Default: nobody does. */
  readonly refusedBy?: Readonly<Record<string, string>>
  /** What a dialect has no place for is refused. Default: it is left out. */
  readonly strict?: true
  /** It is asked with a part of the faults only. */
  readonly thin?: true
}

export const SYSTEM = 'Be brief.'
export const QUESTION = 'What is the weather on the ramparts of Kronborg?'
const CALL = { name: 'get_weather', arguments: { location: 'Kronborg' } }
const CALL_ID = 'call_matrix1'
const RESULT = 'A bitter cold.'
const SCHEMA: JsonObject = {
  type: 'object',
  properties: { location: { type: 'string' } },
  required: ['location'],
}
const DESCRIPTION = 'The weather at a place.'

/** A conversation with everything that every dialect has: a system prompt, a tool, a call of it and its result. */
const chat: JsonObject = {
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: QUESTION },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: CALL_ID,
          type: 'function',
          function: { name: CALL.name, arguments: JSON.stringify(CALL.arguments) },
        },
      ],
    },
    { role: 'tool', tool_call_id: CALL_ID, content: RESULT },
  ],
  tools: [{ type: 'function', function: { name: CALL.name, description: DESCRIPTION, parameters: SCHEMA } }],
  max_tokens: 256,
}

const items: readonly JsonObject[] = [
  { type: 'message', role: 'user', content: QUESTION },
  {
    type: 'function_call',
    call_id: CALL_ID,
    name: CALL.name,
    arguments: JSON.stringify(CALL.arguments),
  },
  { type: 'function_call_output', call_id: CALL_ID, output: RESULT },
]
const counted: JsonObject = {
  input: items,
  instructions: SYSTEM,
  tools: [{ type: 'function', name: CALL.name, description: DESCRIPTION, parameters: SCHEMA, strict: false }],
}
const responses: JsonObject = {
  ...counted,
  max_output_tokens: 256,
  // A stored answer is never gone on with.
  store: false,
}

const messages: JsonObject = {
  system: SYSTEM,
  messages: [
    { role: 'user', content: QUESTION },
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: CALL_ID, name: CALL.name, input: CALL.arguments }],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: CALL_ID, content: RESULT }] },
  ],
  tools: [{ name: CALL.name, description: DESCRIPTION, input_schema: SCHEMA }],
}

const gemini: JsonObject = {
  systemInstruction: { parts: [{ text: SYSTEM }] },
  contents: [
    { role: 'user', parts: [{ text: QUESTION }] },
    { role: 'model', parts: [{ functionCall: { name: CALL.name, args: CALL.arguments } }] },
    { role: 'user', parts: [{ functionResponse: { name: CALL.name, response: { output: RESULT } } }] },
  ],
  tools: [{ functionDeclarations: [{ name: CALL.name, description: DESCRIPTION, parameters: SCHEMA }] }],
}

const trigger: JsonObject = { input: [...items, { type: 'compaction_trigger' }], store: false }

const both = (name: string, route: string, more: JsonObject): readonly Source[] =>
  [false, true].map(stream => ({ name: stream ? `${name} (stream)` : name, route, stream, more }))

export const FULL: readonly Source[] = [
  ...both('chat', 'chat.completions', chat),
  ...both('responses', 'responses.create', responses),
  ...both('messages', 'messages.create', messages),
  { name: 'gemini', route: 'gemini.generate', stream: false, more: gemini },
  { name: 'gemini (stream)', route: 'gemini.stream', stream: true, more: gemini },
  { name: 'compact', route: 'responses.compact', stream: false, more: { input: items } },
  ...both('trigger', 'responses.create', trigger),
  { name: 'count, messages', route: 'messages.count_tokens', stream: false, more: messages },
  { name: 'count, responses', route: 'responses.input_tokens', stream: false, more: counted },
  { name: 'count, gemini', route: 'gemini.count_tokens', stream: false },
]

import type { Json, JsonObject } from '../../src/wire/json.ts'
import { FULL, QUESTION, type Source, SYSTEM } from './sources.ts'

/**
 * Ways of asking that hold more than words: an answer that is a call, an image, an answer bound by a schema. Each crossing
 * meets a part of the faults. What a dialect has no place for is refused here, not left out: `refusedBy` says by whom.
 */

const TOOL = 'get_weather'
const DESCRIPTION = 'The weather at a place.'
const PLACE: JsonObject = {
  type: 'object',
  properties: { location: { type: 'string' } },
  required: ['location'],
  additionalProperties: false,
}

/** The stage makes the n-th call after n results: the first one is in the history, the second is the answer. */
const DIRECTED = ['Kronborg', 'Elsinore']
  .map(location => `[stage:call ${TOOL} ${JSON.stringify({ location })}]`)
  .reduce((text, call) => `${text} ${call}`, QUESTION)
const CALL_ID = 'call_matrix1'
const MADE = { location: 'Kronborg' }
const RESULT = 'A bitter cold.'

const LOOK = 'What is on this picture?'
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='
const LINK = 'https://example.com/kronborg.png'

const ANSWER: JsonObject = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
}

/** What every dialect can say, in one of them. */
type Spelling = {
  readonly name: string
  readonly routes: readonly [whole: string, streamed: string]
  readonly call: JsonObject
  /** What an answer says that is a call. */
  readonly called: RegExp
  readonly image: JsonObject
  readonly schema: JsonObject
}

const chatTool: JsonObject = {
  type: 'function',
  function: { name: TOOL, description: DESCRIPTION, parameters: PLACE },
}
/** Not every dialect has a seed. */
const chatLimits: JsonObject = { max_tokens: 256, seed: null }
const chatAsks = (...parts: readonly Json[]): JsonObject => ({
  ...chatLimits,
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: [...parts] },
  ],
})
const chatWords = (text: string): JsonObject => ({ type: 'text', text })
const chatPicture = (url: string): JsonObject => ({ type: 'image_url', image_url: { url } })

const chat: Spelling = {
  name: 'chat',
  called: /"finish_reason": ?"tool_calls"/,
  routes: ['chat.completions', 'chat.completions'],
  call: {
    ...chatLimits,
    messages: [
      { role: 'system', content: SYSTEM },
      { role: 'user', content: DIRECTED },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: CALL_ID, type: 'function', function: { name: TOOL, arguments: JSON.stringify(MADE) } },
        ],
      },
      { role: 'tool', tool_call_id: CALL_ID, content: RESULT },
    ],
    tools: [chatTool],
  },
  image: chatAsks(chatWords(LOOK), chatPicture(`data:image/png;base64,${PNG}`)),
  schema: {
    ...chatAsks(chatWords(QUESTION)),
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: ANSWER, strict: true } },
  },
}

const responsesTool: JsonObject = {
  type: 'function',
  name: TOOL,
  description: DESCRIPTION,
  parameters: PLACE,
  strict: true,
}
// A stored answer is never gone on with.
const unstored: JsonObject = { instructions: SYSTEM, max_output_tokens: 256, store: false }

const responses: Spelling = {
  name: 'responses',
  called: /"type": ?"function_call"/,
  routes: ['responses.create', 'responses.create'],
  call: {
    ...unstored,
    input: [
      { type: 'message', role: 'user', content: DIRECTED },
      { type: 'function_call', call_id: CALL_ID, name: TOOL, arguments: JSON.stringify(MADE) },
      { type: 'function_call_output', call_id: CALL_ID, output: RESULT },
    ],
    tools: [responsesTool],
  },
  image: {
    ...unstored,
    input: [
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: LOOK },
          { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
        ],
      },
    ],
  },
  schema: {
    ...unstored,
    input: [{ type: 'message', role: 'user', content: QUESTION }],
    text: { format: { type: 'json_schema', name: 'answer', schema: ANSWER, strict: true } },
  },
}

const messagesTool: JsonObject = { name: TOOL, description: DESCRIPTION, input_schema: PLACE }

const messages: Spelling = {
  name: 'messages',
  called: /"stop_reason": ?"tool_use"/,
  routes: ['messages.create', 'messages.create'],
  call: {
    system: SYSTEM,
    messages: [
      { role: 'user', content: DIRECTED },
      { role: 'assistant', content: [{ type: 'tool_use', id: CALL_ID, name: TOOL, input: MADE }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: CALL_ID, content: RESULT }] },
    ],
    tools: [messagesTool],
  },
  image: {
    system: SYSTEM,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
          { type: 'text', text: LOOK },
        ],
      },
    ],
  },
  schema: {
    system: SYSTEM,
    messages: [{ role: 'user', content: QUESTION }],
    output_config: { format: { type: 'json_schema', schema: ANSWER } },
  },
}

const { additionalProperties: _, ...GOOGLE_PLACE } = PLACE
const declared: readonly JsonObject[] = [
  { functionDeclarations: [{ name: TOOL, description: DESCRIPTION, parameters: GOOGLE_PLACE }] },
]
const instructed: JsonObject = { systemInstruction: { parts: [{ text: SYSTEM }] } }

const gemini: Spelling = {
  name: 'gemini',
  called: /"functionCall"/,
  routes: ['gemini.generate', 'gemini.stream'],
  call: {
    ...instructed,
    contents: [
      { role: 'user', parts: [{ text: DIRECTED }] },
      { role: 'model', parts: [{ functionCall: { name: TOOL, args: MADE } }] },
      { role: 'user', parts: [{ functionResponse: { name: TOOL, response: { output: RESULT } } }] },
    ],
    tools: declared,
  },
  image: {
    ...instructed,
    contents: [
      { role: 'user', parts: [{ text: LOOK }, { inlineData: { mimeType: 'image/png', data: PNG } }] },
    ],
  },
  schema: {
    ...instructed,
    contents: [{ role: 'user', parts: [{ text: QUESTION }] }],
    generationConfig: { responseMimeType: 'application/json', responseJsonSchema: ANSWER },
  },
}

/** Beside tools they have no place for a schema. */
const NO_SCHEMA: Source['refusedBy'] = {
  gemini: "does not support parameters: ['response_format']",
  'vertex-gemini': "does not support parameters: ['response_format']",
  cohere: 'Cohere takes it neither beside tools nor beside documents.',
}

const THINNED = { strict: true, thin: true } as const

/** The text of an answer is an object with this member, as far as its first piece shows it. */
const BOUND = /\{\\"answ/

type Way = Pick<Source, 'more' | 'proof' | 'calls'>

const both = (name: string, { routes: [whole, streamed] }: Spelling, way: Way): readonly Source[] => [
  { name, route: whole, stream: false, ...way, ...THINNED },
  { name: `${name} (stream)`, route: streamed, stream: true, ...way, ...THINNED },
]

const spelled = (spelling: Spelling): readonly Source[] => {
  const { name, call, called, image, schema } = spelling
  return [
    ...both(`${name} + call`, spelling, {
      more: call,
      calls: true,
      proof: { asked: RESULT, answered: called },
    }),
    ...both(`${name} + image`, spelling, { more: image, proof: { asked: PNG } }),
    ...both(`${name} + schema`, spelling, { more: schema, proof: { answered: BOUND } }),
  ]
}

/** Requests that somebody refuses before he is asked. */
const REFUSED: readonly Source[] = [
  {
    name: 'chat + schema + tools',
    route: 'chat.completions',
    stream: false,
    more: { ...chat.schema, tools: [chatTool] },
    refusedBy: NO_SCHEMA,
    ...THINNED,
  },
  {
    name: 'responses + schema + tools (stream)',
    route: 'responses.create',
    stream: true,
    more: { ...responses.schema, tools: [responsesTool] },
    refusedBy: NO_SCHEMA,
    ...THINNED,
  },
  {
    name: 'messages + schema + tools',
    route: 'messages.create',
    stream: false,
    more: { ...messages.schema, tools: [messagesTool] },
    refusedBy: NO_SCHEMA,
    ...THINNED,
  },
  {
    name: 'chat + linked image (stream)',
    route: 'chat.completions',
    stream: true,
    more: chatAsks(chatWords(LOOK), chatPicture(LINK)),
    refusedBy: {
      bedrock: 'Bedrock takes images as base64 data URLs only',
      'vertex-claude': 'takes pictures and documents as base64 only',
    },
    proof: { asked: LINK },
    ...THINNED,
  },
]

const THIN: readonly Source[] = [...[chat, responses, messages, gemini].flatMap(spelled), ...REFUSED]

export const SOURCES: readonly Source[] = [...FULL, ...THIN]

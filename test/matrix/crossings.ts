import type { JsonObject } from '../../src/wire/json.ts'
import { routeNamed } from '../support/requests.ts'
import { FAULTS } from './faults/index.ts'
import { kindNamed } from './kinds.ts'
import { type Row, rowOf } from './rows.ts'
import { type Breadth, type Cell, Sheet } from './sheet.ts'

/**
 * The dimension that has two dialects in it: whoever asks in one of them, of a provider that speaks a second, and is
 * answered by one that speaks a third.
 */

/** The kinds of provider on both ends of a crossing. */
export const ENDS: readonly string[] = [
  'chat',
  'responses',
  'azure',
  'xai',
  'anthropic',
  'gemini',
  'vertex-claude',
  'vertex-gemini',
  'cohere',
  'bedrock',
]

/** One way of asking. */
export type Source = {
  readonly name: string
  readonly route: string
  readonly stream: boolean
  readonly more?: JsonObject
}

const SYSTEM = 'Be brief.'
const QUESTION = 'What is the weather on the ramparts of Kronborg?'
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
const responses: JsonObject = {
  input: items,
  instructions: SYSTEM,
  tools: [{ type: 'function', name: CALL.name, description: DESCRIPTION, parameters: SCHEMA, strict: false }],
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

export const SOURCES: readonly Source[] = [
  ...both('chat', 'chat.completions', chat),
  ...both('responses', 'responses.create', responses),
  ...both('messages', 'messages.create', messages),
  { name: 'gemini', route: 'gemini.generate', stream: false, more: gemini },
  { name: 'gemini (stream)', route: 'gemini.stream', stream: true, more: gemini },
  { name: 'compact', route: 'responses.compact', stream: false, more: { input: items } },
  ...both('trigger', 'responses.create', trigger),
  { name: 'count, messages', route: 'messages.count_tokens', stream: false, more: messages },
  { name: 'count, gemini', route: 'gemini.count_tokens', stream: false },
]

const crossing = (source: Source, first: string, backup: string): Row => ({
  ...rowOf(routeNamed(source.route), source.stream),
  label: `${source.name}: ${first} → ${backup}`,
  pair: { source: source.name, first: kindNamed(first).name, backup: kindNamed(backup).name },
  ...(source.more === undefined ? {} : { more: source.more }),
})

/** Every source from every kind of provider to every kind. */
export const crossingRows = (): readonly Row[] =>
  SOURCES.flatMap(source => ENDS.flatMap(first => ENDS.map(backup => crossing(source, first, backup))))

/** Whoever stands in is well, or is struck in the same way. Clients stay: those that leave know no dialect. */
const BREADTH: Breadth = { targets: ['dialect', 'none'], clients: ['stays'] }

/** What only a wire can show is below every dialect. */
export const CROSSING_FAULTS = FAULTS.filter(({ wire }) => wire !== 'only')

export const crossingSheet = (rows = crossingRows(), faults = CROSSING_FAULTS): Sheet =>
  new Sheet(rows, faults, BREADTH)

const placeOf = <Thing>(all: readonly Thing[], wanted: (thing: Thing) => boolean): number =>
  all.findIndex(wanted)

/**
 * A part of the crossings in which any three of source, first, backup and fault meet each other at least once: what goes
 * wrong between three of them goes wrong here. Whether whoever stands in is struck as well alternates.
 */
export const isCovering = ({ row: { pair }, fault, target }: Cell): boolean => {
  if (pair === undefined) return true
  const source = placeOf(SOURCES, ({ name }) => name === pair.source)
  const [first, backup] = [ENDS.indexOf(pair.first), ENDS.indexOf(pair.backup)]
  const struck = CROSSING_FAULTS.indexOf(fault)
  if ((source + first + backup + struck) % ENDS.length !== 0) return false
  const alternate = (first + (source >> 1) + Math.floor(struck / ENDS.length)) % 2
  return (target === 'none' ? 1 : 0) === alternate
}

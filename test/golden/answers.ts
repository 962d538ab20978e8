import type { Dialect } from '../../src/dialects/neutral.ts'
import type { StreamDecoder } from '../../src/dialects/shape.ts'
import type { Reading } from '../../src/providers/provider.ts'
import { eventFrame } from '../../src/stage/bedrock-answer.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { askOf, TARGETS } from './targets.ts'

/** What clients get of a provider's answer: one whole, and the same streamed. */

const WEATHER: JsonObject = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

/** Who asks: everything is shown that can be shown, and two tools may be called. */
const QUESTIONS: Readonly<Record<Exclude<Dialect, 'converse' | 'cohere'>, JsonObject>> = {
  chat: {
    messages: [{ role: 'user', content: 'Go.' }],
    tools: [
      { type: 'function', function: { name: 'weather', parameters: WEATHER } },
      { type: 'custom', custom: { name: 'patch' } },
    ],
    stream_options: { include_usage: true },
  },
  responses: {
    input: 'Go.',
    tools: [
      { type: 'function', name: 'weather', parameters: WEATHER },
      { type: 'custom', name: 'patch' },
      {
        type: 'namespace',
        name: 'agents',
        tools: [{ type: 'function', name: 'spawn', parameters: WEATHER }],
      },
    ],
    include: ['reasoning.encrypted_content'],
  },
  messages: {
    max_tokens: 2000,
    messages: [{ role: 'user', content: 'Go.' }],
    tools: [{ name: 'weather', input_schema: WEATHER }],
  },
  gemini: {
    contents: [{ role: 'user', parts: [{ text: 'Go.' }] }],
    tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: WEATHER }] }],
    generationConfig: { thinkingConfig: { includeThoughts: true } },
  },
}
const DOORS = Object.keys(QUESTIONS) as readonly (keyof typeof QUESTIONS)[]

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const frame = (dialect: Json | undefined, event: Json): Uint8Array => {
  if (dialect === 'converse') {
    const [type, payload] = event as readonly [string, JsonObject]
    return eventFrame(type, payload)
  }
  const name = isObject(event) && typeof event.type === 'string' ? `event: ${event.type}\n` : ''
  return encoder.encode(`${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
}

/** The request that a response repeats says nothing of the answer. */
const TOLD: ReadonlySet<string> = new Set([
  'id',
  'object',
  'status',
  'model',
  'output',
  'usage',
  'error',
  'incomplete_details',
  'service_tier',
])

const told = (value: Json): Json => {
  if (!isObject(value)) return value
  if (isObject(value.response)) return { ...value, response: told(value.response) }
  if (value.object !== 'response') return value
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => TOLD.has(key) && one !== null))
}

const dataOf = (reader: StreamDecoder, frames: readonly Uint8Array[]): readonly Json[] =>
  [...frames.flatMap(bytes => reader.push(bytes)), ...reader.end()].flatMap(({ data }) => {
    if (data === undefined) return []
    return [data.startsWith('{') ? told(JSON.parse(data) as Json) : data]
  })

const heard = (reading: Reading, { from, answer, stream }: JsonObject): JsonObject => {
  const { translate, decoder: reader } = reading
  if (translate === undefined || reader === undefined) throw new Error('nothing is translated')
  const whole =
    answer === undefined
      ? {}
      : {
          answer: told(JSON.parse(decoder.decode(translate(encoder.encode(JSON.stringify(answer))))) as Json),
        }
  const frames = (Array.isArray(stream) ? stream : []).map((event: Json) => frame(from, event))
  return { ...whole, ...(frames.length === 0 ? {} : { stream: dataOf(reader(), frames) }) }
}

const STAMP = { unique: 'golden', created: 1_700_000_000 }

/** What each client gets of the answer; of its own dialect it gets the bytes. */
export const fromUpstream = (content: JsonObject): JsonObject => {
  const { connection, model } = TARGETS[content.from as Dialect]
  return Object.fromEntries(
    DOORS.filter(door => door !== content.from).map(door => {
      const client = { model: 'group', ...QUESTIONS[door], stream: true }
      const ask = askOf({ from: door, client, stream: true }, model, true)
      const reading = connection.reading?.(ask, () => STAMP)
      if (reading === undefined) throw new Error(`${String(content.from)} has no reading`)
      return [door, heard(reading, content)]
    }),
  )
}

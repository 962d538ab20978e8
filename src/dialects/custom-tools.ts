import { isObject, type JsonObject } from '../wire/json.ts'
import type {
  CallPart,
  NeutralAnswer,
  NeutralDecoder,
  NeutralEvent,
  NeutralRequest,
  Tool,
} from './neutral.ts'
import { objectOf, parseJson, textOf } from './read-json.ts'

/**
 * Custom tools take free text. Most dialects know functions only: there the text is the one member of an object, on
 * the way to the provider and in the history, and is taken out of it again on the way back.
 */

const MEMBER = 'input'

const ONE_TEXT: JsonObject = {
  type: 'object',
  properties: { [MEMBER]: { type: 'string' } },
  required: [MEMBER],
  additionalProperties: false,
}

/** Responses write `{type, syntax, definition}`, chat writes `{type, grammar: {syntax, definition}}`. */
const grammarOf = (format: JsonObject | undefined): string | undefined => {
  const grammar = objectOf(format?.grammar) ?? format
  const definition = textOf(grammar?.definition)
  if (definition === undefined) return undefined
  return `The input has to follow this grammar (${textOf(grammar?.syntax) ?? 'lark'}):\n${definition}`
}

/** A custom tool as a function, its grammar in words; any other tool as it is. */
export const asFunction = (tool: Tool): Tool & { readonly schema: JsonObject } => {
  const { schema, format, description, ...rest } = tool
  if (schema !== undefined) return { ...tool, schema }
  const words = [description, grammarOf(format)].filter(each => each !== undefined && each !== '')
  return { ...rest, ...(words.length === 0 ? {} : { description: words.join('\n\n') }), schema: ONE_TEXT }
}

/** The text of a custom call as the arguments of a function. */
export const inputObject = (text: string): JsonObject => ({ [MEMBER]: text })

/** The way back. Arguments that are no such object are what the model wrote, and go on as they are. */
const textIn = (input: string): string => {
  const value = parseJson(input)
  const text = isObject(value) ? value[MEMBER] : undefined
  return typeof text === 'string' ? text : input
}

const namesIn = (request: NeutralRequest): ReadonlySet<string> =>
  new Set((request.tools ?? []).flatMap(({ name, schema }) => (schema === undefined ? [name] : [])))

const wasFunction = (part: NeutralAnswer['parts'][number], names: ReadonlySet<string>): part is CallPart =>
  part.kind === 'call' && part.custom === undefined && names.has(part.name)

/** Calls of functions that stand for custom tools of the request, as custom calls. */
export const withCustomCalls = (answer: NeutralAnswer, request: NeutralRequest): NeutralAnswer => {
  const names = namesIn(request)
  if (names.size === 0) return answer
  const parts = answer.parts.map(part =>
    wasFunction(part, names) ? { ...part, input: textIn(part.input), custom: true as const } : part,
  )
  return { ...answer, parts }
}

/** The same for a stream. The text of such a call comes in one piece, when it is whole. */
export const decodingCustomCalls = (decoder: NeutralDecoder, request: NeutralRequest): NeutralDecoder => {
  const names = namesIn(request)
  if (names.size === 0) return decoder
  const held = new Map<number, string>()
  const seen = (event: NeutralEvent): readonly NeutralEvent[] => {
    if (event.kind === 'open' && event.of === 'call' && event.custom === undefined && names.has(event.name)) {
      held.set(event.part, '')
      return [{ ...event, custom: true }]
    }
    const before = 'part' in event ? held.get(event.part) : undefined
    if (before === undefined) return [event]
    if (event.kind === 'delta') {
      held.set(event.part, before + event.text)
      return []
    }
    if (event.kind !== 'close') return [event]
    held.delete(event.part)
    const text = textIn(before)
    return text === '' ? [event] : [{ kind: 'delta', part: event.part, text }, event]
  }
  return {
    ...decoder,
    push: chunk => decoder.push(chunk).flatMap(seen),
    end: () => decoder.end().flatMap(seen),
  }
}

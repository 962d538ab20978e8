import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { listOf, spelled, textOf } from './read-json.ts'

/**
 * Calls that are at work while their conversation is compacted. A summary stands for the call, and the result comes after
 * it: as an item it would be one of no call, which providers refuse, so that it is told in words, and the summary says what
 * it will be the result of.
 */

const RESULT = /^([a-z_]+?)(?:_call)?_output$/

const typeOf = ({ type }: JsonObject): string => textOf(type) ?? 'message'

/** Types of calls whose results are of this type: `function_call` and `custom_tool_call` as much as `computer_call`. */
const isResult = (item: JsonObject): boolean =>
  RESULT.test(typeOf(item)) && textOf(item.call_id) !== undefined

const isCall = (item: JsonObject): boolean => !isResult(item) && textOf(item.call_id) !== undefined

const itemsOf = (input: Json | undefined): readonly JsonObject[] => (listOf(input) ?? []).filter(isObject)

const idsOf = (
  items: readonly JsonObject[],
  is: (item: JsonObject) => boolean,
): ReadonlySet<Json | undefined> => new Set(items.filter(is).map(item => item.call_id))

/** A summary is no place for a file that is to be written. */
const LONGEST_INPUT = 4_096
const MOST_CALLS = 64

const inputOf = (call: JsonObject): string => {
  const input = call.arguments ?? call.input ?? call.action ?? call.operation ?? ''
  const text = spelled(input)
  return text.length > LONGEST_INPUT ? `${text.slice(0, LONGEST_INPUT).toWellFormed()} […]` : text
}

/** What a summary of this conversation has to say of calls without a result; '': there is none. */
export const openCallsIn = (input: Json | undefined): string => {
  const items = itemsOf(input)
  const answered = idsOf(items, isResult)
  const open = items.filter(item => isCall(item) && !answered.has(item.call_id))
  if (open.length === 0) return ''
  const lines = open.slice(-MOST_CALLS).map(call => {
    const name = textOf(call.name) ?? typeOf(call)
    return `- ${textOf(call.call_id) ?? ''}, of ${name}: ${inputOf(call)}`
  })
  return `\n\nCalls that had no result yet when this was written:\n${lines.join('\n')}`
}

const partsOf = (output: Json | undefined): readonly Json[] => {
  if (Array.isArray(output)) return output
  if (isObject(output) && output.type === 'computer_screenshot' && typeof output.image_url === 'string')
    return [{ type: 'input_image', detail: 'auto', image_url: output.image_url }]
  return [{ type: 'input_text', text: output === undefined || output === null ? '' : spelled(output) }]
}

const inWords = (item: JsonObject): JsonObject => ({
  type: 'message',
  role: 'user',
  content: [
    { type: 'input_text', text: `Result of ${textOf(item.call_id) ?? ''}, a call made before the summary:` },
    ...partsOf(item.output),
  ],
})

/** Calls that a provider keeps are not in the list, and neither they nor their results may go. */
const KEEPERS = ['previous_response_id', 'conversation'] as const

const isWhole = (body: JsonIndex): boolean => KEEPERS.every(key => (valueAt(body, key) ?? null) === null)

/** Results behind this place of the list whose calls are nowhere in the conversation, as the messages that they become. */
export const lateResults = (
  body: JsonIndex,
  key: string,
  from: number,
): readonly { readonly at: number; readonly message: JsonObject }[] => {
  if (!isWhole(body)) return []
  const items = listOf(valueAt(body, key)) ?? []
  const called = idsOf(itemsOf(items), isCall)
  return items.flatMap((item, at) =>
    at > from && isObject(item) && isResult(item) && !called.has(item.call_id)
      ? [{ at, message: inWords(item) }]
      : [],
  )
}

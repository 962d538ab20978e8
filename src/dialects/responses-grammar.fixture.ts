import assert from 'node:assert/strict'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** The published grammar of a streamed response, for every test that reads one. */

type Item = {
  readonly id: Json
  readonly type: Json
  done: boolean
  deltas: string
  readonly parts: JsonObject[]
}

const object = (value: Json | undefined): JsonObject => {
  assert.ok(isObject(value), `an object, not ${JSON.stringify(value)}`)
  return value
}
const list = (value: Json | undefined): readonly Json[] => {
  assert.ok(Array.isArray(value), `a list, not ${JSON.stringify(value)}`)
  return value
}

const ENDED: Readonly<Record<string, string>> = {
  'response.output_text.done': 'text',
  'response.refusal.done': 'refusal',
  'response.reasoning_summary_text.done': 'text',
  'response.function_call_arguments.done': 'arguments',
  'response.custom_tool_call_input.done': 'input',
}
const HOME: Readonly<Record<string, string>> = {
  'response.output_text': 'message',
  'response.refusal': 'message',
  'response.content_part': 'message',
  'response.reasoning_summary_text': 'reasoning',
  'response.reasoning_summary_part': 'reasoning',
  'response.function_call_arguments': 'function_call',
  'response.custom_tool_call_input': 'custom_tool_call',
}

const homeOf = (type: string): string | undefined =>
  HOME[type.replace(/\.(?:delta|done|added|annotation\.added)$/, '')]

/** One event inside an item: it names the item at its number, and its end repeats what its deltas said. */
const checkInside = (type: string, event: JsonObject, items: readonly Item[]): void => {
  const item = items[Number(event.output_index)]
  assert.ok(item !== undefined && !item.done, `${type} is about an open item`)
  assert.equal(event.item_id, item.id, `${type} names the item at its number`)
  assert.equal(item.type, homeOf(type), `${type} belongs to a ${String(item.type)}`)
  if (type.endsWith('_part.added')) {
    assert.equal(event.content_index ?? event.summary_index, item.parts.length, 'parts are numbered in order')
    item.parts.push(object(event.part))
    item.deltas = ''
  }
  if (type.endsWith('.delta')) {
    assert.ok(typeof event.delta === 'string' && event.delta !== '', 'a delta says something')
    if (item.type === 'message' || item.type === 'reasoning')
      assert.equal(event.content_index ?? event.summary_index, item.parts.length - 1, 'the part is open')
    item.deltas += event.delta
  }
  const key = ENDED[type]
  if (key !== undefined) assert.equal(event[key], item.deltas, `${type} repeats the deltas`)
  if (type === 'response.function_call_arguments.done') assert.equal(typeof event.name, 'string')
  if (type.endsWith('_part.done')) item.parts[item.parts.length - 1] = object(event.part)
}

const checkItemDone = (event: JsonObject, items: readonly Item[]): JsonObject => {
  const item = object(event.item)
  const known = items[Number(event.output_index)]
  assert.ok(known !== undefined && !known.done, 'an item ends once')
  assert.deepEqual([item.id, item.type], [known.id, known.type], 'an item keeps its id and its type')
  known.done = true
  if (item.type === 'message') assert.deepEqual(item.content, known.parts)
  if (item.type === 'reasoning') assert.deepEqual(item.summary, known.parts)
  return item
}

const TERMINAL = /^response\.(?:completed|incomplete|failed)$/

/**
 * The order of events that the published grammar and the official library demand. Throws AssertionError; answers the
 * response of the last event.
 */
export const checkGrammar = (events: readonly JsonObject[]): JsonObject => {
  assert.deepEqual(
    events.map(event => event.sequence_number),
    events.map((_, index) => index),
    'events are numbered from 0',
  )
  assert.deepEqual(
    events.slice(0, 2).map(event => event.type),
    ['response.created', 'response.in_progress'],
  )
  const last = events.at(-1) ?? {}
  assert.match(String(last.type), TERMINAL, 'the last event ends the response')
  const items: Item[] = []
  const output: JsonObject[] = []
  for (const event of events.slice(2, -1)) {
    const type = String(event.type)
    assert.doesNotMatch(type, TERMINAL, 'nothing follows the end')
    if (type === 'response.output_item.added') {
      const { id = null, type: kind = null } = object(event.item)
      assert.equal(event.output_index, items.length, 'items are numbered in order')
      assert.ok(!items.some(item => item.id === id), 'ids are not used twice')
      items.push({ id, type: kind, done: false, deltas: '', parts: [] })
    } else if (type === 'response.output_item.done')
      output[Number(event.output_index)] = checkItemDone(event, items)
    else checkInside(type, event, items)
  }
  const response = object(last.response)
  assert.equal(`response.${String(response.status)}`, last.type)
  if (response.status !== 'failed') {
    assert.ok(
      items.every(item => item.done),
      'every item has ended',
    )
    assert.deepEqual(list(response.output), output, 'the response holds the items as they ended')
  }
  return response
}

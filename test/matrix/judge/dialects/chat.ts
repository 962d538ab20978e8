import type { JsonObject } from '../../../../src/wire/json.ts'
import {
  Complaints,
  checkUsage,
  isCount,
  isText,
  listOf,
  objectOf,
  type Reading,
  type Told,
} from './grammar.ts'

/** Chat completions, by OpenAI's published description. */

const REASONS = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call']
const USAGE = ['prompt_tokens', 'completion_tokens', 'total_tokens'] as const

const checkCalls = (message: JsonObject, found: Complaints): void => {
  for (const call of listOf(message.tool_calls)) {
    const { name, arguments: args } = objectOf(call.function)
    found.must(
      isText(call.id) && isText(name) && typeof args === 'string',
      'a call without id, name or arguments',
    )
  }
}

export const chatDocument = (body: JsonObject): readonly string[] => {
  const found = new Complaints()
  found.must(isText(body.id), 'the completion has no id')
  found.must(body.object === 'chat.completion', `object ${JSON.stringify(body.object)}`)
  found.must(isCount(body.created), 'created is no time')
  found.must(isText(body.model), 'the completion names no model')
  const choices = listOf(body.choices)
  found.must(choices.length > 0, 'no choice')
  for (const [at, choice] of choices.entries()) {
    const message = objectOf(choice.message)
    found.must(choice.index === at, 'choices are not numbered')
    found.must(REASONS.includes(String(choice.finish_reason)), `finish_reason ${choice.finish_reason}`)
    found.must(message.role === 'assistant', `role ${message.role}`)
    found.must(message.content === null || typeof message.content === 'string', 'content is no text')
    checkCalls(message, found)
  }
  checkUsage(objectOf(body.usage), USAGE, found)
  return found.all
}

type State = { id: unknown; begun: boolean; finished: boolean; counted: boolean }

/** What Azure’s filter thinks of the prompt comes first, in a chunk that belongs to no answer. */
const isFilterNote = ({ id, choices, prompt_filter_results: results }: JsonObject): boolean =>
  id === '' && listOf(choices).length === 0 && results !== undefined

const checkChunk = (chunk: JsonObject, state: State, found: Complaints): void => {
  if (!state.begun && isFilterNote(chunk)) return
  state.id ??= chunk.id
  found.must(isText(chunk.id) && chunk.id === state.id, 'chunks of several ids')
  found.must(chunk.object === 'chat.completion.chunk', `object ${JSON.stringify(chunk.object)}`)
  found.must(isCount(chunk.created) && isText(chunk.model), 'a chunk without time or model')
  found.must(Array.isArray(chunk.choices), 'a chunk without choices')
  for (const choice of listOf(chunk.choices)) {
    const delta = objectOf(choice.delta)
    found.must(choice.index === 0, 'a choice that nobody asked for')
    found.must(!state.finished, 'a delta after the end')
    if (!state.begun) found.must(delta.role === 'assistant', 'the first delta has no role')
    state.begun = true
    if (choice.finish_reason !== null && choice.finish_reason !== undefined) {
      found.must(REASONS.includes(String(choice.finish_reason)), `finish_reason ${choice.finish_reason}`)
      state.finished = true
    }
  }
  if (chunk.usage === null || chunk.usage === undefined) return
  found.must(state.finished, 'the usage comes before the end')
  found.must(!state.counted, 'the usage comes twice')
  state.counted = true
  checkUsage(objectOf(chunk.usage), USAGE, found)
}

/** `done`: how many `[DONE]` came, and as the last of all. */
export const chatStream = (events: readonly Told[], done: number): Reading => {
  const found = new Complaints()
  const state: State = { id: undefined, begun: false, finished: false, counted: false }
  const last = events.at(-1)
  const failed = last !== undefined && last.data.error !== undefined
  for (const { event, data } of failed ? events.slice(0, -1) : events) {
    found.must(event === '', `an event called ${event}`)
    found.must(data.error === undefined, 'something follows an error')
    checkChunk(data, state, found)
  }
  if (failed) {
    const error = objectOf(last.data.error)
    found.must(isText(error.message) && Object.hasOwn(error, 'code'), 'the error is not in the dialect')
    found.must(done === 0, '[DONE] after an error')
    return { ending: 'error', complaints: found.all }
  }
  if (!state.finished || done === 0) return { ending: 'cut', complaints: found.all }
  found.must(done === 1, `${done} times [DONE]`)
  found.must(state.counted, 'no usage, which was asked for')
  return { ending: 'whole', complaints: found.all }
}

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

/** Anthropic's Messages, by its published description of answers and of the order of events. */

const REASONS = ['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'pause_turn', 'refusal']
const USAGE = ['input_tokens', 'output_tokens'] as const

const checkMessage = (message: JsonObject, found: Complaints): void => {
  found.must(isText(message.id), 'the message has no id')
  found.must(message.type === 'message' && message.role === 'assistant', 'no message of the assistant')
  found.must(isText(message.model), 'the message names no model')
  checkUsage(objectOf(message.usage), USAGE, found)
}

export const messagesDocument = (body: JsonObject): readonly string[] => {
  const found = new Complaints()
  checkMessage(body, found)
  const blocks = listOf(body.content)
  found.must(blocks.length > 0, 'no block')
  for (const block of blocks) {
    if (block.type === 'text') found.must(isText(block.text), 'a block without a word')
    else if (block.type === 'tool_use')
      found.must(isText(block.id) && isText(block.name), 'a call without id or name')
    else found.must(block.type === 'thinking', `a block of type ${block.type}`)
  }
  found.must(REASONS.includes(String(body.stop_reason)), `stop_reason ${body.stop_reason}`)
  return found.all
}

/** Which deltas a block takes. */
const DELTAS: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta', 'citations_delta'],
  tool_use: ['input_json_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
}

type State = {
  begun: boolean
  open: { index: number; type: string } | undefined
  next: number
  stopped: boolean
  over: boolean
}

const onBlock = (data: JsonObject, state: State, found: Complaints): void => {
  found.must(state.begun && !state.stopped, `${data.type} outside of the message`)
  if (data.type === 'content_block_start') {
    found.must(state.open === undefined, 'a block begins inside another')
    found.must(data.index === state.next, 'blocks are not numbered in order')
    state.open = { index: state.next, type: String(objectOf(data.content_block).type) }
    state.next += 1
    return
  }
  found.must(
    state.open !== undefined && data.index === state.open.index,
    `${data.type} of a block that is not open`,
  )
  if (data.type === 'content_block_stop') {
    state.open = undefined
    return
  }
  const allowed = DELTAS[state.open?.type ?? ''] ?? []
  found.must(allowed.includes(String(objectOf(data.delta).type)), `a delta that its block does not take`)
}

const onEvent = ({ event, data }: Told, state: State, found: Complaints): void => {
  const { type } = data
  found.must(event === type, `the event ${event} holds ${type}`)
  found.must(!state.over, 'something follows the end')
  if (type === 'ping') return found.must(state.begun, 'a ping before the message')
  if (type === 'message_start') {
    const message = objectOf(data.message)
    found.must(!state.begun, 'a second message')
    found.must(
      listOf(message.content).length === 0 && message.stop_reason === null,
      'the message begins whole',
    )
    state.begun = true
    return checkMessage(message, found)
  }
  if (String(type).startsWith('content_block_')) return onBlock(data, state, found)
  if (type === 'message_delta') {
    found.must(state.open === undefined && state.next > 0, 'the message stops inside a block')
    found.must(!state.stopped, 'the message stops twice')
    found.must(
      REASONS.includes(String(objectOf(data.delta).stop_reason)),
      'the message stops without a reason',
    )
    found.must(isCount(objectOf(data.usage).output_tokens), 'the output is not counted')
    state.stopped = true
  } else if (type === 'message_stop') {
    found.must(state.stopped, 'the message ends before it stops')
    state.over = true
  } else found.must(false, `an event ${type}`)
}

export const messagesStream = (events: readonly Told[]): Reading => {
  const found = new Complaints()
  const state: State = { begun: false, open: undefined, next: 0, stopped: false, over: false }
  const last = events.at(-1)
  const failed = last?.data.type === 'error'
  for (const told of failed ? events.slice(0, -1) : events) onEvent(told, state, found)
  if (failed) {
    const { type, message } = objectOf(last.data.error)
    found.must(last.event === 'error' && isText(type) && isText(message), 'the error is not in the dialect')
    found.must(!state.over, 'an error after the end')
    return { ending: 'error', complaints: found.all }
  }
  return { ending: state.over ? 'whole' : 'cut', complaints: found.all }
}

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { idFor } from './chat-answer.ts'
import { annotationsOf, failureOf, logprobOf, stopOf, usageOf } from './cohere-answer.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import type { NeutralDecoder, NeutralEvent } from './neutral.ts'
import { isDone, isPing, listOf, objectOf, parseJson, spelled, textOf, unsaid } from './read-json.ts'
import type { StreamEvent } from './shape.ts'

/** Streams of POST /v2/chat: named events, of which message-end is the last. */

type Call = { readonly part: number; spoke: boolean; closed: boolean }

type State = {
  readonly out: NeutralEvent[]
  /** Number of the next part. */
  next: number
  id: string | undefined
  started: boolean
  /** message-end or an error came: nothing after it counts. */
  ended: boolean
  flow: { readonly part: number; readonly of: 'text' | 'reasoning' } | undefined
  /** By their number in the stream. */
  readonly calls: Map<Json | undefined, Call>
}

const closeFlow = (state: State): void => {
  if (state.flow !== undefined) state.out.push({ kind: 'close', part: state.flow.part })
  state.flow = undefined
}

const closeCall = (state: State, call: Call | undefined): void => {
  if (call === undefined || call.closed) return
  // A call without arguments streams none; '' would be no JSON.
  if (!call.spoke) state.out.push({ kind: 'delta', part: call.part, text: '{}' })
  call.closed = true
  state.out.push({ kind: 'close', part: call.part })
}

const start = (state: State, event: JsonObject): void => {
  if (state.started) return
  state.started = true
  state.id = textOf(event.id)
  state.out.push({ kind: 'start', id: state.id, model: undefined })
}

const flowOf = (state: State, of: 'text' | 'reasoning'): number => {
  if (state.flow?.of === of) return state.flow.part
  closeFlow(state)
  const part = state.next++
  state.flow = { part, of }
  state.out.push({ kind: 'open', part, of })
  return part
}

const say = (
  state: State,
  of: 'text' | 'reasoning',
  text: string | undefined,
  logprobs: readonly JsonObject[] = [],
): void => {
  if (text === undefined) return
  const part = flowOf(state, of)
  state.out.push({ kind: 'delta', part, text, ...(logprobs.length === 0 ? {} : { logprobs }) })
}

const messageIn = (event: JsonObject): JsonObject => objectOf(objectOf(event.delta)?.message) ?? {}

const onContent = (state: State, event: JsonObject): void => {
  const content = objectOf(messageIn(event).content)
  say(state, 'reasoning', textOf(content?.thinking))
  say(state, 'text', textOf(content?.text), logprobOf(event.logprobs))
}

/** One citation, though the member is named like many. */
const onCitation = (state: State, event: JsonObject): void => {
  const { citations } = messageIn(event)
  const [first] = listOf(citations) ?? [citations]
  for (const annotation of annotationsOf(first))
    state.out.push({ kind: 'annotation', part: flowOf(state, 'text'), annotation })
}

const callIn = (event: JsonObject): JsonObject => {
  const { tool_calls: calls } = messageIn(event)
  return objectOf(listOf(calls)?.[0] ?? calls) ?? {}
}

const speak = (state: State, call: Call, text: string | undefined): void => {
  if (text === undefined || call.closed) return
  call.spoke = true
  state.out.push({ kind: 'delta', part: call.part, text })
}

const onCallStart = (state: State, event: JsonObject): void => {
  closeFlow(state)
  const made = callIn(event)
  const named = objectOf(made.function)
  const id = textOf(made.id) ?? idFor(state.id, state.calls.size)
  const call: Call = { part: state.next++, spoke: false, closed: false }
  state.calls.set(event.index, call)
  state.out.push({ kind: 'open', part: call.part, of: 'call', id, name: textOf(named?.name) ?? '' })
  speak(state, call, textOf(named?.arguments))
}

const onCallDelta = (state: State, event: JsonObject): void => {
  const call = state.calls.get(event.index)
  if (call !== undefined) speak(state, call, textOf(objectOf(callIn(event).function)?.arguments))
}

const fail = (state: State, error: JsonObject): void => {
  state.ended = true
  state.out.push({ kind: 'error', error })
}

const onEnd = (state: State, event: JsonObject): void => {
  const { finish_reason: finish, error, usage } = objectOf(event.delta) ?? {}
  const failure = failureOf(finish, error)
  if (failure !== undefined) return fail(state, failure)
  if (!state.started) return fail(state, unsaid('The provider answered without a message.', 'empty_answer'))
  closeFlow(state)
  for (const call of state.calls.values()) closeCall(state, call)
  state.out.push({ kind: 'stop', stop: stopOf(finish, state.calls.size > 0) })
  const told = usageOf(usage)
  if (told !== undefined) state.out.push({ kind: 'usage', usage: told })
  state.ended = true
  state.out.push({ kind: 'end' })
}

const HANDLERS: Readonly<Record<string, (state: State, event: JsonObject) => void>> = {
  'message-start': start,
  'content-start': onContent,
  'content-delta': onContent,
  'content-end': closeFlow,
  'citation-start': onCitation,
  'tool-plan-delta': (state, event) => say(state, 'text', textOf(messageIn(event).tool_plan)),
  'tool-call-start': onCallStart,
  'tool-call-delta': onCallDelta,
  'tool-call-end': (state, event) => closeCall(state, state.calls.get(event.index)),
  'message-end': onEnd,
}

/** An error inside a stream has the form of an error body: a message, and no type of event. */
const errorIn = (event: JsonObject, name: string): JsonObject | undefined =>
  name === 'error' || (event.type === undefined && textOf(event.message) !== undefined)
    ? (errorObjectOf(event) ?? unsaid('The provider failed within its stream.', 'server_error'))
    : saidError(event)

const hear = (state: State, block: StreamEvent): void => {
  if (state.ended) return
  if (block.data === undefined || isPing(block)) return void state.out.push({ kind: 'ping' })
  if (isDone(block.data)) return
  const event = parseJson(block.data)
  if (!isObject(event))
    return fail(state, unsaid('The provider sent an event that is not JSON.', 'malformed_event'))
  const error = errorIn(event, block.event)
  if (error !== undefined) return fail(state, error)
  const handler = HANDLERS[spelled(event.type)]
  if (handler === undefined) return
  // What is said belongs to a message, also where its beginning was left out.
  if (handler !== onEnd) start(state, event)
  handler(state, event)
}

/** message-end ends an answer: a stream that breaks off before it ends without one. */
export const cohereDecoder = (): NeutralDecoder => {
  const events = sseDecoder()
  const state: State = {
    out: [],
    next: 0,
    id: undefined,
    started: false,
    ended: false,
    flow: undefined,
    calls: new Map(),
  }
  const heard = (batch: readonly StreamEvent[]): readonly NeutralEvent[] => {
    for (const event of batch) hear(state, event)
    return state.out.splice(0)
  }
  return { push: chunk => heard(events.push(chunk)), end: () => heard(events.end()) }
}

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { idFor, inputOf, readFinish, saidIn } from './chat-answer.ts'
import { readCitation } from './chat-citations.ts'
import { picturesIn } from './chat-media.ts'
import { readableIn, sealIn, sealOfCall } from './chat-thoughts.ts'
import type { NeutralDecoder, NeutralEvent, Sealed } from './neutral.ts'
import { chat, NO_REASON } from './openai-chat.ts'
import { isDone, isPing, listOf, objectOf, parseJson, textOf, unsaid, usageFrom } from './read-json.ts'
import type { StreamEvent } from './shape.ts'

/** Streams of Chat Completions providers, with the liberties that servers of this dialect take. */

type Call = {
  id: string
  name: string
  readonly custom: boolean
  /** undefined: its name has not come yet, and nobody has heard of it. */
  part: number | undefined
  /** All of its input so far. */
  input: string
  /** How much of the input is told. */
  told: number
  closed: boolean
}

type Flow = {
  readonly part: number
  readonly of: 'text' | 'reasoning' | 'refusal'
  /** Everything said in it so far, of reasoning. */
  thought: string
}

type State = {
  readonly out: NeutralEvent[]
  /** Number of the next part. */
  next: number
  id: string | undefined
  started: boolean
  /** Why the answer ended, as far as has been said. */
  finish: string | undefined
  /** Something was said behind a reason: of such an answer only the end of its bytes says that it is all. */
  wentOn: boolean
  /** The terminator or an error came: nothing after it counts. */
  ended: boolean
  refused: boolean
  flow: Flow | undefined
  readonly calls: Call[]
  readonly byIndex: Map<number, Call>
  /** Probabilities whose words have not come yet. */
  logprobs: readonly Json[]
}

const closeFlow = (state: State): void => {
  if (state.flow !== undefined) state.out.push({ kind: 'close', part: state.flow.part })
  state.flow = undefined
}

const isWhole = ({ custom, input }: Call): boolean =>
  !custom && input.trimEnd().endsWith('}') && isObject(parseJson(input))

const isCut = (call: Call): boolean => !call.custom && call.input.trim() !== '' && !isWhole(call)

const CUT = unsaid('The provider ended the answer in the middle of a tool call.', 'server_error')

const openCall = (state: State, call: Call): number => {
  if (call.part !== undefined) return call.part
  const part = state.next++
  call.part = part
  if (call.id === '') call.id = idFor(state.id, state.calls.indexOf(call))
  const { id, name, custom } = call
  state.out.push({ kind: 'open', part, of: 'call', id, name, ...(custom ? { custom } : {}) })
  return part
}

const tell = (state: State, call: Call): void => {
  if (call.part === undefined || call.told === call.input.length) return
  state.out.push({ kind: 'delta', part: call.part, text: call.input.slice(call.told) })
  call.told = call.input.length
}

const closeCall = (state: State, call: Call): void => {
  if (call.closed || (call.part === undefined && call.name === '' && call.input === '')) return
  const part = openCall(state, call)
  // A call that says nothing has no arguments; '' would be no JSON.
  if (call.input === '' && !call.custom) call.input = '{}'
  tell(state, call)
  call.closed = true
  state.out.push({ kind: 'close', part })
}

/**
 * Calls may be spoken in turns, so a call is over for certain only at the end, or when its arguments are a whole object
 * and something else begins: nothing but white space could still belong to it.
 */
const closeWhole = (state: State): void => {
  for (const call of state.calls) if (call.part !== undefined && isWhole(call)) closeCall(state, call)
}

const flowOf = (state: State, of: Flow['of']): number => {
  if (state.flow?.of === of) return state.flow.part
  closeFlow(state)
  closeWhole(state)
  const part = state.next++
  state.flow = { part, of, thought: '' }
  state.out.push({ kind: 'open', part, of })
  return part
}

const say = (state: State, of: Flow['of'], text: string): void => {
  if (text === '') return
  const part = flowOf(state, of)
  if (of === 'reasoning' && state.flow !== undefined) state.flow.thought += text
  const { logprobs } = state
  const told = of !== 'reasoning' && logprobs.length > 0
  state.out.push({ kind: 'delta', part, text, ...(told ? { logprobs } : {}) })
  if (told) state.logprobs = []
}

const seal = (state: State, sealed: Sealed): void => {
  // What is sealed is over. A redacted thought is one of its own.
  if (sealed.redacted === true) closeFlow(state)
  state.out.push({ kind: 'seal', part: flowOf(state, 'reasoning'), sealed })
  closeFlow(state)
}

const think = (state: State, delta: JsonObject): void => {
  const readable = readableIn(delta)
  if (readable !== undefined) say(state, 'reasoning', readable)
  for (const block of listOf(delta.thinking_blocks) ?? []) {
    if (!isObject(block)) continue
    const thought = textOf(block.thinking) ?? ''
    // The same words come under both names, or all of them once more with their signature.
    const told = readable !== undefined || (state.flow?.of === 'reasoning' && state.flow.thought === thought)
    if (!told) say(state, 'reasoning', thought)
    const sealed = sealIn(block)
    if (sealed !== undefined) seal(state, sealed)
  }
}

/** Which call a piece belongs to; undefined: a new one begins. */
const callOf = (state: State, piece: JsonObject, name: string | undefined): Call | undefined => {
  const id = textOf(piece.id)
  const { index } = piece
  if (typeof index === 'number') {
    const known = state.byIndex.get(index)
    // Some servers give every call of an answer the index 0.
    const another = id !== undefined && name !== undefined && known?.id !== '' && known?.id !== id
    return another ? undefined : known
  }
  if (id !== undefined) return state.calls.find(call => call.id === id)
  return name === undefined ? state.calls.at(-1) : undefined
}

const begin = (state: State, piece: JsonObject, custom: boolean): Call => {
  closeFlow(state)
  closeWhole(state)
  const call: Call = { id: '', name: '', custom, part: undefined, input: '', told: 0, closed: false }
  state.calls.push(call)
  if (typeof piece.index === 'number') state.byIndex.set(piece.index, call)
  return call
}

const hearCall = (state: State, piece: JsonObject): void => {
  const custom = objectOf(piece.custom)
  const made = custom ?? objectOf(piece.function)
  const name = textOf(made?.name)
  const input = custom?.input ?? made?.arguments
  const call = callOf(state, piece, name) ?? begin(state, piece, custom !== undefined)
  if (call.closed) return
  if (call.part === undefined) {
    call.id ||= textOf(piece.id) ?? ''
    call.name ||= name ?? ''
  }
  if (typeof input === 'string') call.input += input
  else if (isObject(input)) call.input = inputOf(input)
  if (call.name !== '') openCall(state, call)
  tell(state, call)
  const sealed = sealOfCall(piece)
  if (sealed !== undefined && call.part !== undefined)
    state.out.push({ kind: 'seal', part: call.part, sealed })
}

const show = (state: State, delta: JsonObject): void => {
  for (const media of picturesIn(delta)) {
    closeFlow(state)
    closeWhole(state)
    state.out.push({ kind: 'media', part: state.next++, media })
  }
}

const hearDelta = (state: State, delta: JsonObject): void => {
  think(state, delta)
  const { text, thought } = saidIn(delta.content)
  say(state, 'reasoning', thought)
  say(state, 'text', text)
  if (textOf(delta.refusal) !== undefined) state.refused = true
  say(state, 'refusal', textOf(delta.refusal) ?? '')
  for (const annotation of listOf(delta.annotations) ?? [])
    if (isObject(annotation))
      state.out.push({
        kind: 'annotation',
        part: flowOf(state, 'text'),
        annotation: readCitation(annotation),
      })
  show(state, delta)
  for (const piece of listOf(delta.tool_calls) ?? []) if (isObject(piece)) hearCall(state, piece)
  // The older form has one call and no index.
  const older = objectOf(delta.function_call)
  if (older !== undefined) hearCall(state, { index: -1, function: older })
}

const stop = (state: State): void => {
  closeFlow(state)
  for (const call of state.calls) closeCall(state, call)
  const calls = state.calls.some(({ part }) => part !== undefined)
  state.out.push({ kind: 'stop', stop: readFinish(state.finish, { calls, refused: state.refused }) })
}

const fail = (state: State, error: JsonObject): void => {
  // What fails behind the end of an answer fails nothing of it.
  if (state.finish !== undefined && !state.wentOn) return finished(state)
  state.ended = true
  state.out.push({ kind: 'error', error })
}

const end = (state: State): void => {
  // A terminator and nothing before it is no answer.
  if (!state.started) return fail(state, unsaid('The provider answered without any choice.', 'empty_answer'))
  const silent = state.next === 0 && state.calls.length === 0
  const told = state.finish !== undefined
  if (!told && silent) return fail(state, NO_REASON)
  // Nor is one that breaks off in the middle of a call, and gives no reason for it.
  if (!told && state.calls.some(isCut)) return fail(state, CUT)
  finished(state)
}

const finished = (state: State): void => {
  stop(state)
  state.ended = true
  state.out.push({ kind: 'end' })
}

const hearChoice = (state: State, choice: JsonObject, chunk: JsonObject, speaks: boolean): void => {
  if (!state.started) {
    state.started = true
    state.id = textOf(chunk.id)
    state.out.push({ kind: 'start', id: state.id, model: textOf(chunk.model) })
  }
  // Some models give a reason with every word: an answer that goes on has not ended.
  if (speaks && state.finish !== undefined) {
    state.wentOn = true
    state.finish = undefined
  }
  state.logprobs = [...state.logprobs, ...(listOf(objectOf(choice.logprobs)?.content) ?? [])]
  hearDelta(state, objectOf(choice.delta) ?? objectOf(choice.message) ?? {})
  state.finish = textOf(choice.finish_reason) ?? state.finish
}

const hear = (state: State, event: StreamEvent): void => {
  if (state.ended) return
  const { data } = event
  if (data === undefined || isPing(event)) return void state.out.push({ kind: 'ping' })
  if (isDone(data)) return end(state)
  // Errors hide in many forms; who reads them for chat clients reads them here.
  const sight = chat.stream?.sight(event)
  if (sight?.kind === 'error') return fail(state, sight.error)
  const chunk = parseJson(data)
  if (!isObject(chunk)) return
  const choice = (listOf(chunk.choices) ?? []).filter(isObject).find(({ index }) => (index ?? 0) === 0)
  const speaks = sight?.kind === 'content' || (sight?.kind === 'final' && sight.speaks === true)
  if (choice !== undefined) hearChoice(state, choice, chunk, speaks)
  const usage = usageFrom(chunk.usage) ?? usageFrom(objectOf(chunk.x_groq)?.usage)
  if (usage !== undefined) state.out.push({ kind: 'usage', usage })
}

/**
 * `[DONE]` ends an answer. Where a server leaves it out, a finish_reason and then the end of the bytes does; without
 * either there is no `end`.
 */
export const chatDecoder = (): NeutralDecoder => {
  const events = sseDecoder()
  const state: State = {
    out: [],
    next: 0,
    id: undefined,
    started: false,
    finish: undefined,
    wentOn: false,
    ended: false,
    refused: false,
    flow: undefined,
    calls: [],
    byIndex: new Map(),
    logprobs: [],
  }
  const heard = (batch: readonly StreamEvent[]): readonly NeutralEvent[] => {
    for (const event of batch) hear(state, event)
    return state.out.splice(0)
  }
  return {
    push: chunk => heard(events.push(chunk)),
    stopped: () => state.finish !== undefined && !state.wentOn && !state.ended,
    end: () => {
      const rest = heard(events.end())
      if (state.finish === undefined || state.ended) return rest
      end(state)
      return [...rest, ...state.out.splice(0)]
    },
  }
}

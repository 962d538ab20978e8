import type { Json, JsonObject } from '../wire/json.ts'
import { asksOlderForm, finishOf, logprobsOf, writeUsage } from './chat-answer.ts'
import { writeCitation } from './chat-citations.ts'
import { mediaMembers } from './chat-media.ts'
import { thinkingBlock, writeCallSeal } from './chat-thoughts.ts'
import type { Asked, NeutralEvent, StreamWriter } from './neutral.ts'
import type { StreamEvent, Usage } from './shape.ts'

/** A streamed answer for a client of Chat Completions. */

type Call = {
  /** Its place among the calls; undefined: it is told in the older form, which has no places. */
  readonly index: number | undefined
  readonly custom: boolean
  spoke: boolean
}

type State = {
  readonly asked: Asked
  readonly older: boolean
  /** What each part is. */
  readonly kinds: Map<number, 'text' | 'reasoning' | 'refusal' | Call>
  /** How many calls have a place. */
  calls: number
  called: boolean
  /** How many pictures were shown. */
  pictures: number
  /** The thought that is being said. */
  thought: string
  refused: boolean
  usage: Usage | undefined
  /** [DONE] or an error went out: nothing after it counts. */
  over: boolean
}

const encoder = new TextEncoder()

const eventOf = (data: string): StreamEvent => ({
  bytes: encoder.encode(`data: ${data}\n\n`),
  event: '',
  data,
})

/** A comment: it says that the provider lives. */
const PING: StreamEvent = { bytes: encoder.encode(': ping\n\n'), event: '', data: undefined }

const chunkOf = ({ asked }: State, choices: readonly Json[], more: JsonObject = {}): StreamEvent =>
  eventOf(
    JSON.stringify({
      id: `chatcmpl-${asked.unique}`,
      object: 'chat.completion.chunk',
      created: asked.created,
      model: asked.model,
      choices,
      ...more,
    }),
  )

const delta = (state: State, members: JsonObject, more: JsonObject = {}): readonly StreamEvent[] => [
  chunkOf(state, [{ index: 0, delta: members, finish_reason: null, ...more }]),
]

const callDelta = (state: State, call: Call, members: JsonObject): readonly StreamEvent[] =>
  delta(state, { tool_calls: [{ index: call.index ?? 0, ...members }] })

const openCall = (
  state: State,
  { part, id, name, custom }: NeutralEvent & { kind: 'open'; of: 'call' },
): readonly StreamEvent[] => {
  // The older form has room for one call; those after it are told all the same.
  const older = state.older && custom === undefined && !state.called
  state.called = true
  const call: Call = { index: older ? undefined : state.calls++, custom: custom === true, spoke: false }
  state.kinds.set(part, call)
  if (older) return delta(state, { function_call: { name, arguments: '' } })
  if (call.custom) return callDelta(state, call, { id, type: 'custom', custom: { name, input: '' } })
  return callDelta(state, call, { id, type: 'function', function: { name, arguments: '' } })
}

const sayInput = (state: State, call: Call, text: string): readonly StreamEvent[] => {
  call.spoke = true
  if (call.index === undefined) return delta(state, { function_call: { arguments: text } })
  return callDelta(state, call, call.custom ? { custom: { input: text } } : { function: { arguments: text } })
}

const NAMES = { text: 'content', reasoning: 'reasoning_content', refusal: 'refusal' } as const
const NONE: readonly StreamEvent[] = []

const onDelta = (state: State, event: NeutralEvent & { kind: 'delta' }): readonly StreamEvent[] => {
  const kind = state.kinds.get(event.part)
  if (kind === undefined) return NONE
  if (typeof kind !== 'string') return sayInput(state, kind, event.text)
  if (kind === 'refusal') state.refused = true
  if (kind === 'reasoning') state.thought += event.text
  const { logprobs } = event
  return delta(
    state,
    { [NAMES[kind]]: event.text },
    logprobs === undefined ? {} : { logprobs: logprobsOf(logprobs) },
  )
}

/**
 * With its whole thought: OpenAI's own client keeps the last value of a member that it does not know, and has to send
 * back what was signed.
 */
const onSeal = (state: State, { part, sealed }: NeutralEvent & { kind: 'seal' }): readonly StreamEvent[] => {
  const kind = state.kinds.get(part)
  if (kind === 'reasoning') return delta(state, { thinking_blocks: [thinkingBlock(sealed, state.thought)] })
  const written = writeCallSeal(sealed)
  if (kind === undefined || typeof kind === 'string' || Object.keys(written).length === 0) return NONE
  // Some clients (AI SDK) take no call without its function, and nothing of an answer that has one.
  const nothing = kind.custom ? { custom: { input: '' } } : { function: { arguments: '' } }
  return callDelta(state, kind, { ...nothing, ...written })
}

/** A call without arguments streams none: clients parse what they collected, and '' is no JSON. */
const onClose = (state: State, part: number): readonly StreamEvent[] => {
  const kind = state.kinds.get(part)
  if (kind === undefined || typeof kind === 'string' || kind.spoke || kind.custom) return NONE
  return sayInput(state, kind, '{}')
}

const onMedia = (state: State, { media }: NeutralEvent & { kind: 'media' }): readonly StreamEvent[] => {
  const members = mediaMembers([media], state.asked, state.pictures)
  if (media.kind === 'image') state.pictures += 1
  return Object.keys(members).length === 0 ? NONE : delta(state, members)
}

const onEnd = (state: State): readonly StreamEvent[] => {
  state.over = true
  const { usage, asked } = state
  const told = usage !== undefined && asked.request.streamUsage
  return [...(told ? [chunkOf(state, [], { usage: writeUsage(usage) })] : []), eventOf('[DONE]')]
}

const onError = (state: State, error: JsonObject): readonly StreamEvent[] => {
  state.over = true
  return [eventOf(JSON.stringify({ error }))]
}

const write = (state: State, event: NeutralEvent): readonly StreamEvent[] => {
  if (state.over) return NONE
  switch (event.kind) {
    case 'start':
      return delta(state, { role: 'assistant', content: '' })
    case 'open':
      if (event.of === 'call') return openCall(state, event)
      state.kinds.set(event.part, event.of)
      if (event.of === 'reasoning') state.thought = ''
      return NONE
    case 'delta':
      return onDelta(state, event)
    case 'seal':
      return onSeal(state, event)
    case 'annotation':
      return delta(state, { annotations: [writeCitation(event.annotation)] })
    case 'media':
      return onMedia(state, event)
    case 'close':
      return onClose(state, event.part)
    case 'stop': {
      const { refused, older } = state
      const finish_reason = finishOf(event.stop, { refused, older })
      return [chunkOf(state, [{ index: 0, delta: {}, finish_reason }])]
    }
    case 'usage':
      state.usage = event.usage
      return NONE
    case 'ping':
      return [PING]
    case 'error':
      return onError(state, event.error)
    case 'end':
      return onEnd(state)
  }
}

/** [DONE] follows the provider's own end and nothing else. */
export const chatWriter = (asked: Asked): StreamWriter => {
  const state: State = {
    asked,
    older: asksOlderForm(asked),
    kinds: new Map(),
    calls: 0,
    called: false,
    pictures: 0,
    thought: '',
    refused: false,
    usage: undefined,
    over: false,
  }
  return { write: event => write(state, event) }
}

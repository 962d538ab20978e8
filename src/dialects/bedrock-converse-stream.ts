import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type AnswerOptions, finishReason, stopFailure, toUsage } from './bedrock-converse-answer.ts'
import { converseError, messageIn } from './bedrock-converse-error.ts'
import { type Frame, frameReader } from './bedrock-converse-frames.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'

export type StreamOptions = AnswerOptions & {
  /** stream_options.include_usage: the client wants the usage chunk. */
  readonly includeUsage: boolean
}

type State = {
  /** Dense tool_calls index by content block. */
  readonly tools: Map<Json | undefined, { readonly index: number; spoke: boolean }>
  /** messageStop came: the answer is whole. */
  stopped: boolean
  /** [DONE] or an error went out: nothing after it counts. */
  closed: boolean
}

const encoder = new TextEncoder()

const eventOf = (data: string): StreamEvent => ({
  bytes: encoder.encode(`data: ${data}\n\n`),
  event: '',
  data,
})

const chunkOf = (options: StreamOptions, choices: readonly Json[], more: JsonObject = {}): StreamEvent =>
  eventOf(
    JSON.stringify({
      id: `chatcmpl-${options.stamp.unique}`,
      object: 'chat.completion.chunk',
      created: options.stamp.created,
      model: options.model,
      choices,
      ...more,
    }),
  )

type Say = (delta: JsonObject, finish?: string) => readonly StreamEvent[]

const failed = (state: State, error: JsonObject): readonly StreamEvent[] => {
  state.closed = true
  return [eventOf(JSON.stringify({ error }))]
}

/** What arrived is not what was sent: the stream ends as failed, and nothing of the broken frame goes on. */
const unreadable = (state: State, why: string): readonly StreamEvent[] =>
  failed(state, {
    message: `The stream from Bedrock cannot be read: ${why}.`,
    type: 'server_error',
    param: null,
    code: 'server_error',
  })

const done = (state: State): readonly StreamEvent[] => {
  state.closed = true
  return [eventOf('[DONE]')]
}

const onStart = (payload: JsonObject, state: State, say: Say): readonly StreamEvent[] => {
  const use = isObject(payload.start) ? payload.start.toolUse : undefined
  if (!isObject(use)) return []
  const index = state.tools.size
  state.tools.set(payload.contentBlockIndex, { index, spoke: false })
  const call = {
    index,
    id: use.toolUseId ?? '',
    type: 'function',
    function: { name: use.name ?? '', arguments: '' },
  }
  return say({ tool_calls: [call] })
}

const onArguments = (payload: JsonObject, text: string, state: State, say: Say): readonly StreamEvent[] => {
  const tool = state.tools.get(payload.contentBlockIndex)
  if (tool === undefined || text === '') return []
  tool.spoke = true
  return say({ tool_calls: [{ index: tool.index, function: { arguments: text } }] })
}

const onReasoning = (reasoning: JsonObject, say: Say): readonly StreamEvent[] => {
  if (typeof reasoning.text === 'string' && reasoning.text !== '') {
    return say({ reasoning_content: reasoning.text })
  }
  if (typeof reasoning.signature === 'string') {
    return say({ thinking_blocks: [{ type: 'thinking', thinking: '', signature: reasoning.signature }] })
  }
  if (typeof reasoning.redactedContent === 'string') {
    return say({ thinking_blocks: [{ type: 'redacted_thinking', data: reasoning.redactedContent }] })
  }
  return []
}

const onDelta = (payload: JsonObject, state: State, say: Say): readonly StreamEvent[] => {
  const delta = isObject(payload.delta) ? payload.delta : {}
  if (typeof delta.text === 'string') return delta.text === '' ? [] : say({ content: delta.text })
  if (isObject(delta.toolUse)) return onArguments(payload, String(delta.toolUse.input ?? ''), state, say)
  return isObject(delta.reasoningContent) ? onReasoning(delta.reasoningContent, say) : []
}

/** A call without arguments streams none: clients parse what they collected, and '' is no JSON. */
const onBlockStop = (payload: JsonObject, state: State, say: Say): readonly StreamEvent[] => {
  const tool = state.tools.get(payload.contentBlockIndex)
  return tool === undefined || tool.spoke ? [] : onArguments(payload, '{}', state, say)
}

const onMessageStop = (payload: JsonObject, state: State, say: Say): readonly StreamEvent[] => {
  const failure = stopFailure(payload.stopReason)
  if (failure !== undefined) return failed(state, failure)
  state.stopped = true
  return say({}, finishReason(payload.stopReason))
}

const onMetadata = (payload: JsonObject, state: State, options: StreamOptions): readonly StreamEvent[] => {
  const usage = options.includeUsage ? toUsage(payload.usage) : undefined
  const chunk = usage === undefined ? [] : [chunkOf(options, [], { usage })]
  // The upstream's own end, and only after it said that the answer is whole.
  return state.stopped ? [...chunk, ...done(state)] : chunk
}

const payloadOf = (frame: Frame): JsonObject => {
  const value = JSON.parse(new TextDecoder().decode(frame.body)) as Json
  if (!isObject(value)) throw new Error('a frame holds no JSON object')
  return value
}

const messageOf = (frame: Frame): string => {
  try {
    return messageIn(payloadOf(frame))
  } catch {
    return ''
  }
}

const read = (frame: Frame, state: State, options: StreamOptions): readonly StreamEvent[] => {
  const { headers } = frame
  if (headers[':message-type'] === 'exception') {
    return failed(state, converseError(headers[':exception-type'] ?? '', messageOf(frame)))
  }
  if (headers[':message-type'] === 'error') {
    return failed(state, converseError(headers[':error-code'] ?? '', headers[':error-message'] ?? ''))
  }
  const say: Say = (delta, finish) => [chunkOf(options, [{ index: 0, delta, finish_reason: finish ?? null }])]
  switch (headers[':event-type']) {
    case 'messageStart':
      return say({ role: 'assistant', content: '' })
    case 'contentBlockStart':
      return onStart(payloadOf(frame), state, say)
    case 'contentBlockDelta':
      return onDelta(payloadOf(frame), state, say)
    case 'contentBlockStop':
      return onBlockStop(payloadOf(frame), state, say)
    case 'messageStop':
      return onMessageStop(payloadOf(frame), state, say)
    case 'metadata':
      return onMetadata(payloadOf(frame), state, options)
    default:
      return []
  }
}

const readSafely = (frame: Frame, state: State, options: StreamOptions): readonly StreamEvent[] => {
  try {
    return read(frame, state, options)
  } catch {
    return unreadable(state, 'a frame holds no JSON object')
  }
}

/**
 * Frames of /converse-stream as chat.completion.chunk events. [DONE] follows only a messageStop: a stream that breaks
 * off before it ends without one, and a broken frame ends it with an error event.
 */
export const converseStreamDecoder = (options: StreamOptions): StreamDecoder => {
  const frames = frameReader()
  const state: State = { tools: new Map(), stopped: false, closed: false }
  return {
    push: chunk => {
      const events: StreamEvent[] = []
      if (state.closed) return events
      for (const frame of frames.push(chunk)) {
        if (state.closed) break
        events.push(
          ...('broken' in frame ? unreadable(state, frame.broken) : readSafely(frame, state, options)),
        )
      }
      return events
    },
    end: () => (state.stopped && !state.closed ? done(state) : []),
  }
}

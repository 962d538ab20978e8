import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { annotationOf, pictureFrom, stopFailure, stopOf, usageOf } from './bedrock-converse-answer.ts'
import { converseError, messageIn } from './bedrock-converse-error.ts'
import { ANSWER_TOOL } from './bedrock-converse-format.ts'
import { type Frame, frameReader } from './bedrock-converse-frames.ts'
import type { Dialect, NeutralDecoder, NeutralEvent, Sealed } from './neutral.ts'
import { objectOf, parseJson, textOf } from './read-json.ts'

/** A content block that was heard of, by its index. */
type Block = {
  readonly part: number
  readonly of: 'text' | 'reasoning' | 'call' | 'picture'
  /** Of a picture: its format, and its bytes so far. */
  readonly format?: Json | undefined
  readonly bytes?: Buffer[]
  spoke: boolean
  closed: boolean
}

type State = {
  /** Seals the reasoning. */
  readonly issuer: Dialect
  readonly blocks: Map<Json | undefined, Block>
  /** Number of the next part. */
  next: number
  /** Bytes of pictures so far. */
  drawn: number
  called: boolean
  /** messageStop came: the answer is whole. */
  stopped: boolean
  /** The end or an error went out: nothing after it counts. */
  closed: boolean
}

/** Bytes of all pictures of one answer: each is held until it is whole. */
const MOST_DRAWN = 16 * 1024 * 1024

type Events = readonly NeutralEvent[]

const NONE: Events = []

const failed = (state: State, error: JsonObject): Events => {
  state.closed = true
  return [{ kind: 'error', error }]
}

/** What arrived is not what was sent: the stream ends as failed, and nothing of the broken frame goes on. */
const unreadable = (state: State, why: string): Events =>
  failed(state, {
    message: `The stream from Bedrock cannot be read: ${why}.`,
    type: 'server_error',
    param: null,
    code: 'server_error',
  })

const done = (state: State): Events => {
  state.closed = true
  return [{ kind: 'end' }]
}

/** A picture is told when it is whole. */
const drawn = ({ part, format, bytes = [] }: Block): Events =>
  bytes.length === 0
    ? NONE
    : [{ kind: 'media', part, media: pictureFrom(format, Buffer.concat(bytes).toString('base64')) }]

const close = (block: Block): Events => {
  if (block.closed) return NONE
  block.closed = true
  const { part } = block
  if (block.of === 'picture') return drawn(block)
  // A call without arguments streams none; '' would be no JSON.
  const silent = block.of === 'call' && !block.spoke
  return [...(silent ? [{ kind: 'delta', part, text: '{}' } as const] : []), { kind: 'close', part }]
}

const closeAll = (state: State): Events => [...state.blocks.values()].flatMap(close)

/** Blocks follow each other: a new one ends what is still open but calls, should its own end not have come. */
const opened = (
  state: State,
  index: Json | undefined,
  block: Pick<Block, 'of' | 'format' | 'bytes'>,
): [Block, Events] => {
  const before = [...state.blocks.values()].filter(({ of }) => of !== 'call').flatMap(close)
  const made: Block = { ...block, part: state.next++, spoke: false, closed: false }
  state.blocks.set(index, made)
  return [made, before]
}

/** The block of these words, opened by them where nothing else has: only calls are announced. */
const spoken = (state: State, index: Json | undefined, of: 'text' | 'reasoning'): [number, Events] => {
  const known = state.blocks.get(index)
  if (known !== undefined && known.of === of && !known.closed) return [known.part, NONE]
  const [{ part }, before] = opened(state, index, { of })
  return [part, [...before, { kind: 'open', part, of }]]
}

const onStart = ({ start, contentBlockIndex: index }: JsonObject, state: State): Events => {
  const picture = objectOf(objectOf(start)?.image)
  if (picture !== undefined)
    return opened(state, index, { of: 'picture', format: picture.format, bytes: [] })[1]
  const use = objectOf(objectOf(start)?.toolUse)
  if (use === undefined) return NONE
  const name = textOf(use.name) ?? ''
  // The arguments of this one are the answer itself.
  if (name === ANSWER_TOOL) return spoken(state, index, 'text')[1]
  state.called = true
  const [{ part }, before] = opened(state, index, { of: 'call' })
  return [...before, { kind: 'open', part, of: 'call', id: textOf(use.toolUseId) ?? '', name }]
}

const say = (state: State, index: Json | undefined, of: 'text' | 'reasoning', text: string): Events => {
  if (text === '') return NONE
  const [part, before] = spoken(state, index, of)
  return [...before, { kind: 'delta', part, text }]
}

const onArguments = (state: State, index: Json | undefined, text: string): Events => {
  const block = state.blocks.get(index)
  if (block === undefined || block.closed || text === '') return NONE
  block.spoke = true
  return [{ kind: 'delta', part: block.part, text }]
}

const sealed = (state: State, index: Json | undefined, seal: Sealed): Events => {
  const [part, before] = spoken(state, index, 'reasoning')
  return [...before, { kind: 'seal', part, sealed: seal }]
}

const onReasoning = (reasoning: JsonObject, state: State, index: Json | undefined): Events => {
  const { issuer } = state
  const text = textOf(reasoning.text)
  if (text !== undefined) return say(state, index, 'reasoning', text)
  const signature = textOf(reasoning.signature)
  if (signature !== undefined) return sealed(state, index, { issuer, payload: signature })
  const redacted = textOf(reasoning.redactedContent)
  if (redacted === undefined) return NONE
  return sealed(state, index, { issuer, payload: redacted, redacted: true })
}

const onCitation = (citation: JsonObject, state: State, index: Json | undefined): Events => {
  const annotation = annotationOf(citation)
  if (annotation === undefined) return NONE
  const [part, before] = spoken(state, index, 'text')
  return [...before, { kind: 'annotation', part, annotation }]
}

const onPicture = (image: JsonObject, state: State, index: Json | undefined): Events => {
  const base64 = textOf(objectOf(image.source)?.bytes)
  const block = state.blocks.get(index)
  if (base64 === undefined || block?.closed !== false || block.bytes === undefined) return NONE
  const piece = Buffer.from(base64, 'base64')
  state.drawn += piece.length
  if (state.drawn > MOST_DRAWN) return unreadable(state, `its pictures are larger than ${MOST_DRAWN} bytes`)
  block.bytes.push(piece)
  return NONE
}

const onDelta = ({ delta: said, contentBlockIndex: index }: JsonObject, state: State): Events => {
  const delta = objectOf(said) ?? {}
  if (typeof delta.text === 'string') return say(state, index, 'text', delta.text)
  if (isObject(delta.image)) return onPicture(delta.image, state, index)
  if (isObject(delta.toolUse)) return onArguments(state, index, textOf(delta.toolUse.input) ?? '')
  if (isObject(delta.reasoningContent)) return onReasoning(delta.reasoningContent, state, index)
  return isObject(delta.citation) ? onCitation(delta.citation, state, index) : NONE
}

const onBlockStop = ({ contentBlockIndex: index }: JsonObject, state: State): Events => {
  const block = state.blocks.get(index)
  return block === undefined ? NONE : close(block)
}

const onMessageStop = ({ stopReason }: JsonObject, state: State): Events => {
  const failure = stopFailure(stopReason)
  if (failure !== undefined) return failed(state, failure)
  state.stopped = true
  return [...closeAll(state), { kind: 'stop', stop: stopOf(stopReason, state.called) }]
}

const onMetadata = (payload: JsonObject, state: State): Events => {
  const usage = usageOf(payload.usage)
  const told: Events = usage === undefined ? NONE : [{ kind: 'usage', usage }]
  // The upstream's own end, and only after it said that the answer is whole.
  return state.stopped ? [...told, ...done(state)] : told
}

const payloadOf = (frame: Frame): JsonObject | undefined =>
  objectOf(parseJson(new TextDecoder().decode(frame.body)))

const HANDLERS: Readonly<Record<string, (payload: JsonObject, state: State) => Events>> = {
  messageStart: () => [{ kind: 'start', id: undefined, model: undefined }],
  contentBlockStart: onStart,
  contentBlockDelta: onDelta,
  contentBlockStop: onBlockStop,
  messageStop: onMessageStop,
  metadata: onMetadata,
}

const read = (frame: Frame, state: State): Events => {
  const { headers } = frame
  if (headers[':message-type'] === 'exception')
    return failed(state, converseError(headers[':exception-type'] ?? '', messageIn(payloadOf(frame))))
  if (headers[':message-type'] === 'error')
    return failed(state, converseError(headers[':error-code'] ?? '', headers[':error-message'] ?? ''))
  const handler = HANDLERS[headers[':event-type'] ?? '']
  if (handler === undefined) return NONE
  const payload = payloadOf(frame)
  if (payload === undefined) return unreadable(state, 'a frame holds no JSON object')
  // Whatever is said after the stop is not the answer's; its usage is.
  return state.stopped && handler !== onMetadata ? NONE : handler(payload, state)
}

/**
 * Frames of /converse-stream; `issuer` seals the reasoning in them. An end follows only a messageStop: a stream that
 * breaks off before it ends without one, and a broken frame ends it with an error.
 */
export const converseDecoder = (issuer: Dialect): NeutralDecoder => {
  const frames = frameReader()
  const state: State = {
    issuer,
    blocks: new Map(),
    next: 0,
    drawn: 0,
    called: false,
    stopped: false,
    closed: false,
  }
  return {
    push: chunk => {
      const events: NeutralEvent[] = []
      if (state.closed) return events
      for (const frame of frames.push(chunk)) {
        if (state.closed) break
        events.push(...('broken' in frame ? unreadable(state, frame.broken) : read(frame, state)))
      }
      return events
    },
    stopped: () => state.stopped && !state.closed,
    end: () => (state.stopped && !state.closed ? done(state) : []),
  }
}

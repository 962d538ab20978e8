import type { Json, JsonObject } from '../wire/json.ts'
import { blobOf, functionCall, logprobsResult, reasonOf } from './gemini-answer.ts'
import { type Cited, groundingOfTexts } from './gemini-grounding.ts'
import { metadataOf } from './gemini-words.ts'
import type { Asked, NeutralEvent, Sealed, Stop, StreamWriter } from './neutral.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * A stream as clients of this dialect get it: chunks that are answers. The last one says why the answer ended and what
 * it used, and is written only when the upstream has said its own end: it is all the terminator there is.
 */

type Open =
  | { readonly of: 'text' | 'reasoning' | 'refusal'; text: string; readonly annotations: JsonObject[] }
  /** Calls are whole in this dialect: the arguments are collected until they are. */
  | {
      readonly of: 'call'
      readonly id: string
      readonly name: string
      readonly custom: boolean
      input: string
      sealed: Sealed | undefined
      whole: boolean
    }

type State = {
  id: string
  readonly open: Map<number, Open>
  readonly texts: Cited[]
  stop: Stop
  usage: Usage | undefined
}

const encoder = new TextEncoder()

export const eventOf = (value: JsonObject): StreamEvent => {
  const data = JSON.stringify(value)
  return { event: '', data, bytes: encoder.encode(`data: ${data}\n\n`) }
}

const chunkOf = (
  state: State,
  asked: Asked,
  parts: readonly JsonObject[],
  more: { readonly candidate?: JsonObject; readonly answer?: JsonObject } = {},
): StreamEvent =>
  eventOf({
    candidates: [{ content: { parts, role: 'model' }, ...more.candidate, index: 0 }],
    ...more.answer,
    modelVersion: asked.model,
    responseId: state.id,
  })

const onOpen = (event: Extract<NeutralEvent, { kind: 'open' }>, state: State): void => {
  if (event.of !== 'call') {
    const opened = { of: event.of, text: '', annotations: [] }
    state.open.set(event.part, opened)
    if (event.of !== 'reasoning') state.texts.push(opened)
    return
  }
  const { id, name } = event
  const custom = event.custom === true
  state.open.set(event.part, { of: 'call', id, name, custom, input: '', sealed: undefined, whole: false })
}

const onDelta = (
  event: Extract<NeutralEvent, { kind: 'delta' }>,
  state: State,
  asked: Asked,
): readonly StreamEvent[] => {
  const open = state.open.get(event.part)
  if (open === undefined) return []
  if (open.of === 'call') {
    open.input += event.text
    return []
  }
  open.text += event.text
  const thought = open.of === 'reasoning'
  if (thought && asked.request.thoughts !== 'shown') return []
  const told: readonly Json[] | undefined = event.logprobs
  const candidate = told === undefined ? {} : { logprobsResult: logprobsResult(told) }
  return [chunkOf(state, asked, [{ text: event.text, ...(thought ? { thought } : {}) }], { candidate })]
}

const onSeal = (
  event: Extract<NeutralEvent, { kind: 'seal' }>,
  state: State,
  asked: Asked,
): readonly StreamEvent[] => {
  const open = state.open.get(event.part)
  if (event.sealed.issuer !== 'gemini') return []
  if (open?.of === 'call') {
    open.sealed = event.sealed
    return []
  }
  return [chunkOf(state, asked, [{ text: '', thoughtSignature: event.sealed.payload }])]
}

const callOf = ({ id, name, input, custom, sealed }: Open & { of: 'call' }): JsonObject =>
  functionCall({
    id,
    name,
    input,
    ...(custom ? { custom: true as const } : {}),
    ...(sealed === undefined ? {} : { sealed }),
  })

/** Calls are paired with their responses by their order: one that is whole waits for those that began before it. */
const onClose = (part: number, state: State, asked: Asked): readonly StreamEvent[] => {
  const closed = state.open.get(part)
  if (closed?.of !== 'call') {
    state.open.delete(part)
    return []
  }
  closed.whole = true
  const said: StreamEvent[] = []
  for (const [place, open] of state.open) {
    if (open.of !== 'call') continue
    if (!open.whole) break
    state.open.delete(place)
    said.push(chunkOf(state, asked, [callOf(open)]))
  }
  return said
}

const lastChunk = (state: State, asked: Asked): StreamEvent => {
  const grounding = groundingOfTexts(state.texts)
  return chunkOf(
    state,
    asked,
    // Client libraries take a chunk without parts for a broken answer, and forget the turn.
    [{ text: '' }],
    {
      candidate: {
        finishReason: reasonOf(state.stop),
        ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
      },
      answer: state.usage === undefined ? {} : { usageMetadata: metadataOf(state.usage) },
    },
  )
}

const write = (event: NeutralEvent, state: State, asked: Asked): readonly StreamEvent[] => {
  switch (event.kind) {
    case 'start':
      state.id = event.id ?? state.id
      return []
    case 'open':
      onOpen(event, state)
      return []
    case 'delta':
      return onDelta(event, state, asked)
    case 'seal':
      return onSeal(event, state, asked)
    case 'annotation': {
      const open = state.open.get(event.part)
      if (open?.of !== undefined && open.of !== 'call') open.annotations.push(event.annotation)
      return []
    }
    case 'media': {
      const blob = blobOf(event.media)
      return blob === undefined ? [] : [chunkOf(state, asked, [blob])]
    }
    case 'close':
      return onClose(event.part, state, asked)
    case 'stop':
      state.stop = event.stop
      return []
    case 'usage':
      state.usage = event.usage
      return []
    case 'ping':
      return []
    case 'end':
      return [lastChunk(state, asked)]
    case 'error':
      // Read by this dialect's Shape, which makes a failure of it; what a client is told is made of that.
      return [eventOf({ error: event.error })]
  }
}

export const geminiWriter = (asked: Asked): StreamWriter => {
  const state: State = {
    id: asked.unique,
    open: new Map(),
    texts: [],
    stop: { kind: 'end' },
    usage: undefined,
  }
  return { write: event => write(event, state, asked) }
}

import { isObject, type JsonObject } from '../wire/json.ts'
import { fromEvents } from './bridge.ts'
import { errorOfNamed } from './event-failure.ts'
import { callIdOf, logprobsIn, mediaOf, sealIn, stopOf, textIn } from './gemini-answer.ts'
import { NO_TOKEN, speaks, withoutToken } from './gemini-empty.ts'
import { errorIn } from './gemini-error.ts'
import { annotationsIn } from './gemini-grounding.ts'
import {
  at,
  blockOf,
  candidatesIn,
  failureOf,
  finishOf,
  objectAt,
  partsIn,
  textAt,
  usageOfMetadata,
} from './gemini-words.ts'
import type { MediaPart, NeutralDecoder, NeutralEvent, Stop } from './neutral.ts'
import { isPing, parseJson, unsaid } from './read-json.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * Chunks of streamGenerateContent as neutral events. This dialect has no terminator: a stream is whole when its bytes
 * end after a candidate has said why it ended, and only then.
 */

type State = {
  started: boolean
  id: string | undefined
  /** The part that is open, and what it is. */
  open: { readonly part: number; readonly of: 'text' | 'reasoning' } | undefined
  parts: number
  calls: number
  /** The words of the open text: places of citations are counted in it. */
  text: string
  /** Any of its chunks said or did something. */
  spoke: boolean
  /** Its last chunk ends an answer with nothing in it, where no other chunk said anything. */
  empty: boolean
  stop: Stop | undefined
  /** Something was said behind a reason: of such an answer only the end of its bytes says that it is all. */
  wentOn: boolean
  usage: Usage | undefined
  closed: boolean
}

const close = (state: State): readonly NeutralEvent[] => {
  if (state.open === undefined) return []
  const { part } = state.open
  state.open = undefined
  return [{ kind: 'close', part }]
}

const openFor = (state: State, of: 'text' | 'reasoning'): readonly NeutralEvent[] => {
  if (state.open?.of === of) return []
  const closed = close(state)
  const part = state.parts
  state.parts += 1
  state.open = { part, of }
  if (of === 'text') state.text = ''
  return [...closed, { kind: 'open', part, of }]
}

/** What fails behind the end of an answer fails nothing of it. */
const failed = (state: State, error: JsonObject): readonly NeutralEvent[] => {
  if (state.stop !== undefined && !state.wentOn) return ended(state)
  state.closed = true
  return [{ kind: 'error', error }]
}

const onCall = (call: JsonObject, part: JsonObject, state: State): readonly NeutralEvent[] => {
  const closed = close(state)
  state.calls += 1
  const number = state.parts
  state.parts += 1
  const sealed = sealIn(part)
  return [
    ...closed,
    {
      kind: 'open',
      part: number,
      of: 'call',
      id: callIdOf(call, state.id, state.calls),
      name: textAt(call, 'name') ?? '',
    },
    { kind: 'delta', part: number, text: JSON.stringify(objectAt(call, 'args') ?? {}) },
    ...(sealed === undefined ? [] : [{ kind: 'seal', part: number, sealed } as const]),
    { kind: 'close', part: number },
  ]
}

const deltaOf = (state: State, text: string, logprobs: NeutralDelta['logprobs']): readonly NeutralEvent[] =>
  text === '' || state.open === undefined
    ? []
    : [{ kind: 'delta', part: state.open.part, text, ...(logprobs === undefined ? {} : { logprobs }) }]

type NeutralDelta = Extract<NeutralEvent, { kind: 'delta' }>

/** A signature ends the thought it stands on; on words, or alone, it has a part of its own. */
const onSignature = (part: JsonObject, state: State): readonly NeutralEvent[] => {
  const sealed = sealIn(part)
  if (sealed === undefined) return []
  const events = openFor(state, 'reasoning')
  const number = state.open?.part ?? 0
  return [...events, { kind: 'seal', part: number, sealed }, ...close(state)]
}

const onMedia = (part: JsonObject, media: MediaPart, state: State): readonly NeutralEvent[] => {
  const closed = close(state)
  const number = state.parts
  state.parts += 1
  return [...closed, { kind: 'media', part: number, media }, ...onSignature(part, state)]
}

const onPart = (
  part: JsonObject,
  state: State,
  logprobs: NeutralDelta['logprobs'],
): readonly NeutralEvent[] => {
  const call = objectAt(part, 'functionCall')
  if (call !== undefined) return onCall(call, part, state)
  const text = textIn(part) ?? ''
  const thought = at(part, 'thought') === true
  // A sketch on the way to the picture is a thought, and none that can be told.
  const media = thought ? undefined : mediaOf(part)
  if (media !== undefined) return onMedia(part, media, state)
  const events: NeutralEvent[] = []
  if (text !== '') {
    events.push(...openFor(state, thought ? 'reasoning' : 'text'))
    if (!thought) state.text += text
    events.push(...deltaOf(state, text, thought ? undefined : logprobs))
  }
  return [...events, ...onSignature(part, state)]
}

const citations = (candidate: JsonObject, state: State): readonly NeutralEvent[] => {
  const { open } = state
  if (open?.of !== 'text') return []
  return annotationsIn(candidate, state.text).map(annotation => ({
    kind: 'annotation',
    part: open.part,
    annotation,
  }))
}

const onCandidate = (candidate: JsonObject, state: State): readonly NeutralEvent[] => {
  const events: NeutralEvent[] = []
  let logprobs = logprobsIn(candidate)
  for (const part of partsIn(candidate)) {
    const told = onPart(part, state, logprobs)
    // They are of the whole chunk, and told once.
    if (told.some(event => event.kind === 'delta' && event.logprobs !== undefined)) logprobs = undefined
    events.push(...told)
    if (state.closed) return events
  }
  events.push(...citations(candidate, state))
  const failure = failureOf(candidate)
  if (failure !== undefined) return [...events, ...failed(state, failure)]
  state.spoke ||= speaks(candidate)
  // The answer goes on: what was said to be its end was none.
  if (speaks(candidate)) {
    state.wentOn ||= state.stop !== undefined
    state.stop = undefined
  }
  // Some models say a reason with every chunk: the last one counts, when nothing follows it any more.
  if (finishOf(candidate) !== undefined) state.stop = stopOf(candidate, state.calls)
  return events
}

const startOf = (chunk: JsonObject, state: State): readonly NeutralEvent[] => {
  if (state.started) return []
  state.started = true
  state.id = textAt(chunk, 'responseId')
  return [{ kind: 'start', id: state.id, model: textAt(chunk, 'modelVersion') }]
}

const NO_EVENT = unsaid('The provider sent an event that is no answer.', 'malformed_event')

const onEvent = (event: StreamEvent, state: State): readonly NeutralEvent[] => {
  if (state.closed) return []
  if (event.data === undefined || isPing(event)) return [{ kind: 'ping' }]
  const value = parseJson(event.data)
  const error = errorIn(value)
  if (error !== undefined) return failed(state, error)
  if (!isObject(value))
    return failed(state, event.event === 'error' ? errorOfNamed(value, event.data) : NO_EVENT)
  const usage = usageOfMetadata(at(value, 'usageMetadata'))
  // Counts are cumulative.
  if (usage !== undefined) state.usage = usage
  const [candidate] = candidatesIn(value)
  state.empty = candidate !== undefined && withoutToken([candidate], value)
  if (candidate === undefined && blockOf(value) !== undefined) state.stop = { kind: 'filter' }
  return [...startOf(value, state), ...(candidate === undefined ? [] : onCandidate(candidate, state))]
}

const ended = (state: State): readonly NeutralEvent[] => {
  if (state.closed || state.stop === undefined) return []
  state.closed = true
  if (state.empty && !state.spoke) return [{ kind: 'error', error: NO_TOKEN }]
  return [
    ...close(state),
    { kind: 'stop', stop: state.stop },
    ...(state.usage === undefined ? [] : [{ kind: 'usage', usage: state.usage } as const]),
    { kind: 'end' },
  ]
}

export const geminiDecoder = (): NeutralDecoder => {
  const state: State = {
    started: false,
    id: undefined,
    open: undefined,
    parts: 0,
    calls: 0,
    text: '',
    spoke: false,
    empty: false,
    stop: undefined,
    wentOn: false,
    usage: undefined,
    closed: false,
  }
  const events = fromEvents(event => onEvent(event, state))
  return {
    ...events,
    stopped: () => state.stop !== undefined && !state.wentOn && !state.closed,
    end: () => [...events.end(), ...ended(state)],
  }
}

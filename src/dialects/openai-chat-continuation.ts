import type { Edit } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import {
  type Continuation,
  type Delivered,
  editedEvent,
  type Graft,
  type Peek,
  type Prefill,
  type Said,
  setting,
  usageEdits,
} from './continuation.ts'
import { isDone, isPing, listOf, objectOf, parseJson, textOf } from './read-json.ts'
import type { StreamEvent } from './shape.ts'

/** Members of a delta that say nothing to the reader. */
export const silent: ReadonlySet<string> = new Set(['role', 'name', 'id', 'index', 'type', 'object'])

export const carries = (value: Json | undefined): boolean => {
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0
  return isObject(value) && Object.keys(value).length > 0
}

const ASIDES: ReadonlySet<string> = new Set(['reasoning', 'reasoning_content'])
const SPOKEN: ReadonlySet<string> = new Set(['content', 'refusal', ...ASIDES])

const NOTHING: readonly Said[] = []

/** The only choice of a chunk; undefined when it has none, 'other' when it has several or tells more than text. */
const choiceIn = (event: StreamEvent): JsonObject | 'other' | undefined => {
  const { data } = event
  if (data === undefined || isPing(event) || isDone(data)) return undefined
  const chunk = parseJson(data)
  if (!isObject(chunk)) return 'other'
  const choices = listOf(chunk.choices) ?? []
  const [choice] = choices
  if (choice === undefined) return undefined
  if (choices.length > 1 || !isObject(choice)) return 'other'
  const first = choice.index === undefined || choice.index === 0
  return first && (choice.logprobs === undefined || choice.logprobs === null) ? choice : 'other'
}

const saidByDelta = (delta: JsonObject): readonly Said[] | 'other' => {
  const pieces: Said[] = []
  for (const [key, value] of Object.entries(delta)) {
    if (silent.has(key) || !carries(value)) continue
    if (!SPOKEN.has(key) || typeof value !== 'string') return 'other'
    pieces.push({ channel: key, text: value, ...(ASIDES.has(key) ? { aside: true } : {}) })
  }
  return pieces
}

const said = (event: StreamEvent): readonly Said[] | 'other' => {
  const choice = choiceIn(event)
  if (choice === undefined) return NOTHING
  if (choice === 'other') return 'other'
  return saidByDelta(objectOf(choice.delta) ?? objectOf(choice.message) ?? {})
}

const saying = (event: StreamEvent, pieces: readonly Said[]): StreamEvent => {
  const left = new Map(pieces.map(piece => [piece.channel, piece.text]))
  const edits = ['delta', 'message'].flatMap(place =>
    [...SPOKEN].map((key): Edit => {
      const path = ['choices', '0', place, key]
      const text = left.get(key)
      return text === undefined ? { op: 'drop', path, why: 'continuation' } : setting(path, text)
    }),
  )
  // A set makes a member that is missing: only what the event says is set.
  const choice = choiceIn(event)
  const within = isObject(choice) ? choice : {}
  return editedEvent(
    event,
    edits.filter(({ path: [, , place = '', key = ''] }) => objectOf(within[place])?.[key] !== undefined),
  )
}

/** Chunks of one stream have one id and one time, and the role is told once. */
export const chunkGraft = ({ first, spoke }: Delivered): Graft => {
  const begun = spoke ?? first
  const steady = (['id', 'created'] as const).flatMap(key => {
    const value = begun?.[key]
    return value === undefined ? [] : [[key, value] as const]
  })
  return {
    learn: () => {},
    fit: event => {
      const chunk = event.data === undefined ? undefined : parseJson(event.data)
      if (!isObject(chunk)) return event
      const edits: Edit[] = steady
        .filter(([key, value]) => chunk[key] !== undefined && chunk[key] !== value)
        .map(([key, value]) => setting([key], value))
      if (event.data?.includes('"role"') === true)
        edits.push({ op: 'drop', path: ['choices', '0', 'delta', 'role'], why: 'continuation' })
      return editedEvent(event, edits)
    },
  }
}

export const chunkWithUsage: Continuation['withUsage'] = (event, more) => {
  const chunk = event.data?.includes('"usage"') === true ? parseJson(event.data) : undefined
  return isObject(chunk) ? editedEvent(event, usageEdits(chunk.usage, more, ['usage'])) : event
}

const oneAnswer = (peek: Peek): boolean => (peek('n') ?? 1) === 1

/** The answer so far, when it is plain text and nothing else but reasoning was said. */
const plainText = ({ texts }: Delivered, channel: string): string | undefined =>
  [...texts.keys()].every(key => key === channel || ASIDES.has(key)) ? textOf(texts.get(channel)) : undefined

const chatPrefill = (peek: Peek, delivered: Delivered, how: Prefill): readonly Edit[] | undefined => {
  const text = plainText(delivered, 'content')
  const last = listOf(peek('messages'))?.at(-1)
  // A conversation that ends with a beginning of the client's own has no place for another.
  if (text === undefined || !isObject(last) || last.role === 'assistant') return undefined
  const message: JsonObject = { role: 'assistant', content: text, ...how.message }
  return [
    { op: 'append', path: ['messages'], value: message, why: 'continuation' },
    ...Object.entries(how.body ?? {}).map(([key, value]) => setting([key], value)),
  ]
}

export const chatContinuation: Continuation = {
  allows: oneAnswer,
  said,
  saying,
  graft: chunkGraft,
  withUsage: chunkWithUsage,
  prefill: chatPrefill,
}

const saidAsText = (event: StreamEvent): readonly Said[] | 'other' => {
  const choice = choiceIn(event)
  if (choice === undefined) return NOTHING
  if (choice === 'other') return 'other'
  const text = textOf(choice.text)
  return text === undefined ? NOTHING : [{ channel: 'text', text }]
}

/** Text completions: the beginning goes where it stands anyway, behind the prompt. */
export const completionsContinuation: Continuation = {
  allows: oneAnswer,
  said: saidAsText,
  saying: (event, pieces) =>
    editedEvent(event, [setting(['choices', '0', 'text'], pieces.map(({ text }) => text).join(''))]),
  graft: chunkGraft,
  withUsage: chunkWithUsage,
  prefill: (peek, delivered) => {
    const prompt = peek('prompt')
    const text = plainText(delivered, 'text')
    if (typeof prompt !== 'string' || text === undefined) return undefined
    // An echo repeats the prompt, and a suffix is what the answer leads up to: neither has room for a beginning.
    if (peek('echo') === true || textOf(peek('suffix')) !== undefined) return undefined
    return [setting(['prompt'], prompt + text)]
  },
}

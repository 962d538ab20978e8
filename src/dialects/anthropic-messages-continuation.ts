import type { Edit } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { usageOf } from './anthropic-messages-common.ts'
import {
  type Continuation,
  type Delivered,
  editedEvent,
  type Graft,
  madeEvent,
  type Peek,
  type Prefill,
  type Said,
  setting,
} from './continuation.ts'
import { isPing, listOf, objectOf, parseJson, textOf } from './read-json.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * A stream of the Messages dialect that broke is gone on with as long as it was text: blocks are compared by their
 * number, each beginning and each end as a channel of its own, so that none is told twice. Calls and signed thoughts
 * cannot be said again.
 */

const typed = (event: StreamEvent): JsonObject | undefined => {
  const value = event.data === undefined || isPing(event) ? undefined : parseJson(event.data)
  return isObject(value) ? value : undefined
}

const NOTHING: readonly Said[] = []

const numbered = (what: 'text' | 'begin' | 'end', { index }: JsonObject): string =>
  `${what} ${typeof index === 'number' ? index : 0}`

const mark = (channel: string, aside: boolean): readonly Said[] => [
  { channel, text: '1', whole: true, ...(aside ? { aside: true } : {}) },
]

const isQuietText = (block: JsonObject | undefined): boolean =>
  block?.type === 'text' && textOf(block.text) === undefined && (listOf(block.citations) ?? []).length === 0

const said = (event: StreamEvent): readonly Said[] | 'other' => {
  const value = typed(event)
  switch (value?.type) {
    case 'content_block_start':
      // No word of the answer: whoever goes on may begin a block before it speaks.
      return isQuietText(objectOf(value.content_block)) ? mark(numbered('begin', value), true) : 'other'
    case 'content_block_delta': {
      const delta = objectOf(value.delta)
      if (delta?.type !== 'text_delta') return 'other'
      const text = textOf(delta.text)
      return text === undefined ? NOTHING : [{ channel: numbered('text', value), text }]
    }
    case 'content_block_stop':
      return mark(numbered('end', value), false)
    case 'message_delta':
      // The client knows how the answer ended: nobody may tell it again, and there is nothing to go on with.
      return textOf(objectOf(value.delta)?.stop_reason) === undefined ? NOTHING : 'other'
    default:
      return NOTHING
  }
}

/** The numbers of both. What the second part said of its prompt stood in its message_start, which the client does not get. */
const usageEdits = (usage: JsonObject, more: Usage, own: Usage): readonly Edit[] => {
  const both = (key: keyof Usage): number => (more[key] ?? 0) + (own[key] ?? 0)
  const [cached, written] = [both('cachedInputTokens'), both('cacheWriteTokens')]
  const told: readonly (readonly [string, number])[] = [
    ['input_tokens', both('inputTokens') - cached - written],
    ['cache_read_input_tokens', cached],
    ['cache_creation_input_tokens', written],
    ['output_tokens', both('outputTokens')],
  ]
  return told
    .filter(([key, count]) => count > 0 || typeof usage[key] === 'number')
    .map(([key, count]) => setting(['usage', key], count))
}

/** The answer so far, when it is the beginning of one text and nothing else. */
const plainText = ({ texts }: Delivered): string | undefined =>
  [...texts.keys()].every(key => key === 'begin 0' || key === 'text 0')
    ? textOf(texts.get('text 0'))
    : undefined

const asksToThink = (thinking: Json | undefined): boolean =>
  isObject(thinking) && thinking.type !== 'disabled'

const prefill = (peek: Peek, delivered: Delivered, how: Prefill): readonly Edit[] | undefined => {
  const text = plainText(delivered)
  const last = listOf(peek('messages'))?.at(-1)
  // A beginning that ends with white space is refused, and so is any where the model is to think first.
  if (text === undefined || /\s$/.test(text) || asksToThink(peek('thinking'))) return undefined
  // A conversation that ends with a beginning of the client's own has no place for another.
  if (!isObject(last) || last.role !== 'user') return undefined
  const message: JsonObject = { role: 'assistant', content: text, ...how.message }
  return [
    { op: 'append', path: ['messages'], value: message, why: 'continuation' },
    ...Object.entries(how.body ?? {}).map(([key, value]) => setting([key], value)),
  ]
}

/** The block that the client has the beginning of and not the end. */
const openIn = ({ texts }: Delivered): number | undefined => {
  const begun = [...texts.keys()].filter(channel => channel.startsWith('begin '))
  const open = begun.find(channel => !texts.has(channel.replace('begin', 'end')))
  return open === undefined ? undefined : Number(open.slice('begin '.length))
}

/**
 * No event but the first names the message, and blocks keep their numbers. Whoever has nothing to add opens no block, and
 * closes none: the one that is open is closed before the message ends.
 */
const graft = (delivered: Delivered): Graft => {
  let open = openIn(delivered)
  return {
    learn: () => {},
    fit: event => {
      const value = typed(event)
      if (value?.type === 'message_start') return undefined
      if (value?.type === 'content_block_stop') open = undefined
      if (value?.type !== 'message_delta' || open === undefined) return event
      const closing = { type: 'content_block_stop', index: open }
      open = undefined
      return [madeEvent(closing.type, closing), event]
    },
  }
}

export const messagesContinuation: Continuation = {
  allows: () => true,
  said,
  saying: (event, [piece]) =>
    piece === undefined || piece.whole === true
      ? event
      : editedEvent(event, [setting(['delta', 'text'], piece.text)]),
  graft,
  withUsage: (event, more, own) => {
    const value = typed(event)
    const usage = value?.type === 'message_delta' ? objectOf(value.usage) : undefined
    if (usage === undefined || usageOf(usage) === undefined) return event
    return editedEvent(event, usageEdits(usage, more, own))
  },
  prefill,
}

import { asBuffer, textOf } from './bytes.ts'
import { indexValue, type JsonIndex, type Member, type Span } from './index.ts'
import type { Json } from './json.ts'

/** An item that stands for a conversation before it. */
export type CompactionItem = {
  /** Its place in the list. */
  readonly at: number
  /** Decoded; '' when the item has none or it is no string. */
  readonly encrypted: string
}

export type CompactionItems = {
  readonly items: readonly CompactionItem[]
  /** The place of a last item that asks for a compaction; undefined: there is none. */
  readonly trigger: number | undefined
}

export const NO_COMPACTION_ITEMS: CompactionItems = { items: [], trigger: undefined }

/** What providers and clients call it. */
const TYPES: ReadonlySet<Json> = new Set(['compaction', 'compaction_summary', 'context_compaction'])
const TRIGGER = 'compaction_trigger'
/** Every one of these words holds this one. */
const WORD = 'compaction'
/** How a letter of it may be written instead. */
const ESCAPE = '\\u00'

/** No item of these bytes is about compaction: nearly every request. */
const isPlain = (bytes: Buffer): boolean => !bytes.includes(WORD) && !bytes.includes(ESCAPE)

const parsed = (bytes: Uint8Array, { start, end }: Span): Json =>
  JSON.parse(textOf(bytes, start, end)) as Json

/** A nested object may repeat a key: whichever occurrence a parser behind us would read, it is looked at here. */
const valuesOf = (bytes: Uint8Array, members: readonly Member[], key: string): readonly Json[] =>
  members.filter(member => member.key === key).map(member => parsed(bytes, member))

/**
 * The compaction items of the list under a top-level key. A request without any costs a search for one word; the
 * values of the others are not built.
 */
export const compactionItems = ({ bytes, members }: JsonIndex, key: string): CompactionItems => {
  const member = members.get(key)
  if (member === undefined || isPlain(asBuffer(bytes).subarray(member.start, member.end)))
    return NO_COMPACTION_ITEMS
  const list = indexValue(bytes, member)
  if (list?.kind !== 'array') return NO_COMPACTION_ITEMS
  const items: CompactionItem[] = []
  let trigger: number | undefined
  for (const [at, span] of list.elements.entries()) {
    if (isPlain(asBuffer(bytes).subarray(span.start, span.end))) continue
    const item = indexValue(bytes, span)
    if (item?.kind !== 'object') continue
    const types = valuesOf(bytes, item.members, 'type')
    if (types.includes(TRIGGER) && at === list.elements.length - 1) trigger = at
    if (!types.some(type => TYPES.has(type))) continue
    const encrypted = valuesOf(bytes, item.members, 'encrypted_content').find(one => typeof one === 'string')
    items.push({ at, encrypted: typeof encrypted === 'string' ? encrypted : '' })
  }
  return items.length === 0 && trigger === undefined ? NO_COMPACTION_ITEMS : { items, trigger }
}

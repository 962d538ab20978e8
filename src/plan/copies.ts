import { createHash } from 'node:crypto'
import type { JsonIndex } from '../wire/index.ts'
import { boundItems } from '../wire/items.ts'

/** An item of an earlier answer that a call goes on with by its name. */
export type NamedItem = {
  /** Where it stands: the list and the place in it. */
  readonly path: readonly [key: string, at: string]
  readonly id: string
}

const NONE: readonly NamedItem[] = []

export const namedItemsIn = (index: JsonIndex): readonly NamedItem[] => {
  const bound = boundItems(index)
  if (bound.length === 0) return NONE
  return bound
    .filter(({ type }) => type === 'item_reference')
    .map(({ at, id }) => ({ path: ['input', String(at)], id }))
}

/** Nobody but its owner finds it. Long ids are cut where they are remembered. */
export const copyKey = (id: string, owner: string): string => `${owner}\n${id.slice(0, 256)}`

/** The same where it is kept on disk: the name says nothing. */
export const keptCopyKey = (id: string, owner: string): string =>
  `item:${createHash('sha256').update(copyKey(id, owner)).digest('hex')}`

/** An item of an answer, and where else it can be found. */
export type Copy = {
  /** Deployment.boundary of its maker. */
  readonly boundary: string
  /** JSON; of reasoning, which nobody else can use, only what it is. */
  readonly item: string
}

export const REASONING = '{"type":"reasoning"}'

export const writeCopy = ({ boundary, item }: Copy): string => `${boundary}\n${item}`

export const readCopy = (text: string): Copy => {
  const cut = text.indexOf('\n')
  return { boundary: text.slice(0, cut), item: text.slice(cut + 1) }
}

/** Of a copy in memory: long enough for a conversation to be gone on with the next morning. */
export const COPY_TTL_MS = 24 * 3_600_000

/** An image that a model made is longer: it is found at its maker's alone. */
export const LONGEST_COPY = 256 * 1024

import { asBuffer } from './bytes.ts'
import type { Edit } from './edit.ts'
import { indexValue, type JsonIndex, type Span } from './index.ts'
import { skipSpace } from './scan.ts'

/**
 * A document as a tree of slices. It is opened only along the paths that edits name; what stays closed is written
 * back as the bytes it came from, and so is the white space and punctuation of what was opened.
 */

/** Bytes as they are: the client's, or a value's that an edit brought. */
type Leaf = { readonly bytes: Uint8Array; readonly start: number; readonly end: number }

/** `head`: from after the '{', '[' or ',' to the value (key and colon included). `tail`: the white space behind it. */
type Item = { readonly key: string; readonly head: Leaf; value: Node; tail: Leaf }

type Branch = {
  readonly kind: 'object' | 'array'
  readonly open: Leaf
  readonly close: Leaf
  items: Item[]
  /** White space between the brackets when there are no items. */
  inner: Leaf
}

type Node = Leaf | Branch

const leafOf = (text: string): Leaf => {
  const bytes = Buffer.from(text)
  return { bytes, start: 0, end: bytes.length }
}

const NOTHING = leafOf('')

const branchOf = (
  { bytes, start, end }: Leaf,
  kind: Branch['kind'],
  entries: Iterable<Span & { key?: string }>,
): Branch => {
  const items: Item[] = []
  let from = start + 1
  for (const entry of entries) {
    const after = skipSpace(bytes, entry.end)
    items.push({
      key: entry.key ?? '',
      head: { bytes, start: from, end: entry.start },
      value: { bytes, start: entry.start, end: entry.end },
      tail: { bytes, start: entry.end, end: after },
    })
    from = after + 1
  }
  return {
    kind,
    open: { bytes, start, end: start + 1 },
    close: { bytes, start: end - 1, end },
    items,
    inner: { bytes, start: start + 1, end: end - 1 },
  }
}

/** The document's top level, opened from its index. */
export const rootOf = (index: JsonIndex): Branch => branchOf(index, 'object', index.members.values())

/** The node's inside; undefined when it is a scalar. */
const opened = (item: Item): Branch | undefined => {
  if ('kind' in item.value) return item.value
  const inside = indexValue(item.value.bytes, item.value)
  if (inside === undefined) return undefined
  const entries = inside.kind === 'object' ? inside.members : inside.elements
  const branch = branchOf(item.value, inside.kind, entries)
  item.value = branch
  return branch
}

/** A nested object may repeat a key; every occurrence is meant, whichever of them the provider would read. */
const selected = (branch: Branch, key: string): readonly Item[] => {
  if (branch.kind === 'object') return branch.items.filter(item => item.key === key)
  if (key === '*') return branch.items
  const item = /^(?:0|[1-9]\d*)$/.test(key) ? branch.items[Number(key)] : undefined
  return item === undefined ? [] : [item]
}

const remove = (branch: Branch, gone: readonly Item[]): void => {
  const last = branch.items.at(-1)
  const dropped = new Set(gone)
  branch.items = branch.items.filter(item => !dropped.has(item))
  if (last === undefined || !dropped.has(last)) return
  // The white space before the closing bracket stays there, whatever was dropped in front of it.
  const closing = branch.items.at(-1)
  if (closing === undefined) branch.inner = last.tail
  else closing.tail = last.tail
}

/** `key` is undefined for an element of an array. */
const append = (branch: Branch, key: string | undefined, value: string): void => {
  const last = branch.items.at(-1)
  const tail = last?.tail ?? branch.inner
  if (last !== undefined) last.tail = NOTHING
  const name = key === undefined ? ',' : `,${JSON.stringify(key)}:`
  const { bytes, end } = leafOf(name + value)
  const start = Buffer.byteLength(name)
  branch.items.push({
    key: key ?? '',
    head: { bytes, start: 1, end: start },
    value: { bytes, start, end },
    tail,
  })
}

/** One more element at the end of each of these arrays. */
const appendWithin = (items: readonly Item[], value: string): boolean => {
  let changed = false
  for (const item of items) {
    const inside = opened(item)
    if (inside?.kind !== 'array') continue
    append(inside, undefined, value)
    changed = true
  }
  return changed
}

const change = (branch: Branch, edit: Edit, depth: number): boolean => {
  const key = edit.path[depth]
  if (key === undefined) throw new Error(`The edit '${edit.why}' names no path.`)
  const items = selected(branch, key)
  if (depth < edit.path.length - 1) {
    let changed = false
    for (const item of items) {
      const inside = opened(item)
      if (inside !== undefined && change(inside, edit, depth + 1)) changed = true
    }
    return changed
  }
  if (edit.op === 'drop') {
    if (items.length > 0) remove(branch, items)
    return items.length > 0
  }
  if (edit.op === 'append') return appendWithin(items, JSON.stringify(edit.value))
  if (items.length === 0 && branch.kind === 'array') return false
  const text = JSON.stringify(edit.value)
  if (items.length === 0) append(branch, key, text)
  else {
    const value = leafOf(text)
    for (const item of items) item.value = value
  }
  return true
}

/** Makes the edit in the tree; false when nothing in it was meant. */
export const changeTree = (root: Branch, edit: Edit): boolean => change(root, edit, 0)

/** Collects slices; neighbours in the same memory become one segment. */
type Writer = { readonly segments: Uint8Array[]; pending: Leaf }

const flush = (writer: Writer): void => {
  const { bytes, start, end } = writer.pending
  if (start < end) writer.segments.push(asBuffer(bytes).subarray(start, end))
}

const write = (writer: Writer, leaf: Leaf): void => {
  if (leaf.start === leaf.end) return
  const { bytes, start, end } = writer.pending
  if (bytes === leaf.bytes && end === leaf.start) {
    writer.pending = { bytes, start, end: leaf.end }
    return
  }
  flush(writer)
  writer.pending = leaf
}

const writeNode = (writer: Writer, node: Node): void => {
  if (!('kind' in node)) {
    write(writer, node)
    return
  }
  write(writer, node.open)
  if (node.items.length === 0) write(writer, node.inner)
  let first = true
  for (const { head, value, tail } of node.items) {
    // In front of every head but the first there is a comma in its own memory.
    write(writer, first ? head : { ...head, start: head.start - 1 })
    first = false
    writeNode(writer, value)
    write(writer, tail)
  }
  write(writer, node.close)
}

/** The document as segments, with everything around the top-level object. */
export const writeTree = ({ bytes, start, end }: JsonIndex, root: Branch): Uint8Array[] => {
  const writer: Writer = { segments: [], pending: { bytes, start: 0, end: start } }
  writeNode(writer, root)
  write(writer, { bytes, start: end, end: bytes.length })
  flush(writer)
  return writer.segments
}

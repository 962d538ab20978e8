import type { Json, JsonObject } from '../wire/json.ts'
import type { Place } from './config.ts'

/** A YAML value that remembers where it stands. Immutable; aliases and merge keys are already resolved. */
export type Node = ScalarNode | ListNode | MapNode

export type ScalarNode = {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  readonly place: Place
  /** The environment variable this value came from, so that a report can name it instead of showing the value. */
  readonly variable?: string
}
export type ListNode = { readonly kind: 'list'; readonly items: readonly Node[]; readonly place: Place }
export type MapNode = {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, Entry>
  readonly place: Place
}
/** `place` is that of the key, where the eye looks first. */
export type Entry = { readonly key: string; readonly place: Place; readonly value: Node }

/** Python writes None where YAML writes null; people copy both. Neither counts as set. */
export const isUnset = (node: Node | undefined): boolean =>
  node === undefined || (node.kind === 'scalar' && (node.value === null || node.value === 'None'))

/** The entry of a map, or undefined when it is missing, null or None. */
export const entry = (node: Node | undefined, key: string): Entry | undefined => {
  const found = node?.kind === 'map' ? node.entries.get(key) : undefined
  return found && !isUnset(found.value) ? found : undefined
}

export const child = (node: Node | undefined, key: string): Node | undefined => entry(node, key)?.value

export const text = (node: Node | undefined): string | undefined =>
  node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined

/** A null-prototype object: a key called __proto__ is a key like any other. */
export const record = <Value>(pairs: Iterable<readonly [string, Value]>): Record<string, Value> => {
  const made: Record<string, Value> = Object.create(null)
  for (const [key, value] of pairs) made[key] = value
  return made
}

/** The value without its places. */
export const plain = (node: Node): Json => {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  return record([...node.entries.values()].map(each => [each.key, plain(each.value)]))
}

/** The set entries of a map, one level deep, without places. Deeper nulls are values and stay. */
export const settings = (node: Node | undefined): JsonObject =>
  node?.kind === 'map'
    ? record(
        [...node.entries.values()]
          .filter(each => !isUnset(each.value))
          .map(each => [each.key, plain(each.value)]),
      )
    : record([])

/** The deepest place that exists on the way down `path`; a missing key is reported where its map stands. */
export const placeOf = (node: Node, path: readonly PropertyKey[]): Place => {
  let place = node.place
  let here: Node | undefined = node
  for (const step of path) {
    if (here?.kind === 'map') {
      const found: Entry | undefined = here.entries.get(String(step))
      if (!found) return place
      place = found.place
      here = found.value
    } else if (here?.kind === 'list') {
      here = here.items[Number(step)]
      if (!here) return place
      place = here.place
    } else return place
  }
  return place
}

export const emptyMap = (place: Place): MapNode => ({ kind: 'map', entries: new Map(), place })

/** True for a reference to a variable that is not set: written, but without a value. */
export const isUnresolved = (node: Node | undefined): boolean =>
  node?.kind === 'scalar' && node.value === null && node.variable !== undefined

/**
 * `under` fills the keys that `over` does not write. A reference that came to nothing counts as written: a key that
 * somebody named must not be replaced by another one.
 */
export const underlay = (over: MapNode, under: MapNode | undefined): MapNode => {
  if (under === undefined) return over
  const entries = new Map(over.entries)
  for (const [key, below] of under.entries) {
    const above = entries.get(key)
    if (!above || (isUnset(above.value) && !isUnresolved(above.value))) entries.set(key, below)
  }
  return { ...over, entries }
}

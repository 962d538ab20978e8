import { CONTROL_KEYS } from '../../read/controls.ts'
import type { FallbackTable, FallbackTarget } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { checkShape, count, seconds } from '../shapes.ts'
import { type Entry, isUnset, type Node, plain, record, text } from '../tree.ts'
import { z } from '../zod.ts'
import { isLookedUp, type Names } from './names.ts'

/** One written list: the entry and the dotted path it stands under. */
export type Written = { readonly path: readonly PropertyKey[]; readonly entry: Entry }

/** What an entry may say for its own hop. */
const OF_HOP = z.object({
  num_retries: count.nullish(),
  timeout: seconds.nullish(),
  request_timeout: seconds.nullish(),
  stream_timeout: seconds.nullish(),
})

type Reading = { readonly names: Names; readonly report: Report }
/** Values that LiteLLM accepts here and does not use either. */
const OF_CONNECTION = new Set(['api_base', 'base_url', 'api_key', 'api_version', 'organization'])

type Table = Map<string, readonly FallbackTarget[]>

/**
 * `[{source: [target, {model: target, …values}]}]`, or a single target instead of the inner list. An empty list is
 * the same as none, as in LiteLLM: undefined. Every other shape is an error at its place.
 */
export const readFallbacks = (
  written: Written | undefined,
  names: Names,
  report: Report,
): FallbackTable | undefined => {
  if (written === undefined) return undefined
  const { path, entry } = written
  const table: Table = new Map()
  if (entry.value.kind !== 'list') {
    const example =
      entry.value.kind === 'map' ? `- ${[...entry.value.entries.keys()][0] ?? 'a'}: [b]` : '- a: [b]'
    report.error(join(...path), entry.place, `must be a list of one-key maps: write '${example}'`)
    return undefined
  }
  for (const [index, item] of entry.value.items.entries())
    readItem(item, [...path, index], table, { names, report })
  return table.size === 0 ? undefined : table
}

const readItem = (item: Node, path: readonly PropertyKey[], table: Table, reading: Reading): void => {
  const { report, names } = reading
  const pairs = item.kind === 'map' ? [...item.entries.values()] : []
  const [pair] = pairs
  if (pair === undefined || pairs.length !== 1) {
    const mend = pairs.length > 1 ? 'put each source on its own line with its own dash' : "write '- a: [b]'"
    report.error(join(...path), pairs[1]?.place ?? item.place, `must be a map with exactly one key: ${mend}`)
    return
  }
  const source = pair.key.trim()
  const key = join(...path, source)
  if (source !== '*' && !isLookedUp(names, source))
    report.warning(
      key,
      pair.place,
      `no group is called ${source}: this entry is never used.${didYouMean(source, names.groups)}`,
    )
  if (table.has(source)) {
    report.warning(key, pair.place, `${source} has an entry already: only the first one counts`)
    return
  }
  const targets = readTargets(pair.value, [...path, source], reading)
  if (targets.some(target => target.group === source))
    report.warning(key, pair.place, `${source} falls back to itself: that step is skipped`)
  table.set(source, targets)
}

const readTargets = (value: Node, path: readonly PropertyKey[], reading: Reading): FallbackTarget[] => {
  if (value.kind !== 'list') return [readTarget(value, path, reading)].filter(target => target !== undefined)
  return value.items
    .map((item, index) => readTarget(item, [...path, index], reading))
    .filter(target => target !== undefined)
}

const readTarget = (
  node: Node,
  path: readonly PropertyKey[],
  reading: Reading,
): FallbackTarget | undefined => {
  const { report, names } = reading
  const name = node.kind === 'map' ? node.entries.get('model') : undefined
  const group = text(name?.value ?? node)?.trim()
  if (isUnset(node) || group === undefined || group === '') {
    report.error(
      join(...path),
      node.place,
      "must be a group name, or a map with 'model' and values to override",
    )
    return undefined
  }
  if (!names.serves(group)) {
    const place = name?.value.place ?? node.place
    report.error(
      join(...path),
      place,
      `nothing serves ${group}: add it to model_list.${didYouMean(group, names.groups)}`,
    )
    return undefined
  }
  if (node.kind === 'map' && checkShape(OF_HOP, node, path, report) === undefined) return undefined
  const others = node.kind === 'map' ? [...node.entries.values()].filter(each => each.key !== 'model') : []
  for (const each of others) {
    if (OF_CONNECTION.has(each.key))
      report.later(
        join(...path, each.key),
        each.place,
        `a fallback goes to the address and with the key of its group: give ${group} another entry in model_list under a name of its own, and name that here`,
      )
    else if (each.key === 'stream') report.later(join(...path, each.key), each.place, 'The request decides.')
    else if (CONTROL_KEYS.has(each.key) && !(each.key in OF_HOP.shape) && !isUnset(each.value))
      report.later(join(...path, each.key), each.place, 'This key has no effect in a fallback entry.')
  }
  return { group, overrides: record(others.map(each => [each.key, plain(each.value)])) }
}

/** `default_fallbacks: [a, b]`: group names that follow any group without an entry of its own. */
export const readDefaultFallbacks = (
  written: Written | undefined,
  names: Names,
  report: Report,
): readonly FallbackTarget[] => {
  if (written === undefined) return []
  const { path, entry } = written
  if (entry.value.kind !== 'list' && entry.value.kind !== 'scalar') {
    report.error(join(...path), entry.place, 'must be a list of group names')
    return []
  }
  return readTargets(entry.value, path, { names, report })
}

/** LiteLLM appends default_fallbacks as the entry '*'; an earlier '*' wins. */
export const withDefaults = (
  table: FallbackTable | undefined,
  defaults: readonly FallbackTarget[],
  written: Written | undefined,
  report: Report,
): FallbackTable | undefined => {
  if (defaults.length === 0) return table
  if (table?.has('*')) {
    if (written)
      report.warning(
        join(...written.path),
        written.entry.place,
        "fallbacks has an entry '*', which wins: this is never used",
      )
    return table
  }
  return new Map([...(table ?? []), ['*', defaults]])
}

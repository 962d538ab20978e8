import type { FallbackTable, FallbackTarget, RouterSettings } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { type Entry, type MapNode, type Node, text } from '../tree.ts'
import { readKept } from './kept.ts'
import { isLookedUp, type Names } from './names.ts'

const PATH = ['router_settings', 'compaction_model'] as const

type Reading = { readonly names: Names; readonly report: Report }

const readTarget = (
  node: Node,
  path: readonly PropertyKey[],
  { names, report }: Reading,
): FallbackTarget | undefined => {
  const group = text(node)?.trim()
  if (group === undefined || group === '') {
    report.error(join(...path), node.place, 'must be the name of a group')
    return undefined
  }
  if (!names.serves(group)) {
    const hint = didYouMean(group, names.groups)
    report.error(join(...path), node.place, `nothing serves ${group}: add it to model_list.${hint}`)
    return undefined
  }
  return { group, overrides: {}, summarises: true }
}

/** `compaction_model: group`, or a map of groups to such groups where '*' stands for all others. */
export const readCompactionModels = (
  written: Entry | undefined,
  names: Names,
  report: Report,
): FallbackTable | undefined => {
  if (written === undefined) return undefined
  const reading = { names, report }
  const { value, place } = written
  if (value.kind === 'list') {
    report.error(join(...PATH), place, 'must be the name of a group, or a map of groups to such names')
    return undefined
  }
  const table = new Map<string, readonly FallbackTarget[]>()
  const put = (source: string, node: Node, path: readonly PropertyKey[]): void => {
    const target = readTarget(node, path, reading)
    if (target !== undefined) table.set(source, [target])
  }
  if (value.kind === 'scalar') put('*', value, PATH)
  else
    for (const each of value.entries.values()) {
      const source = each.key.trim()
      if (source !== '*' && !isLookedUp(names, source))
        report.warning(
          join(...PATH, source),
          each.place,
          `no group is called ${source}: this entry is never used.${didYouMean(source, names.groups)}`,
        )
      put(source, each.value, [...PATH, source])
    }
  return table.size === 0 ? undefined : table
}

/** Seven days. */
const SHADOW_TTL_MS = 7 * 24 * 3_600_000

/** `compaction_shadow: true`, or a list of groups; with it, how long a copy is kept. */
export const readShadows = (
  router: MapNode,
  ttlMs: number | undefined,
  names: Names,
  report: Report,
): RouterSettings['compactionShadows'] =>
  readKept({ router, key: 'compaction_shadow', names, report }, ttlMs ?? SHADOW_TTL_MS)

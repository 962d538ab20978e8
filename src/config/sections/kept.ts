import type { KeptFor } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { toFlag } from '../shapes.ts'
import { child, isUnset, type MapNode, type Node, text } from '../tree.ts'
import type { Names } from './names.ts'

type Reading = {
  readonly router: MapNode
  readonly key: string
  readonly names: Names
  readonly report: Report
}

const groupsIn = (node: Node, { key, names, report }: Reading): readonly string[] => {
  const path = ['router_settings', key]
  const switched = node.kind === 'scalar' ? toFlag(node.value) : undefined
  if (switched === true) return ['*']
  if (switched === false) return []
  if (node.kind !== 'list') {
    report.error(join(...path), node.place, 'must be true, false or a list of groups')
    return []
  }
  return node.items.flatMap((item, index) => {
    const group = text(item)?.trim() ?? ''
    if (group === '*' || names.serves(group)) return [group]
    const hint = didYouMean(group, names.groups)
    report.error(
      join(...path, index),
      item.place,
      `must be the name of a group, and none is called so.${hint}`,
    )
    return []
  })
}

/** `key: true`, or a list of groups: of whose conversations something is kept, and for how long. undefined: of none. */
export const readKept = (reading: Reading, ttlMs: number): KeptFor | undefined => {
  const node = child(reading.router, reading.key)
  if (node === undefined || isUnset(node)) return undefined
  const groups = new Set(groupsIn(node, reading))
  return groups.size === 0 ? undefined : { groups, ttlMs }
}

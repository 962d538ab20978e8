import type { Hedging, RouterSettings } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { amount, seconds } from '../shapes.ts'
import { child, type Entry, entry, isUnset, type MapNode, type Node, plain, text } from '../tree.ts'
import type { Names } from './names.ts'

/** What a group gets that is named without more. */
const USUAL: Hedging = { after: 'p95', maxPercent: 5 }

const PATH = ['router_settings', 'hedge'] as const
const MEMBERS = ['after', 'max_percent'] as const

type Shape = typeof seconds | typeof amount

/** A number above nothing, or what is said of it otherwise. */
const positive = (
  shape: Shape,
  { key, place, value }: Entry,
  path: readonly PropertyKey[],
  report: Report,
): number | undefined => {
  const result = shape.safeParse(plain(value))
  if (result.success && result.data > 0) return result.data
  const wrong = result.success ? 'must be more than 0' : (result.error.issues[0]?.message ?? 'is wrong')
  const word = key === 'after' ? `${wrong}, or p95` : `${wrong}; leave the group out to hedge nothing of it`
  report.error(join(...path, key), place, word)
  return undefined
}

const readOne = (node: Node, path: readonly PropertyKey[], report: Report): Hedging | undefined => {
  if (node.kind !== 'map') {
    report.error(join(...path), node.place, 'must be a map: {after: p95 or seconds, max_percent: 5}')
    return undefined
  }
  for (const { key, place, value } of node.entries.values())
    if (!isUnset(value) && !MEMBERS.some(member => member === key))
      report.error(
        join(...path, key),
        place,
        `unknown field.${didYouMean(key, MEMBERS) || ` Write one of ${MEMBERS.join(', ')}.`}`,
      )
  const after = entry(node, 'after')
  const share = entry(node, 'max_percent')
  const maxPercent = share === undefined ? USUAL.maxPercent : positive(amount, share, path, report)
  if (maxPercent !== undefined && maxPercent > 100)
    report.error(join(...path, 'max_percent'), share?.place, 'must be 100 or less')
  const learned = after === undefined || text(after.value)?.trim().toLowerCase() === 'p95'
  const ms = learned ? USUAL.after : positive(seconds, after, path, report)
  return ms === undefined || maxPercent === undefined ? undefined : { after: ms, maxPercent }
}

/** router_settings.hedge: group, or `*` for every other one, → how. Undefined: nobody asked for hedges. */
export const readHedges = (router: MapNode, names: Names, report: Report): RouterSettings['hedges'] => {
  const node = child(router, 'hedge')
  if (node === undefined) return undefined
  if (node.kind !== 'map') {
    report.error(join(...PATH), node.place, 'must be a map of group names, or "*", to {after, max_percent}')
    return undefined
  }
  const hedges = new Map<string, Hedging>()
  for (const { key, place, value } of node.entries.values()) {
    if (key !== '*' && !names.serves(key))
      report.warning(join(...PATH, key), place, `no group has this name.${didYouMean(key, names.groups)}`)
    const own = isUnset(value) ? USUAL : readOne(value, [...PATH, key], report)
    if (own !== undefined) hedges.set(key, own)
  }
  return hedges.size === 0 ? undefined : hedges
}

import type { Config } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { flag } from '../shapes.ts'
import { child, type Entry, isUnset, plain, text } from '../tree.ts'
import type { Names } from './names.ts'

const KEY = 'router_settings.model_group_alias'

/** `{alias: group}` or `{alias: {model: group, hidden: true}}`. */
export const readAliases = (written: Entry | undefined, names: Names, report: Report): Config['aliases'] => {
  const aliases = new Map<string, { readonly group: string; readonly hidden: boolean }>()
  if (written === undefined || isUnset(written.value)) return aliases
  if (written.value.kind !== 'map') {
    report.error(KEY, written.place, 'must be a map of alias to group name')
    return aliases
  }
  for (const { key, place, value } of written.value.entries.values()) {
    if (isUnset(value)) continue
    const target = value.kind === 'map' ? child(value, 'model') : value
    const group = text(target)?.trim()
    const hiddenNode = child(value, 'hidden')
    const hidden = flag.safeParse(hiddenNode === undefined ? false : plain(hiddenNode))
    if (group === undefined || group === '' || !hidden.success) {
      report.error(join(KEY, key), place, "must be a group name, or a map with 'model' and 'hidden: true'")
      continue
    }
    if (names.groups.has(key))
      report.warning(join(KEY, key), place, `a group has this name too: the alias hides it`)
    if (!names.serves(group)) {
      const why = written.value.entries.has(group) ? 'is an alias itself: point at its group' : 'is no group'
      report.error(
        join(KEY, key),
        target?.place ?? place,
        `${group} ${why}.${didYouMean(group, names.groups)}`,
      )
      continue
    }
    aliases.set(key, { group, hidden: hidden.data })
  }
  return aliases
}

import { join, type Report } from '../report.ts'
import { isUnset, type Node } from '../tree.ts'

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Tab and visible characters: nothing that could end the header early. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** The connection's own business; a fixed value would break the request. */
const RESERVED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'trailer',
])

export type Header = readonly [name: string, value: string]

/** Header names in lower case with their values, ready for the wire; everything that is not one is an error. */
export const readHeaders = (
  node: Node | undefined,
  path: readonly PropertyKey[],
  report: Report,
): Header[] => {
  if (node === undefined || isUnset(node)) return []
  if (node.kind !== 'map') {
    report.error(join(...path), node.place, 'must be a map of header names to values')
    return []
  }
  const headers: Header[] = []
  for (const { key, place, value } of node.entries.values()) {
    if (isUnset(value)) continue
    const name = key.trim().toLowerCase()
    const written = value.kind === 'scalar' ? String(value.value).trim() : undefined
    const fault = faultOf(name, written)
    if (fault !== undefined) report.error(join(...path, key), place, fault)
    else headers.push([name, written ?? ''])
  }
  return headers
}

const faultOf = (name: string, value: string | undefined): string | undefined => {
  if (!NAME.test(name)) return 'is no header name'
  if (RESERVED.has(name)) return `${name} is set by the gateway: remove it`
  if (value === undefined) return 'must be one value, not a map or a list'
  return VALUE.test(value) ? undefined : 'holds a character that no header value can carry (a line break?)'
}

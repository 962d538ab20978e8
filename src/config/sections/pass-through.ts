import type { PassThroughEndpoint } from '../config.ts'
import { join, type Report } from '../report.ts'
import { checkShape, flag, text } from '../shapes.ts'
import { child, entry, isUnset, type MapNode, type Node } from '../tree.ts'
import { z } from '../zod.ts'
import { readHeaders } from './headers.ts'

const BASE = ['general_settings', 'pass_through_endpoints'] as const

const ENDPOINT = z.object({
  path: text.refine(value => /^\/[^\s?#]*$/.test(value), "must start with '/' and hold no '?', '#' or blank"),
  target: text.refine(isHttp, 'must be an absolute http or https URL'),
  auth: flag.optional(),
  forward_headers: flag.optional(),
  include_subpath: flag.optional(),
})

function isHttp(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
}

const KNOWN = new Set(['path', 'target', 'headers', 'auth', 'forward_headers', 'include_subpath'])

/** Methods under which the gateway itself answers a path. */
export type OwnMethods = (path: string) => readonly string[]

export const readPassThrough = (
  node: Node | undefined,
  report: Report,
  ownMethods: OwnMethods = () => [],
): PassThroughEndpoint[] => {
  if (node === undefined || isUnset(node)) return []
  if (node.kind !== 'list') {
    report.error(join(...BASE), node.place, 'must be a list of endpoints')
    return []
  }
  const endpoints: PassThroughEndpoint[] = []
  for (const [index, item] of node.items.entries()) {
    const path = [...BASE, index]
    if (item.kind !== 'map') {
      report.error(join(...path), item.place, "must be a map with 'path' and 'target'")
      continue
    }
    const endpoint = readEndpoint(item, path, report)
    if (endpoint === undefined) continue
    if (endpoints.some(other => other.path === endpoint.path))
      report.error(join(...path, 'path'), entry(item, 'path')?.place, 'an endpoint above has this path')
    const taken = ownMethods(endpoint.path)
    // As in LiteLLM: the gateway's own routes are looked at first.
    if (taken.length > 0)
      report.warning(
        join(...path, 'path'),
        entry(item, 'path')?.place,
        `${endpoint.path} is a path of the gateway's own: ${taken.join(', ')} there does not reach this endpoint. Give it another path`,
      )
    endpoints.push(endpoint)
  }
  return endpoints
}

const readEndpoint = (
  item: MapNode,
  path: readonly PropertyKey[],
  report: Report,
): PassThroughEndpoint | undefined => {
  const own = checkShape(ENDPOINT, item, path, report)
  const headers = readHeaders(child(item, 'headers'), [...path, 'headers'], report)
  for (const { key, place, value } of item.entries.values())
    if (!KNOWN.has(key) && !isUnset(value))
      report.later(join(...path, key), place, 'This key has no effect yet.')
  if (own === undefined) return undefined
  if (own.auth === undefined)
    report.differs(
      join(...path),
      item.place,
      `${own.path} asks for a key; LiteLLM does not unless auth: true is written. Write auth: false to open it`,
    )
  return {
    path: own.path.length > 1 ? own.path.replace(/\/+$/, '') : own.path,
    target: own.target,
    headers,
    auth: own.auth ?? true,
    forwardHeaders: own.forward_headers ?? false,
    includeSubpath: own.include_subpath ?? false,
  }
}

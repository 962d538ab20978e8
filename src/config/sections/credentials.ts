import { join, type Report } from '../report.ts'
import { child, emptyMap, isUnset, type MapNode, type Node, text } from '../tree.ts'

/** credential_list: name → values, for litellm_params.litellm_credential_name. */
export const readCredentials = (node: Node | undefined, report: Report): ReadonlyMap<string, MapNode> => {
  const credentials = new Map<string, MapNode>()
  if (node === undefined || isUnset(node)) return credentials
  if (node.kind !== 'list') {
    report.error('credential_list', node.place, 'must be a list')
    return credentials
  }
  for (const [index, item] of node.items.entries()) {
    const name = text(child(item, 'credential_name'))?.trim()
    const values = child(item, 'credential_values')
    if (name === undefined || name === '' || (values !== undefined && values.kind !== 'map')) {
      report.error(
        join('credential_list', index),
        item.place,
        "needs 'credential_name' and a map 'credential_values'",
      )
      continue
    }
    if (credentials.has(name)) {
      report.error(join('credential_list', index), item.place, `a credential above is called ${name} too`)
      continue
    }
    credentials.set(name, values ?? emptyMap(item.place))
  }
  return credentials
}

import type { Deployment } from '../config.ts'
import { join, type Report } from '../report.ts'
import { child, isUnset, type MapNode, text } from '../tree.ts'
import { isCatchAll, spread } from './catch-all.ts'
import { type Invalid, makeDeployment, type Workshop } from './deployment.ts'

export type Deployments = {
  /** In file order. */
  readonly all: readonly Deployment[]
  /** By model_name, wildcards included. */
  readonly byName: ReadonlyMap<string, readonly Deployment[]>
  readonly byId: ReadonlyMap<string, Deployment>
  /** Every model_name in the file, those without a working deployment included. */
  readonly written: ReadonlySet<string>
}

/** model_list as deployments. `ignoreInvalid`: one that cannot work is left out while its group has another. */
export const readModelList = (root: MapNode, ignoreInvalid: boolean, workshop: Workshop): Deployments => {
  const { report } = workshop
  const byId = new Map<string, Deployment>()
  const invalid: Invalid[] = []
  const written = new Set<string>()
  for (const [index, node] of spreadOut(listed(root, report), workshop)) {
    const name = text(child(node, 'model_name'))?.trim()
    if (name !== undefined) written.add(name)
    const result = makeDeployment(node, index, workshop)
    if (result.kind === 'invalid') invalid.push(result.invalid)
    if (result.kind !== 'deployment') continue
    const deployment = distinct(result.deployment, index, byId, report)
    byId.set(deployment.id, deployment)
  }
  const all = [...byId.values()]
  const byName = Map.groupBy(all, deployment => deployment.group)
  reportInvalid(invalid, byName, ignoreInvalid, report)
  return { all, byName, byId, written }
}

type Listed = readonly [index: number, node: MapNode]

/** A catch-all is several entries. What stands in the file by its own name comes first. */
const spreadOut = (nodes: readonly Listed[], workshop: Workshop): readonly Listed[] => {
  if (!nodes.some(([, node]) => isCatchAll(node))) return nodes
  const written = new Set(nodes.map(([, node]) => text(child(node, 'model_name'))?.trim() ?? ''))
  return nodes.flatMap(([index, node]): readonly Listed[] =>
    isCatchAll(node) ? spread(node, index, { written, workshop }).map(one => [index, one]) : [[index, node]],
  )
}

const listed = (root: MapNode, report: Report): Listed[] => {
  const written = root.entries.get('model_list')
  const items = written?.value.kind === 'list' ? written.value.items : []
  if (written !== undefined && !isUnset(written.value) && written.value.kind !== 'list') {
    report.error('model_list', written.place, "must be a list: each entry starts with '- model_name:'")
    return []
  }
  if (items.length === 0)
    report.warning('model_list', written?.place ?? root.place, 'no models: every model call will be refused')
  const nodes: Listed[] = []
  for (const [index, item] of items.entries()) {
    if (item.kind === 'map') nodes.push([index, item])
    else
      report.error(
        join('model_list', index),
        item.place,
        "must be a map with 'model_name' and 'litellm_params'",
      )
  }
  return nodes
}

/** Ids tell deployments apart in health, limits and headers, so each has its own. */
const distinct = (
  deployment: Deployment,
  index: number,
  byId: ReadonlyMap<string, Deployment>,
  report: Report,
): Deployment => {
  const twin = byId.get(deployment.id)
  if (twin === undefined) return deployment
  let number = 2
  while (byId.has(`${deployment.id}-${number}`)) number++
  const id = `${deployment.id}-${number}`
  report.warning(
    join('model_list', index),
    deployment.place,
    `same id as the entry in ${twin.place.file}:${twin.place.line}, so this one ends in -${number}. Remove one of them, or give each a model_info.id`,
  )
  return { ...deployment, id, info: { ...deployment.info, id } }
}

const reportInvalid = (
  invalid: readonly Invalid[],
  byName: ReadonlyMap<string, unknown>,
  ignore: boolean,
  report: Report,
): void => {
  for (const { group, key, place, text } of invalid) {
    const left = byName.has(group)
    if (ignore && left)
      report.warning(key, place, `${text}. This deployment is left out; its group has others`)
    else if (ignore)
      report.error(key, place, `${text}. It cannot be left out: no other deployment of ${group} is left`)
    else report.error(key, place, text)
  }
}

import type { Report } from './report.ts'
import { join } from './report.ts'
import { type Entry, isUnset, type MapNode, type Node, type ScalarNode } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'os.environ/'
/** A variable may point at another one; more steps than this is a circle. */
const LONGEST_CHAIN = 8

/** The NAME of a string that is exactly `os.environ/NAME`, surrounding blanks ignored. */
export const referenceOf = (value: string): string | undefined => {
  const trimmed = value.trim()
  if (!trimmed.startsWith(PREFIX)) return undefined
  const name = trimmed.slice(PREFIX.length).trim()
  return name !== '' && !/\s/.test(name) && !name.includes(PREFIX) ? name : undefined
}

const own = (environment: Environment, name: string): string | undefined =>
  Object.hasOwn(environment, name) ? environment[name] : undefined

/** Follows NAME, and the names it may lead to. Undefined when unset or circular. */
export const lookUp = (environment: Environment, name: string): string | undefined => {
  let value = own(environment, name)
  for (let step = 0; step < LONGEST_CHAIN; step++) {
    const next = value === undefined ? undefined : referenceOf(value)
    if (next === undefined) return value
    value = own(environment, next)
  }
  return undefined
}

type Resolving = { readonly environment: Environment; readonly report: Report }

/**
 * Replaces every `os.environ/NAME` at any depth. A missing variable leaves null behind, remembered by name, and a
 * warning; general_settings.master_key is judged by its own rule. After this no string holds the reference any more.
 */
export const resolveReferences = (node: Node, environment: Environment, report: Report): Node =>
  resolve(node, { environment, report }, [])

const resolve = (node: Node, resolving: Resolving, path: readonly PropertyKey[]): Node => {
  if (node.kind === 'scalar') return resolveScalar(node, resolving, path)
  if (node.kind === 'list') {
    const items = node.items
      .map((item, index) => resolve(item, resolving, [...path, index]))
      // A list has no place for an unset member: ['a', unset] is ['a'].
      .filter(item => !(item.kind === 'scalar' && item.value === null && item.variable !== undefined))
    return { ...node, items }
  }
  const entries = new Map<string, Entry>()
  for (const [key, each] of node.entries)
    entries.set(key, { ...each, value: resolve(each.value, resolving, [...path, key]) })
  return { ...node, entries }
}

const MASTER_KEY = 'general_settings.master_key'

const resolveScalar = (node: ScalarNode, resolving: Resolving, path: readonly PropertyKey[]): ScalarNode => {
  if (typeof node.value !== 'string' || !node.value.includes(PREFIX)) return node
  const { environment, report } = resolving
  const key = join(...path)
  const name = referenceOf(node.value)
  if (name === undefined) return resolveInside(node, resolving, path)
  const value = lookUp(environment, name)
  const usable = value !== undefined && value.trim() !== ''
  if (usable && !value.includes(PREFIX)) return { ...node, value: value.trim(), variable: name }
  if (key !== MASTER_KEY) {
    const why =
      value === undefined
        ? 'is not set'
        : usable
          ? 'leads to a reference that cannot be followed'
          : 'is empty'
    report.warning(key, node.place, `environment variable ${name} ${why}, so this counts as not written`)
  }
  return { ...node, value: key === MASTER_KEY && value !== undefined ? value.trim() : null, variable: name }
}

const isHeader = (path: readonly PropertyKey[]): boolean =>
  path.some((step, index) => index < path.length - 1 && (step === 'headers' || step === 'extra_headers'))

/** 'Bearer os.environ/NAME' is understood in header values, as LiteLLM's documentation writes it; nowhere else. */
const resolveInside = (node: ScalarNode, resolving: Resolving, path: readonly PropertyKey[]): ScalarNode => {
  const key = join(...path)
  if (key.includes('model_info')) return node
  if (!isHeader(path)) {
    resolving.report.error(
      key,
      node.place,
      `${PREFIX}NAME works only as the whole value: put the whole text in one variable`,
    )
    return { ...node, value: null }
  }
  const missing: string[] = []
  const names: string[] = []
  const value = String(node.value).replace(/os\.environ\/([A-Za-z_][A-Za-z0-9_]*)/g, (_, name: string) => {
    names.push(name)
    const found = lookUp(resolving.environment, name)
    if (found === undefined || found.trim() === '') missing.push(name)
    return found?.trim() ?? ''
  })
  const variable = names.join(', ')
  if (missing.length === 0 && !value.includes(PREFIX)) return { ...node, value, variable }
  const which =
    missing.length > 0 ? `environment variable ${missing.join(', ')} is not set` : 'a reference has no name'
  resolving.report.warning(key, node.place, `${which}, so this header is not sent`)
  return { ...node, value: null, variable }
}

/** A copy of the environment with the file's environment_variables on top; each may use the ones before it. */
export const withVariables = (
  environment: Environment,
  section: Node | undefined,
  report: Report,
): Environment => {
  const result: Record<string, string | undefined> = { ...environment }
  if (section === undefined || isUnset(section)) return result
  if (section.kind !== 'map') {
    report.error('environment_variables', section.place, 'must be a map: NAME: value')
    return result
  }
  for (const [name, each] of (section as MapNode).entries) {
    const key = join('environment_variables', name)
    if (isUnset(each.value)) continue
    if (each.value.kind !== 'scalar') {
      report.error(key, each.place, 'must be one value, not a map or a list')
      continue
    }
    const written = String(each.value.value)
    const reference = referenceOf(written)
    const value = reference === undefined ? written : lookUp(result, reference)
    if (value === undefined)
      report.warning(
        key,
        each.place,
        `environment variable ${reference} is not set, so ${name} is left as it was`,
      )
    else if (value.includes(PREFIX))
      report.error(
        key,
        each.place,
        `${PREFIX}NAME works only as the whole value: put the whole text in one variable`,
      )
    else result[name] = value
  }
  return result
}

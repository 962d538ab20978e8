import type { Config, Deployment, FallbackTable, FallbackTarget } from '../config/config.ts'
import { KNOWN_PROVIDERS, providerOfBareName } from '../config/names.ts'
import { compilePattern } from '../config/sections/patterns.ts'
import type { Candidate } from './wish.ts'

/** What a name in a request stands for. */
export type Resolved = {
  /**
   * The group's own name, for fallbacks, access and texts: an alias's target, the requested name for a wildcard
   * (every instance of `openai/*` is a group of its own), the deployment's group when it was named by id.
   */
  readonly group: string
  /** In file order, blocked ones left out; empty when the name is known and all of it is blocked. */
  readonly candidates: readonly Candidate[]
  /** The alias that was asked for. */
  readonly viaAlias: string | undefined
  /** One deployment was asked for by its id. */
  readonly byId: boolean
}

/** null: no deployment answers to the name. */
type Names = Map<string, Resolved | null>

const MOST_NAMES = 1000
/** A longer name is looked up exactly, but neither matched against wildcards nor remembered. */
const LONGEST_NAME = 512
const EVERYTHING = '*'

const remembered = new WeakMap<Config, Names>()

const namesOf = (config: Config): Names => {
  const known = remembered.get(config)
  if (known !== undefined) return known
  const names: Names = new Map()
  remembered.set(config, names)
  return names
}

/**
 * Deployments behind a name: a deployment's id, an alias, a group, a wildcard group, the group `*`, or the exact
 * litellm_params.model of a deployment, in that order. undefined: nothing answers to this name.
 */
export const resolveGroup = (name: string, config: Config): Resolved | undefined => {
  const names = namesOf(config)
  const known = names.get(name)
  if (known !== undefined) return known ?? undefined
  const resolved = resolve(name, config)
  if (name.length > LONGEST_NAME) return resolved
  if (names.size >= MOST_NAMES) {
    const oldest = names.keys().next()
    if (!oldest.done) names.delete(oldest.value)
  }
  names.set(name, resolved ?? null)
  return resolved
}

const resolve = (name: string, config: Config): Resolved | undefined => {
  const deployment = config.byId.get(name)
  if (deployment !== undefined) {
    return { group: deployment.group, candidates: asWritten([deployment]), viaAlias: undefined, byId: true }
  }
  const target = config.aliases.get(name)?.group
  const group = target ?? name
  const candidates = members(group, config)
  if (candidates === undefined) return undefined
  return { group, candidates, viaAlias: target === undefined ? undefined : name, byId: false }
}

const members = (group: string, config: Config): readonly Candidate[] | undefined => {
  const exact = config.groups.get(group)
  if (exact !== undefined && exact.length > 0) return asWritten(exact)
  const matched = fromPatterns(group, config)
  if (matched !== undefined) return matched
  const defaults = config.groups.get(EVERYTHING)
  if (defaults !== undefined) return defaults.filter(isOpen).map(one => filled(one, [group], group))
  const written = config.deployments.filter(one => one.litellmModel === group)
  return written.length > 0 ? asWritten(written) : undefined
}

const isOpen = (deployment: Deployment): boolean => !deployment.info.blocked

const asWritten = (deployments: readonly Deployment[]): readonly Candidate[] =>
  deployments.filter(isOpen).map(deployment => ({ deployment, model: deployment.upstreamModel }))

const fromPatterns = (name: string, config: Config): readonly Candidate[] | undefined => {
  if (name.length > LONGEST_NAME || config.patterns.length === 0) return undefined
  return firstPattern(name, config) ?? firstPattern(withProvider(name), config)
}

const firstPattern = (name: string | undefined, config: Config): readonly Candidate[] | undefined => {
  if (name === undefined) return undefined
  for (const { pattern, deployments } of config.patterns) {
    const match = pattern.exec(name)
    if (match?.index !== 0) continue
    return deployments.filter(isOpen).map(one => filled(one, match.slice(1), name))
  }
  return undefined
}

/** `gpt-4.1` as `openai/gpt-4.1`: a bare name whose provider LiteLLM's price list knows. */
const withProvider = (name: string): string | undefined => {
  const provider = name.includes('/') ? undefined : providerOfBareName(name)
  return provider === undefined ? undefined : `${provider}/${name}`
}

/** Captured pieces fill the target's `*` in order; more pieces than `*` means the requested name as a whole. */
const filled = (deployment: Deployment, pieces: readonly string[], requested: string): Candidate => {
  const { upstreamModel, provider } = deployment
  const holes = upstreamModel.split('*').length - 1
  if (holes === 0) return { deployment, model: upstreamModel }
  if (pieces.length > holes) {
    const prefix = `${provider.name}/`
    return { deployment, model: requested.startsWith(prefix) ? requested.slice(prefix.length) : requested }
  }
  // A replacer function: a piece comes from the client and may hold `$&`.
  const model = pieces.reduce((name, piece) => name.replace('*', () => piece), upstreamModel)
  return { deployment, model }
}

type Source = { readonly pattern: RegExp; readonly targets: readonly FallbackTarget[] }

const sources = new WeakMap<FallbackTable, readonly Source[]>()

const signs = (name: string): number => name.replaceAll(/[^*+?\\^$|()]/g, '').length

/** Wildcard keys of a fallback list, the longest and then the most special first. */
const wildcardSources = (table: FallbackTable): readonly Source[] => {
  const known = sources.get(table)
  if (known !== undefined) return known
  const made = [...table]
    .filter(([name]) => name.includes('*') && name !== EVERYTHING)
    .sort(([one], [other]) => other.length - one.length || signs(other) - signs(one))
    .map(([name, targets]) => ({ pattern: compilePattern(name), targets }))
  sources.set(table, made)
  return made
}

const firstOf = <T>(names: readonly string[], look: (name: string) => T | undefined): T | undefined => {
  for (const name of names) {
    const found = look(name)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * The targets a fallback list names for a group: the entry for the name as requested (an alias has its own), for the
 * real group, for the name with or without its provider prefix, for a wildcard that covers it (a bare name that it
 * serves, too), for `*`.
 * undefined: the list has no entry, or there is no list.
 */
export const fallbacksFor = (
  table: FallbackTable | undefined,
  requested: string,
  group: string,
  config: Config,
): readonly FallbackTarget[] | undefined => {
  if (table === undefined || table.size === 0) return undefined
  const names = requested === group ? [group] : [requested, group]
  const withoutPrefix = (name: string) => {
    const slash = name.indexOf('/')
    return slash > 0 && KNOWN_PROVIDERS.has(name.slice(0, slash))
      ? table.get(name.slice(slash + 1))
      : undefined
  }
  // A group's own providers; of a bare name that a wildcard serves, the provider under which it serves it.
  const prefixed = (name: string): readonly string[] => {
    const own = config.groups.get(name)
    const served = own === undefined ? withProvider(name) : undefined
    const provided = [...new Set(own?.map(one => one.provider.name))].map(provider => `${provider}/${name}`)
    return served === undefined ? provided : [served]
  }
  const withPrefix = (name: string) => firstOf(prefixed(name), whole => table.get(whole))
  const covered = (name: string) => {
    if (name.length > LONGEST_NAME) return undefined
    const spellings = config.groups.has(name) ? [name] : [name, ...prefixed(name)]
    return firstOf(
      spellings,
      spelling => wildcardSources(table).find(source => source.pattern.test(spelling))?.targets,
    )
  }
  return (
    firstOf(names, name => table.get(name)) ??
    firstOf(names, withoutPrefix) ??
    firstOf(names, withPrefix) ??
    firstOf(names, covered) ??
    table.get(EVERYTHING)
  )
}

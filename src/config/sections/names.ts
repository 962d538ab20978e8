import { compilePattern, isPattern } from './patterns.ts'

/** What a model name in the file may refer to. */
export type Names = {
  /** model_name values, wildcards included. */
  readonly groups: ReadonlySet<string>
  /** A group, a deployment id, or a name that a wildcard serves. */
  readonly serves: (name: string) => boolean
}

export const makeNames = (groups: ReadonlySet<string>, ids: ReadonlySet<string>): Names => {
  const patterns = [...groups].filter(isPattern).map(compilePattern)
  return {
    groups,
    serves: name => groups.has(name) || ids.has(name) || patterns.some(pattern => pattern.test(name)),
  }
}

export const withAliases = (names: Names, aliases: ReadonlyMap<string, unknown>): Names => ({
  groups: new Set([...names.groups, ...aliases.keys()]),
  serves: name => aliases.has(name) || names.serves(name),
})

/** May an entry for `name` ever be looked up? A group is also looked up without its provider prefix. */
export const isLookedUp = (names: Names, name: string): boolean =>
  names.serves(name) ||
  [...names.groups].some(group => {
    const bare = group.slice(group.indexOf('/') + 1)
    return bare === name || (bare.includes('*') && compilePattern(bare).test(name))
  })

import { providerOfBareName } from '../names.ts'
import type { Deployments } from './model-list.ts'
import { compilePattern, isPattern } from './patterns.ts'

/** What a model name in the file may refer to. */
export type Names = {
  /** model_name values, wildcards included. */
  readonly groups: ReadonlySet<string>
  /** A group, a deployment id, an exact litellm_params.model, or a name that a wildcard serves: `gpt-4.1` by `openai/*`, too. */
  readonly serves: (name: string) => boolean
}

export const makeNames = ({ written, all }: Deployments): Names => {
  const exact = new Set([...written, ...all.flatMap(each => [each.id, each.litellmModel])])
  const patterns = [...written].filter(isPattern).map(compilePattern)
  const matches = (name: string): boolean => patterns.some(pattern => pattern.test(name))
  const matchesBare = (name: string): boolean => {
    const provider = name.includes('/') ? undefined : providerOfBareName(name)
    return provider !== undefined && matches(`${provider}/${name}`)
  }
  return {
    groups: written,
    serves: name => exact.has(name) || matches(name) || matchesBare(name),
  }
}

export const withAliases = (names: Names, aliases: ReadonlyMap<string, unknown>): Names => ({
  groups: new Set([...names.groups, ...aliases.keys()]),
  serves: name => aliases.has(name) || names.serves(name),
})

const bare = (name: string): string => name.slice(name.indexOf('/') + 1)

/**
 * May an entry for `name` ever be looked up? A group is also looked up with and without its provider prefix, and an
 * entry with a star covers the groups it matches.
 */
export const isLookedUp = (names: Names, name: string): boolean => {
  if (names.serves(name) || names.serves(bare(name))) return true
  const covers = isPattern(name) ? compilePattern(name) : undefined
  return [...names.groups].some(
    group =>
      bare(group) === name ||
      covers?.test(group) === true ||
      (isPattern(bare(group)) && compilePattern(bare(group)).test(name)),
  )
}

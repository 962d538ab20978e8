import type { Deployment } from '../config/config.ts'
import { type Left, tagsForbid } from './select-nothing.ts'
import type { Candidate, Wish } from './wish.ts'

/**
 * Tag routing as LiteLLM's newest (router_strategy/tag_based_routing.py): `!tag` excludes, `&tag` requires, a plain
 * tag matches; tag_regex is searched in `User-Agent: <value>`; deployments tagged `default` serve who asks for nothing.
 */
export type TagRules = {
  readonly enabled: boolean
  readonly matchAny: boolean
  /** Every deployment of the group, the unavailable ones too: what the group's tags are does not change with health. */
  readonly group: readonly Candidate[]
}

/** A client chooses its user agent; an operator's expression need not read all of a long one. */
const LONGEST_USER_AGENT = 512

type Asked = {
  readonly plain: readonly string[]
  readonly required: readonly string[]
  readonly excluded: readonly string[]
}

const read = (tags: readonly string[]): Asked => {
  const marked = (mark: string) =>
    tags.filter(tag => tag.startsWith(mark) && tag.length > 1).map(tag => tag.slice(1))
  const plain = tags.filter(tag => !tag.startsWith('!') && !tag.startsWith('&'))
  return { plain, required: marked('&'), excluded: marked('!') }
}

const expressions = new WeakMap<Deployment, readonly RegExp[]>()

const compile = (written: string): readonly RegExp[] => {
  try {
    // A leading (?i) is how the expression says "any case" in a LiteLLM file.
    return [written.startsWith('(?i)') ? new RegExp(written.slice(4), 'i') : new RegExp(written)]
  } catch {
    // LiteLLM skips an expression that does not compile.
    return []
  }
}

const expressionsOf = (deployment: Deployment): readonly RegExp[] => {
  const known = expressions.get(deployment)
  if (known !== undefined) return known
  const made = deployment.tagRegex.flatMap(compile)
  expressions.set(deployment, made)
  return made
}

const matches = (
  deployment: Deployment,
  plain: readonly string[],
  agent: string,
  matchAny: boolean,
): boolean => {
  const carries = (tag: string) => deployment.tags.includes(tag)
  const tagged = plain.length > 0 && (matchAny ? plain.some(carries) : plain.every(carries))
  if (tagged) return true
  // Under the strict rule an expression does not get round the tags a deployment has.
  if (agent === '' || (!matchAny && deployment.tags.length > 0)) return false
  return expressionsOf(deployment).some(expression => expression.test(agent))
}

const isDefault = ({ deployment }: Candidate): boolean => deployment.tags.includes('default')

const orAll = (some: readonly Candidate[], all: readonly Candidate[]): readonly Candidate[] =>
  some.length > 0 ? some : all

/** model_info.enable_tag_filtering of the group's first deployment that sets it, else the router's setting. */
const isEnabled = ({ enabled, group }: TagRules): boolean => {
  for (const { deployment } of group) {
    const own = deployment.info.raw.enable_tag_filtering
    if (typeof own === 'boolean') return own
  }
  return enabled
}

export const tagged = (candidates: readonly Candidate[], wish: Wish, rules: TagRules): Left<Candidate> => {
  if (candidates.length === 0 || !isEnabled(rules)) return candidates
  const { plain, required, excluded } = read(wish.tags)
  const allows = ({ deployment: { tags } }: Candidate) => !excluded.some(tag => tags.includes(tag))
  const meets = ({ deployment: { tags } }: Candidate) => required.every(tag => tags.includes(tag))
  const agent = wish.userAgent === '' ? '' : `User-Agent: ${wish.userAgent.slice(0, LONGEST_USER_AGENT)}`
  const narrowed = candidates.filter(one => allows(one) && meets(one))
  const agentDecides =
    agent !== '' && required.length === 0 && narrowed.some(({ deployment }) => deployment.tagRegex.length > 0)

  if (plain.length > 0 || agentDecides) {
    const matched = narrowed.filter(({ deployment }) => matches(deployment, plain, agent, rules.matchAny))
    if (matched.length > 0) return matched
    // A tag that the group knows is a demand: it is not met by the default deployments instead.
    const known = plain.some(tag => rules.group.some(({ deployment }) => deployment.tags.includes(tag)))
    const defaults = known ? [] : narrowed.filter(isDefault)
    // A user agent that no expression knows is refused too, unless a deployment is tagged default.
    return defaults.length > 0 ? defaults : tagsForbid(wish)
  }
  if (required.length > 0) return narrowed.length > 0 ? narrowed : tagsForbid(wish)
  const pool = orAll(candidates.filter(isDefault), candidates).filter(allows)
  return pool.length > 0 ? pool : tagsForbid(wish)
}

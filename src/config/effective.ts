import { fallbacksFor } from '../plan/resolve.ts'
import type { Config, Deployment, ExceptionPolicy, FallbackTable, Hedging, RouterSettings } from './config.ts'

/**
 * What will happen for each group, with every default spelled out: deployments, retries, fallback chain, cooldown.
 * An operator reads here, before the first failure, what the gateway will do about it.
 */
export const renderPlan = (config: Config): string => {
  const names = [...config.groups.keys(), ...patternNames(config)]
  if (names.length === 0) return 'No models.\n'
  const blocks = names.map(name => renderGroup(config, name))
  const aliases = [...config.aliases].map(
    ([alias, { group, hidden }]) => `${alias} → ${group}${hidden ? ' (hidden)' : ''}`,
  )
  if (aliases.length > 0) blocks.push(`aliases\n${aliases.map(line => `  ${line}`).join('\n')}`)
  return `${blocks.join('\n\n')}\n`
}

/** One line a group: how many deployments, how often each is tried, who steps in. At most `most` lines. */
export const renderOutline = (config: Config, most: number): string => {
  const names = [...config.groups.keys(), ...patternNames(config)]
  const shown = names.slice(0, most)
  const width = Math.max(0, ...shown.map(name => name.length))
  const lines = shown.map(name => {
    const steps = stepsOf(config, config.router.fallbacks, name)
    const parts = [
      plural(membersOf(config, name).length, 'deployment'),
      config.router.numRetries === 0 ? 'no retries' : `up to ${plural(config.router.numRetries, 'retry')}`,
      steps.length === 0 ? 'no fallback' : `then ${steps.map(step => `→ ${step}`).join(' ')}`,
    ]
    return `${name.padEnd(width)}  ${parts.join(', ')}\n`
  })
  const rest = names.length - shown.length
  return `${lines.join('')}${rest > 0 ? `and ${plural(rest, 'more group')}\n` : ''}`
}

const plural = (number: number, word: string): string => {
  if (number === 1) return `1 ${word}`
  return `${number} ${word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`}`
}

const patternNames = (config: Config): string[] =>
  config.patterns.map(({ deployments }) => deployments[0]?.group ?? '').filter(name => name !== '')

const membersOf = (config: Config, name: string): readonly Deployment[] =>
  config.groups.get(name) ??
  config.patterns.find(({ deployments }) => deployments[0]?.group === name)?.deployments ??
  []

const renderGroup = (config: Config, name: string): string => {
  const { router } = config
  const members = membersOf(config, name)
  const rows: (readonly [label: string, text: string])[] = [
    ['retries', retries(router, name)],
    ['fallbacks', chain(config, router.fallbacks, name)],
  ]
  if (router.contextWindowFallbacks)
    rows.push(['too long', chain(config, router.contextWindowFallbacks, name, true)])
  if (router.contentPolicyFallbacks)
    rows.push(['refused', chain(config, router.contentPolicyFallbacks, name, true)])
  const hedging = router.hedges?.get(name) ?? router.hedges?.get('*')
  if (hedging !== undefined) rows.push(['hedge', hedge(hedging)])
  rows.push(['cooldown', cooldown(router, members.length)], ['timeout', timeout(config)])
  return [
    `${name}  (${members.length === 1 ? '1 deployment' : `${members.length} deployments`}, ${router.strategy})`,
    ...members.map(member => `  ${describe(member)}`),
    ...rows.map(([label, text]) => `  ${label.padEnd(10)} ${text}`),
  ].join('\n')
}

const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`

const describe = (deployment: Deployment): string => {
  const facts = [
    deployment.order === undefined ? '' : `order ${deployment.order}`,
    deployment.weight === undefined ? '' : `weight ${deployment.weight}`,
    deployment.rpm === undefined ? '' : `rpm ${deployment.rpm}`,
    deployment.tpm === undefined ? '' : `tpm ${deployment.tpm}`,
    deployment.numRetries === undefined ? '' : `retries ${deployment.numRetries}`,
    !deployment.timeoutMs ? '' : `timeout ${seconds(deployment.timeoutMs)}`,
    deployment.cooldownMs === undefined ? '' : `cooldown ${seconds(deployment.cooldownMs)}`,
    deployment.info.blocked ? 'blocked' : '',
    deployment.mockResponse === undefined ? '' : 'mock',
  ].filter(fact => fact !== '')
  const id = deployment.id.length > 12 ? deployment.id.slice(0, 12) : deployment.id
  return [`${id.padEnd(12)}  ${deployment.provider.name}/${deployment.upstreamModel}`, facts.join(', ')]
    .filter(part => part !== '')
    .join('  ')
}

const policy = (numbers: ExceptionPolicy): string =>
  Object.entries(numbers)
    .map(([name, number]) => `${name} ${number}`)
    .join(', ')

const hedge = ({ after, maxPercent }: Hedging): string =>
  `after ${after === 'p95' ? 'p95' : seconds(after)}, at most ${maxPercent} % of the requests`

const retries = (router: RouterSettings, name: string): string => {
  const own = router.modelGroupRetryPolicy.get(name) ?? router.retryPolicy
  const base = router.numRetries === 0 ? 'none' : `up to ${router.numRetries}`
  return own === undefined ? base : `${base}; ${policy(own)}`
}

/**
 * The groups in the order they are tried: each target brings its own fallbacks, none is visited twice, and
 * max_fallbacks bounds the depth.
 */
const stepsOf = (config: Config, table: FallbackTable | undefined, name: string): readonly string[] => {
  const visited = new Set([name])
  const follow = (from: string, depth: number): void => {
    if (depth >= config.router.maxFallbacks) return
    for (const { group } of fallbacksFor(table, from, config.aliases.get(from)?.group ?? from, config) ??
      []) {
      if (visited.has(group)) continue
      visited.add(group)
      follow(group, depth + 1)
    }
  }
  follow(name, 0)
  return [...visited].slice(1)
}

/** A typed list that lacks the group means no fallback at all. */
const chain = (config: Config, table: FallbackTable | undefined, name: string, typed = false): string => {
  const steps = stepsOf(config, table, name)
  if (steps.length === 0) return typed ? 'none: the list has no entry for this group' : 'none'
  return steps.map(step => `→ ${step}`).join(' ')
}

/** Without one of LiteLLM's keys. */
const ownCooldown = ({ failover }: RouterSettings, members: number): string => {
  const { failures, baseMs, longestMs } = failover.softCooldown
  const hard = `401, 402 and no such model ${seconds(failover.hardCooldownMs)}`
  if (members === 1) return `429 as long as asked; ${hard}; nothing else`
  const growing = `${seconds(baseMs)}, doubling up to ${seconds(longestMs)}`
  return `${growing}, after ${failures} failures in a row or when over half of at least 5 calls a minute fail; 429 at least ${seconds(baseMs)}; ${hard}`
}

const cooldown = (router: RouterSettings, members: number): string => {
  if (router.disableCooldowns) return 'never'
  if (!router.litellmCooldowns) return ownCooldown(router, members)
  const time = seconds(router.cooldownMs)
  if (router.allowedFailsPolicy)
    return `${time} after more failures than allowed: ${policy(router.allowedFailsPolicy)}`
  if (router.allowedFails !== undefined) return `${time} after more than ${router.allowedFails} failures`
  const hard = '401 and 404 at once'
  return members > 1
    ? `${time}; 429, ${hard}, otherwise when over half of at least 5 calls a minute fail`
    : `${time}; ${hard}, otherwise only when all of at least 1000 calls a minute fail`
}

const timeout = ({ router, litellm }: Config): string => {
  const whole = router.timeoutMs || litellm.requestTimeoutMs
  // A limit of 0 says nothing: the next one holds.
  const stream = router.streamTimeoutMs || undefined
  return stream === undefined ? seconds(whole) : `${seconds(whole)}, streams ${seconds(stream)}`
}

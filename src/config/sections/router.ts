import type { output } from 'zod'
import type { PreCallCheck, RouterSettings, RoutingStrategy } from '../config.ts'
import type { Environment } from '../env.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { checkShape, choice, count, flag, object, seconds, text, texts } from '../shapes.ts'
import { child, entry, type MapNode } from '../tree.ts'
import { z } from '../zod.ts'
import { readCompactionModels, readShadows } from './compaction.ts'
import { readFailover, warnOfCap } from './failover.ts'
import { readDefaultFallbacks, readFallbacks, type Written, withDefaults } from './fallbacks.ts'
import { readHedges } from './hedging.ts'
import { readKept } from './kept.ts'
import type { Names } from './names.ts'
import { PHASE_KEYS, readPhases } from './phases.ts'
import { ALLOWED_FAILS_FIELDS, RETRY_FIELDS, readGroupPolicies, readPolicy } from './policies.ts'

const STRATEGIES: ReadonlySet<string> = new Set<RoutingStrategy>([
  'simple-shuffle',
  'least-busy',
  'usage-based-routing',
  'usage-based-routing-v2',
  'latency-based-routing',
  'cost-based-routing',
  'p2c',
])

const CHECKS: ReadonlySet<string> = new Set<PreCallCheck>([
  'prompt_caching',
  'router_budget_limiting',
  'responses_api_deployment_check',
  'deployment_affinity',
  'session_affinity',
  'forward_client_headers_by_model_group',
  'enforce_model_rate_limits',
  'encrypted_content_affinity',
])

/** A day: a provider that takes the parameter now is found out by the next one. */
const LEARNED_FOR_MS = 86_400_000
/** As long as OpenAI keeps a response. */
const TRANSCRIPT_TTL_MS = 30 * 24 * 3_600_000

const isStrategy = (word: string): word is RoutingStrategy => STRATEGIES.has(word)
const isCheck = (word: string): word is PreCallCheck => CHECKS.has(word)

/** Keys that may stand in litellm_settings too. */
const SHARED = z.object({
  num_retries: count.optional(),
  allowed_fails: count.optional(),
  cooldown_time: seconds.optional(),
  max_fallbacks: count.optional(),
})

const ROUTER = SHARED.extend({
  routing_strategy: text.optional(),
  routing_strategy_args: object.optional(),
  retry_after: seconds.optional(),
  timeout: seconds.optional(),
  stream_timeout: seconds.optional(),
  ...PHASE_KEYS,
  stream_recovery: choice('on', 'splice_only', 'off').optional(),
  disable_cooldowns: flag.optional(),
  learn_unsupported_params: flag.optional(),
  learned_params_ttl_seconds: seconds.optional(),
  fallback_on_content_policy: flag.optional(),
  compaction_shadow_ttl: seconds.optional(),
  transcripts_ttl: seconds.optional(),
  fetch_transcripts: flag.optional(),
  mirror_conversations: flag.optional(),
  enable_pre_call_checks: flag.optional(),
  optional_pre_call_checks: texts.optional(),
  deployment_affinity_ttl_seconds: seconds.optional(),
  enable_tag_filtering: flag.optional(),
  tag_filtering_match_any: flag.optional(),
  default_max_parallel_requests: count.optional(),
})

const FROM_ENVIRONMENT = {
  ROUTER_MAX_FALLBACKS: count,
  DEFAULT_COOLDOWN_TIME_SECONDS: seconds,
  DEFAULT_ALLOWED_FAILS: count,
  REQUEST_TIMEOUT: seconds,
  LITELLM_DROP_PARAMS: flag,
} as const
type Variable = keyof typeof FROM_ENVIRONMENT

/** A setting from the environment; unset or empty is undefined, nonsense is an error. */
export const fromEnvironment = <Name extends Variable>(
  name: Name,
  environment: Environment,
  report: Report,
): output<(typeof FROM_ENVIRONMENT)[Name]> | undefined => {
  const value = Object.hasOwn(environment, name) ? environment[name]?.trim() : undefined
  if (value === undefined || value === '') return undefined
  const result = FROM_ENVIRONMENT[name].safeParse(value)
  if (result.success) return result.data as output<(typeof FROM_ENVIRONMENT)[Name]>
  report.error(
    name,
    undefined,
    `environment variable ${name} ${result.error.issues[0]?.message ?? 'is wrong'}`,
  )
  return undefined
}

export type RouterSources = {
  readonly router: MapNode
  readonly litellm: MapNode
  readonly environment: Environment
  readonly names: Names
  /** The longest limit of one attempt that stands elsewhere in the file, milliseconds. */
  readonly longestLimitMs: number
  readonly report: Report
}

/** LiteLLM's keys and variables that say how deployments rest. */
const COOLDOWN_KEYS = ['allowed_fails', 'allowed_fails_policy', 'cooldown_time', 'disable_cooldowns'] as const
const COOLDOWN_VARIABLES = ['DEFAULT_COOLDOWN_TIME_SECONDS', 'DEFAULT_ALLOWED_FAILS'] as const

const isWritten = (section: MapNode, key: string): boolean => entry(section, key) !== undefined

/** Whoever writes one of them, the default included, has asked for LiteLLM's rules. */
const asksForCooldowns = ({ router, litellm, environment }: RouterSources): boolean =>
  COOLDOWN_KEYS.some(key => isWritten(router, key)) ||
  (['allowed_fails', 'cooldown_time'] as const).some(key => isWritten(litellm, key)) ||
  COOLDOWN_VARIABLES.some(name => (environment[name]?.trim() ?? '') !== '')

/** router_settings over litellm_settings over the environment over LiteLLM's defaults. 0 and false are values. */
export const readRouter = (sources: RouterSources): RouterSettings => {
  const { router, litellm, environment, report } = sources
  const own = checkShape(ROUTER, router, ['router_settings'], report) ?? {}
  const shared = checkShape(SHARED, litellm, ['litellm_settings'], report) ?? {}
  const variable = <Name extends Variable>(name: Name) => fromEnvironment(name, environment, report)
  const failover = readFailover(router, Math.max(sources.longestLimitMs, own.timeout ?? 0), report)
  const numRetries = own.num_retries ?? shared.num_retries ?? 2
  warnOfCap(router, { numRetries, failover }, report)
  return {
    strategy: readStrategy(own.routing_strategy, router, report),
    strategyArgs: own.routing_strategy_args ?? {},
    numRetries,
    retryAfterMs: own.retry_after ?? 0,
    timeoutMs: own.timeout,
    streamTimeoutMs: own.stream_timeout,
    phases: readPhases(own),
    streamRecovery: own.stream_recovery ?? 'on',
    allowedFails: readAllowedFails(own.allowed_fails ?? shared.allowed_fails, sources),
    allowedFailsPolicy: readPolicy(
      child(router, 'allowed_fails_policy'),
      ALLOWED_FAILS_FIELDS,
      ['router_settings', 'allowed_fails_policy'],
      report,
    ),
    retryPolicy: readPolicy(
      child(router, 'retry_policy'),
      RETRY_FIELDS,
      ['router_settings', 'retry_policy'],
      report,
    ),
    modelGroupRetryPolicy: readGroupRetries(sources),
    hedges: readHedges(router, sources.names, report),
    cooldownMs:
      own.cooldown_time ?? shared.cooldown_time ?? variable('DEFAULT_COOLDOWN_TIME_SECONDS') ?? 5000,
    disableCooldowns: own.disable_cooldowns ?? false,
    litellmCooldowns: asksForCooldowns(sources),
    failover,
    learning:
      own.learn_unsupported_params === false
        ? undefined
        : { ttlMs: own.learned_params_ttl_seconds ?? LEARNED_FOR_MS },
    maxFallbacks: own.max_fallbacks ?? shared.max_fallbacks ?? variable('ROUTER_MAX_FALLBACKS') ?? 5,
    ...readFallbackLists(sources),
    fallbackOnContentPolicy: own.fallback_on_content_policy ?? false,
    compactionModels: readCompactionModels(entry(router, 'compaction_model'), sources.names, report),
    compactionShadows: readShadows(router, own.compaction_shadow_ttl, sources.names, report),
    transcripts: readKept(
      { router, key: 'transcripts', names: sources.names, report },
      own.transcripts_ttl ?? TRANSCRIPT_TTL_MS,
    ),
    fetchTranscripts: own.fetch_transcripts ?? true,
    mirrorConversations: own.mirror_conversations ?? false,
    enablePreCallChecks: own.enable_pre_call_checks ?? false,
    optionalPreCallChecks: readChecks(own.optional_pre_call_checks ?? [], router, report),
    affinityTtlMs: own.deployment_affinity_ttl_seconds ?? 3_600_000,
    enableTagFiltering: own.enable_tag_filtering ?? false,
    tagFilteringMatchAny: own.tag_filtering_match_any ?? true,
    defaultMaxParallelRequests: own.default_max_parallel_requests,
  }
}

const readStrategy = (written: string | undefined, router: MapNode, report: Report): RoutingStrategy => {
  if (written === undefined || isStrategy(written)) return written ?? 'simple-shuffle'
  const hint = didYouMean(written, STRATEGIES) || ` Write one of ${[...STRATEGIES].join(', ')}.`
  report.error(
    'router_settings.routing_strategy',
    entry(router, 'routing_strategy')?.place,
    `there is no such strategy.${hint}`,
  )
  return 'simple-shuffle'
}

/** LiteLLM's library default; the same number in the file is not told apart from it. */
const DEFAULT_ALLOWED_FAILS = 3

const readAllowedFails = (value: number | undefined, sources: RouterSources): number | undefined => {
  const unset =
    fromEnvironment('DEFAULT_ALLOWED_FAILS', sources.environment, sources.report) ?? DEFAULT_ALLOWED_FAILS
  if (value !== unset) return value
  const [section, written] = entry(sources.router, 'allowed_fails')
    ? (['router_settings', entry(sources.router, 'allowed_fails')] as const)
    : (['litellm_settings', entry(sources.litellm, 'allowed_fails')] as const)
  sources.report.differs(
    join(section, 'allowed_fails'),
    written?.place,
    `${unset} is the same as not writing it: failures are judged by their share of the traffic. Any other number is counted`,
  )
  return undefined
}

const readGroupRetries = ({
  router,
  names,
  report,
}: RouterSources): RouterSettings['modelGroupRetryPolicy'] => {
  const path = ['router_settings', 'model_group_retry_policy'] as const
  const node = child(router, 'model_group_retry_policy')
  const policies = readGroupPolicies(node, path, report)
  for (const group of policies.keys())
    if (!names.serves(group))
      report.warning(
        join(...path, group),
        entry(node, group)?.place,
        `no group has this name.${didYouMean(group, names.groups)}`,
      )
  return policies
}

const readChecks = (words: readonly string[], router: MapNode, report: Report): ReadonlySet<PreCallCheck> => {
  const place = entry(router, 'optional_pre_call_checks')?.place
  const items = child(router, 'optional_pre_call_checks')
  for (const [index, word] of words.entries()) {
    const key = join('router_settings', 'optional_pre_call_checks', index)
    const at = (items?.kind === 'list' ? items.items[index]?.place : undefined) ?? place
    if (word === 'router_budget_limiting')
      report.later(key, at, 'Budgets are not enforced yet: spending is NOT limited.')
    if (word === 'forward_client_headers_by_model_group')
      report.later(
        key,
        at,
        'Use general_settings.forward_client_headers_to_llm_api; no header is forwarded by group yet.',
      )
    if (!isCheck(word)) {
      const hint = didYouMean(word, CHECKS) || ` Write one of ${[...CHECKS].join(', ')}.`
      report.error(key, at, `there is no such check.${hint}`)
    }
  }
  return new Set(words.filter(isCheck))
}

type FallbackLists = Pick<
  RouterSettings,
  'fallbacks' | 'contextWindowFallbacks' | 'contentPolicyFallbacks' | 'defaultFallbacks'
>

/** The written entry of a key that may stand in either section. */
const either = ({ router, litellm }: RouterSources, key: string): Written | undefined => {
  const own = entry(router, key)
  if (own) return { path: ['router_settings', key], entry: own }
  const shared = entry(litellm, key)
  return shared && { path: ['litellm_settings', key], entry: shared }
}

const readFallbackLists = (sources: RouterSources): FallbackLists => {
  const { names, report } = sources
  const list = (key: string) => readFallbacks(either(sources, key), names, report)
  const written = either(sources, 'default_fallbacks')
  const defaults = readDefaultFallbacks(written, names, report)
  return {
    fallbacks: withDefaults(list('fallbacks'), defaults, written, report),
    contextWindowFallbacks: list('context_window_fallbacks'),
    contentPolicyFallbacks: list('content_policy_fallbacks'),
    defaultFallbacks: defaults.map(target => target.group),
  }
}

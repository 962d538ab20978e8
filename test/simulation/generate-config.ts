import type { Json, JsonObject } from '../../src/wire/json.ts'
import type { Chance } from './chance.ts'
import { MASTER_KEY } from './client.ts'

/** A configuration: one to five groups of one to four deployments, and settings that are mostly unset. */

type Door = { readonly host: string; readonly model: string }

const maybe = (chance: Chance, share: number, value: () => Json): Json | undefined =>
  chance.percent(share) ? value() : undefined

const without = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  )

/** Where a deployment leads: mostly a provider of its own, sometimes one that others use with the same key. */
const doorFor = (chance: Chance, doors: readonly Door[]): Door => {
  const number = doors.length + 1
  const known = doors.length === 0 ? undefined : chance.pick(doors)
  if (known !== undefined && chance.percent(15)) return known
  if (known !== undefined && chance.percent(12)) return { host: known.host, model: `m${number}` }
  return { host: `u${number}`, model: `m${number}` }
}

const ownParams = (chance: Chance, flavour: Flavour): JsonObject =>
  without({
    order: flavour.ordered ? maybe(chance, 70, () => chance.int(1, 3)) : undefined,
    weight: maybe(chance, 20, () => chance.int(0, 3)),
    max_parallel_requests: maybe(chance, 15, () => chance.int(1, 2)),
    timeout: maybe(chance, 15, () => chance.pick([0.5, 2, 10])),
    stream_timeout: maybe(chance, 10, () => chance.pick([0.5, 2])),
    num_retries: maybe(chance, 10, () => chance.int(0, 3)),
    cooldown_time: flavour.guessed ? undefined : maybe(chance, 15, () => chance.pick([0, 1, 20, 120])),
    tags: flavour.tagged ? [chance.pick(['red', 'blue', 'default'])] : undefined,
    rpm: flavour.limited ? maybe(chance, 50, () => chance.int(1, 5)) : undefined,
    temperature: maybe(chance, 10, () => 0.25),
    extra_body: maybe(chance, 5, () => ({ top_k: 5 })),
    additional_drop_params: maybe(chance, 5, () => ['seed']),
    input_cost_per_token: maybe(chance, 40, () => 0.000001),
    output_cost_per_token: undefined,
  })

const ownInfo = (chance: Chance, { guessed }: Flavour): JsonObject =>
  without({
    allowed_fails: guessed ? undefined : maybe(chance, 8, () => chance.int(0, 2)),
    cooldown_time: guessed ? undefined : maybe(chance, 5, () => chance.pick([1, 30])),
    supports_assistant_prefill: maybe(chance, 20, () => true),
    base_model: maybe(chance, 15, () => 'text-embedding-3-small'),
    max_input_tokens: maybe(chance, 25, () => chance.pick([4000, 100_000])),
  })

/** What a configuration is about, decided once. */
type Flavour = {
  readonly ordered: boolean
  readonly tagged: boolean
  readonly limited: boolean
  /** Nobody has written how long a deployment rests: what keeps it away is a guess, and one that comes soon. */
  readonly guessed: boolean
}

const deploymentsOf = (
  chance: Chance,
  groups: readonly string[],
  flavour: Flavour,
): readonly JsonObject[] => {
  const doors: Door[] = []
  return groups.flatMap(group =>
    Array.from({ length: chance.int(1, chance.percent(30) ? 4 : 2) }, (): JsonObject => {
      const door = doorFor(chance, doors)
      doors.push(door)
      const price = ownParams(chance, flavour)
      const params: JsonObject = {
        model: `openai/${door.model}`,
        api_base: `http://${door.host}.sim/v1`,
        api_key: `sk-sim-${door.host}`,
        ...price,
        ...(price.input_cost_per_token === undefined ? {} : { output_cost_per_token: 0.000002 }),
      }
      return {
        model_name: group,
        litellm_params: params,
        model_info: { id: `d${doors.length}`, ...ownInfo(chance, flavour) },
      }
    }),
  )
}

const targetOf = (chance: Chance, groups: readonly string[], ids: readonly string[]): Json => {
  if (chance.percent(4)) return chance.pick(ids)
  const group = chance.pick(groups)
  return chance.percent(6) ? { model: group, temperature: 0.75 } : group
}

/** Any group may lead to any, itself included: cycles are wanted. */
const listOf = (chance: Chance, groups: readonly string[], ids: readonly string[]): Json =>
  chance.some(groups, 1, groups.length).map(group => ({
    [group]: Array.from({ length: chance.int(1, 3) }, () => targetOf(chance, groups, ids)),
  }))

const retryPolicy = (chance: Chance): JsonObject =>
  without({
    RateLimitErrorRetries: maybe(chance, 50, () => chance.int(0, 3)),
    TimeoutErrorRetries: maybe(chance, 50, () => chance.int(0, 2)),
    InternalServerErrorRetries: maybe(chance, 50, () => chance.int(0, 3)),
    BadRequestErrorRetries: maybe(chance, 30, () => chance.int(0, 1)),
    AuthenticationErrorRetries: maybe(chance, 30, () => chance.int(0, 1)),
  })

const failsPolicy = (chance: Chance): JsonObject =>
  without({
    RateLimitErrorAllowedFails: maybe(chance, 50, () => chance.int(0, 3)),
    TimeoutErrorAllowedFails: maybe(chance, 50, () => chance.int(0, 2)),
    InternalServerErrorAllowedFails: maybe(chance, 50, () => chance.int(0, 2)),
  })

/** Soon beside the usual 40 ms, so that some are made; late enough for most to be answered without. */
const hedgeOf = (chance: Chance, groups: readonly string[]): JsonObject => ({
  [chance.percent(60) ? '*' : chance.pick(groups)]: {
    after: chance.pick([0.02, 0.05, 0.3, 2, 'p95']),
    max_percent: chance.pick([5, 50, 100, 100]),
  },
})

const STRATEGIES = [
  'simple-shuffle',
  'least-busy',
  'usage-based-routing-v2',
  'latency-based-routing',
  'cost-based-routing',
  'p2c',
]

const writtenRests = (chance: Chance): JsonObject =>
  without({
    cooldown_time: maybe(chance, 50, () => chance.pick([0, 1, 5, 30, 60])),
    disable_cooldowns: maybe(chance, 5, () => true),
    allowed_fails: maybe(chance, 25, () => chance.int(0, 2)),
    allowed_fails_policy: maybe(chance, 10, () => failsPolicy(chance)),
    soft_cooldown_failures: maybe(chance, 8, () => chance.int(1, 2)),
  })

/** Everybody rests soon, nobody else can be asked, and who comes then mostly waits until somebody is back. */
const queueOf = (chance: Chance): Readonly<Record<string, Json | undefined>> => ({
  allowed_fails: 0,
  cooldown_time: chance.pick([1, 5, 10]),
  fallbacks: undefined,
  default_fallbacks: undefined,
  wait_for_cooldown_seconds: chance.pick([2, 10, 10, 100]),
  cooldown_queue_size: maybe(chance, 40, () => chance.int(0, 3)),
  default_priority: maybe(chance, 20, () => chance.int(0, 2)),
})

const routerOf = (
  chance: Chance,
  groups: readonly string[],
  ids: readonly string[],
  flavour: Flavour,
): JsonObject =>
  without({
    num_retries: maybe(chance, 70, () => Number(chance.weigh({ 0: 3, 1: 4, 2: 2, 3: 1 }))),
    retry_after: maybe(chance, 10, () => chance.pick([0.2, 1])),
    timeout: maybe(chance, 60, () => chance.pick([0.5, 1, 5, 30])),
    stream_timeout: maybe(chance, 20, () => chance.pick([0.5, 3])),
    ...(flavour.guessed ? { soft_cooldown_failures: 1 } : writtenRests(chance)),
    retry_policy: maybe(chance, 12, () => retryPolicy(chance)),
    model_group_retry_policy: maybe(chance, 8, () => ({ [chance.pick(groups)]: retryPolicy(chance) })),
    total_timeout: maybe(chance, 12, () => chance.pick([0.7, 3, 20])),
    connect_timeout: maybe(chance, 4, () => chance.pick([0.5, 20])),
    header_timeout: maybe(chance, 5, () => chance.pick([0, 0.5, 3])),
    first_token_timeout: maybe(chance, 6, () => chance.pick([0, 0.6, 3])),
    idle_timeout: maybe(chance, 5, () => chance.pick([0.5, 3])),
    attempt_timeout: maybe(chance, 5, () => chance.pick([0.7, 5])),
    stream_recovery: maybe(chance, 15, () => chance.pick(['off', 'splice_only'])),
    max_attempts: maybe(chance, 6, () => chance.int(1, 4)),
    retry_budget_min: maybe(chance, 5, () => chance.int(0, 2)),
    soft_cooldown_time: maybe(chance, 8, () => chance.pick([0, 2, 60])),
    hard_cooldown_time: maybe(chance, 5, () => chance.pick([0, 20])),
    cooldown_panic_percent: flavour.guessed ? undefined : maybe(chance, 5, () => chance.pick([0, 100])),
    disable_cooldown_probes: maybe(chance, 5, () => true),
    max_fallbacks: maybe(chance, 15, () => chance.int(0, 3)),
    fallbacks: maybe(chance, 65, () => listOf(chance, groups, ids)),
    default_fallbacks: maybe(chance, 20, () => chance.some(groups, 1, 2)),
    context_window_fallbacks: maybe(chance, 20, () => listOf(chance, groups, ids)),
    content_policy_fallbacks: maybe(chance, 20, () => listOf(chance, groups, ids)),
    fallback_on_content_policy: maybe(chance, 15, () => true),
    model_group_alias: maybe(chance, 15, () => ({ alias: chance.pick(groups) })),
    routing_strategy: maybe(chance, 40, () => chance.pick(STRATEGIES)),
    hedge: maybe(chance, 25, () => hedgeOf(chance, groups)),
    default_max_parallel_requests: maybe(chance, 10, () => chance.int(1, 3)),
    parallel_queue_size: maybe(chance, 5, () => chance.int(0, 2)),
    enable_tag_filtering: flavour.tagged ? true : undefined,
    optional_pre_call_checks: maybe(chance, 10, () => ['deployment_affinity']),
    enable_pre_call_checks: maybe(chance, 10, () => true),
    slow_start_seconds: maybe(chance, 8, () => chance.pick([2, 30])),
    ...(chance.percent(15) ? queueOf(chance) : {}),
  })

export const generateConfig = (chance: Chance): JsonObject => {
  const groups = Array.from({ length: chance.int(1, chance.percent(35) ? 5 : 3) }, (_, at) => `g${at + 1}`)
  const flavour = {
    ordered: chance.percent(30),
    tagged: chance.percent(8),
    limited: chance.percent(8),
    guessed: chance.percent(25),
  }
  const model_list = deploymentsOf(chance, groups, flavour)
  const ids = model_list.map(entry => String((entry.model_info as JsonObject).id))
  const router_settings = routerOf(chance, groups, ids, flavour)
  const general_settings = without({
    master_key: MASTER_KEY,
    always_include_stream_usage: maybe(chance, 10, () => true),
  })
  return { model_list, router_settings, general_settings }
}

/** The same file after an operator has been at it: a deployment less, another address, other settings. */
export const changedConfig = (chance: Chance, config: JsonObject): JsonObject => {
  const list = config.model_list as readonly JsonObject[]
  const used = new Set(list.map(entry => entry.model_name))
  const what = chance.weigh({ less: 2, moved: 2, settings: 3, more: 2 })
  const at = chance.int(0, list.length - 1)
  const entry = list[at] as JsonObject
  const params = entry.litellm_params as JsonObject
  const named = JSON.stringify(config.router_settings).includes(
    `"${String((entry.model_info as JsonObject).id)}"`,
  )
  if (what === 'less' && !named && list.filter(one => one.model_name === entry.model_name).length > 1)
    return { ...config, model_list: list.filter((_, place) => place !== at) }
  if (what === 'moved') {
    const moved = {
      ...entry,
      litellm_params: { ...params, api_base: 'http://u77.sim/v1', api_key: 'sk-sim-u77' },
    }
    return { ...config, model_list: list.map((one, place) => (place === at ? moved : one)) }
  }
  if (what === 'more') {
    const added = {
      model_name: chance.pick([...used]) as string,
      litellm_params: { model: 'openai/m88', api_base: 'http://u88.sim/v1', api_key: 'sk-sim-u88' },
      model_info: { id: 'd88' },
    }
    return {
      ...config,
      model_list: [...list.filter(one => (one.model_info as JsonObject).id !== 'd88'), added],
    }
  }
  const router = config.router_settings as JsonObject
  return {
    ...config,
    router_settings: { ...router, num_retries: chance.int(0, 3), cooldown_time: chance.pick([1, 10]) },
  }
}

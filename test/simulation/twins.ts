import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { chanceOf } from './chance.ts'
import type { SimClient } from './client.ts'
import type { EndpointName } from './endpoints.ts'
import type { World } from './facts.ts'
import { generate } from './generate.ts'
import { type RunOptions, run } from './run.ts'
import type { Act, ClientScript, Scenario, Upstream } from './scenario.ts'
import { eventsIn, isStreamOf, recordOf } from './views.ts'

/** Invariants over two plays of one schedule: what must not make a difference makes none. */
export type Twin = {
  readonly name: string
  /** What makes no difference, as a sentence. */
  readonly sentence: string
  /** The two plays of a seed, and what is compared of each. */
  readonly plays: (seed: number) => readonly [Scenario, Scenario]
  readonly account: (world: World) => readonly string[]
}

const withActs = (scenario: Scenario, change: (act: Act, at: number) => Act): Scenario => {
  let at = 0
  const changed = (upstream: Upstream): Upstream => ({
    acts: upstream.acts.map(act => change(act, at++)),
    ...(upstream.outage === undefined
      ? {}
      : { outage: { ...upstream.outage, act: change(upstream.outage.act, at++) } }),
  })
  const upstreams = Object.fromEntries(
    Object.entries(scenario.upstreams).map(([name, upstream]) => [name, changed(upstream)]),
  )
  return { ...scenario, upstreams }
}

const withClients = (
  scenario: Scenario,
  change: (client: ClientScript, at: number) => ClientScript,
): Scenario => ({
  ...scenario,
  clients: scenario.clients.map(change),
})

const leaving = <T extends object, Key extends keyof T>(object: T, ...keys: readonly Key[]): Omit<T, Key> =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !keys.includes(name as Key))) as Omit<T, Key>

const pathOf = (world: World, client: SimClient): string =>
  (recordOf(world, client)?.steps ?? [])
    .map(step => `${step.deployment} ${step.outcome} +${step.startedMs}`)
    .join(', ')

/** Everything a client hears, event by event. Ids in answers are numbers of hits, so they are alike too. */
const heardBy = (world: World, client: SimClient): string => {
  const record = recordOf(world, client)
  const text = client.heard?.body ?? ''
  const body = isStreamOf(client) ? eventsIn(text).events.map(({ name, data }) => [name, data]) : text
  return JSON.stringify([
    client.index,
    client.heard?.status,
    body,
    record?.usage,
    record?.end,
    pathOf(world, client),
  ])
}

const splitApart: Twin = {
  name: 'splitsMakeNoDifference',
  sentence:
    'Events, content, usage and the way of a request do not depend on how the bytes were split, or on the newlines.',
  plays: seed => {
    const chance = chanceOf(seed + 0.5)
    const scenario = generate(seed)
    // A slow reader counts writes, and an event that is split is written when it is whole.
    const even = withClients(
      withActs(scenario, act => leaving(act, 'split', 'newline') as Act),
      client => leaving(client, 'slow'),
    )
    const uneven = withActs(even, act => ({
      ...act,
      split: chance.int(1, 7),
      newline: chance.pick(['\n', '\r\n', '\r'] as const),
    }))
    return [even, uneven]
  },
  account: world => world.clients.map(client => heardBy(world, client)),
}

/**
 * Endpoints that may cross to any group, with all the same words for the gateway. Not so a count: behind everybody stands
 * the gateway's own, so that nobody is waited for.
 */
const FREE: readonly EndpointName[] = [
  'chat',
  'completions',
  'moderations',
  'images',
  'speech',
  'rerank',
  'responses',
  'compact',
]
const STREAMING: ReadonlySet<EndpointName> = new Set(['chat', 'completions', 'images', 'speech', 'responses'])

/** Acts that mean the same to every endpoint: what happens before the first byte, and whole answers at one moment. */
const endpointless = (act: Act): Act => {
  const pace = { ...(act.head === undefined ? {} : { head: act.head }), first: 0, gap: 0 }
  if (act.act === 'refuse')
    return { act: 'refuse', error: act.error, ...(act.wait === undefined ? {} : { wait: act.wait }), ...pace }
  if (act.act === 'break') return { ...act, ...pace }
  return act.act === 'hang' ? { act: 'hang', at: 'head' } : { act: 'answer', ...pace }
}

const lacking = (object: JsonObject, keys: ReadonlySet<string>): JsonObject =>
  Object.fromEntries(
    Object.entries(object)
      .filter(([key]) => !keys.has(key))
      .map(([key, value]) => [key, deepLacking(value, keys)]),
  )

const deepLacking = (value: Json, keys: ReadonlySet<string>): Json => {
  if (Array.isArray(value)) return (value as readonly Json[]).map(item => deepLacking(item, keys))
  return isObject(value) ? lacking(value, keys) : value
}

/** Settings that are about streams, prompts or tokens, which differ between endpoints; nor is every endpoint hedged. */
const ABOUT_ENDPOINTS = new Set([
  'stream_timeout',
  'header_timeout',
  'first_token_timeout',
  'idle_timeout',
  'attempt_timeout',
  'routing_strategy',
  'enable_pre_call_checks',
  'always_include_stream_usage',
  'temperature',
  'extra_body',
  'additional_drop_params',
  'hedge',
])

const APART_MS = 50_000_000

const bare = (seed: number, settings: ReadonlySet<string>): Scenario => {
  const scenario = generate(seed)
  const reloads = scenario.reloads.map(reload =>
    typeof reload.config === 'string' ? reload : { ...reload, config: lacking(reload.config, settings) },
  )
  const plain = { ...scenario, config: lacking(scenario.config, settings), reloads }
  const acts = withActs(overConfigs(plain, patient), endpointless)
  return withClients(acts, (client, at) => {
    const { controls, ...rest } = leaving(client, 'slow', 'follows', 'stream', 'leaves')
    return {
      ...rest,
      // One after the other: what happens at one moment has no order that would be worth keeping, and chance has one.
      at: client.at + at * APART_MS,
      endpoint: 'chat',
      ...(controls === undefined ? {} : { controls: lacking(controls, settings) }),
    }
  })
}

const endpointsApart: Twin = {
  name: 'endpointsAndStreamsGoTheSameWay',
  sentence:
    'Streams and documents, and every endpoint that may cross, take the same way for the same faults.',
  plays: seed => {
    const chance = chanceOf(seed + 0.25)
    const chats = bare(seed, ABOUT_ENDPOINTS)
    // Where a route is missing a compaction has another way.
    const lacks = JSON.stringify(chats.upstreams).includes('"no_route"')
    const free = lacks ? FREE.filter(endpoint => endpoint !== 'compact') : FREE
    const others = withClients(chats, client => {
      const endpoint = chance.pick(free)
      return {
        ...client,
        endpoint,
        ...(STREAMING.has(endpoint) && chance.percent(60) ? { stream: true as const } : {}),
      }
    })
    return [chats, others]
  },
  account: world =>
    world.clients.map(
      client =>
        `${client.index}: ${client.heard?.status} ${recordOf(world, client)?.error?.class ?? ''} ${pathOf(world, client)}`,
    ),
}

const SCOPED = new Set([
  'num_retries',
  'retry_policy',
  'model_group_retry_policy',
  'timeout',
  'stream_timeout',
])

type Scope = (scenario: Scenario, retries: number) => Scenario

const overEntries = (config: JsonObject, change: (params: JsonObject) => JsonObject): JsonObject => ({
  ...config,
  model_list: (config.model_list as readonly JsonObject[]).map(entry => ({
    ...entry,
    litellm_params: change(entry.litellm_params as JsonObject),
  })),
})

const overConfigs = (scenario: Scenario, change: (config: JsonObject) => JsonObject): Scenario => ({
  ...scenario,
  config: change(scenario.config),
  reloads: scenario.reloads.map(reload =>
    typeof reload.config === 'string' ? reload : { ...reload, config: change(reload.config) },
  ),
})

/** Streams have a limit of their own for the first token; documents have none. */
const patient = (config: JsonObject): JsonObject => ({
  ...config,
  router_settings: { ...(config.router_settings as JsonObject), first_token_timeout: 0 },
})

/** The places where a number of retries and a limit can be written. */
const SCOPES: readonly Scope[] = [
  (scenario, retries) =>
    overConfigs(scenario, config => ({
      ...config,
      router_settings: { ...(config.router_settings as JsonObject), num_retries: retries },
    })),
  (scenario, retries) =>
    overConfigs(scenario, config => overEntries(config, params => ({ ...params, num_retries: retries }))),
  (scenario, retries) =>
    withClients(scenario, client => ({ ...client, controls: { ...client.controls, num_retries: retries } })),
  (scenario, retries) =>
    withClients(scenario, client => ({
      ...client,
      headers: { ...client.headers, 'x-litellm-num-retries': String(retries) },
    })),
]

const scopesApart: Twin = {
  name: 'scopesGoTheSameWay',
  sentence:
    'A number of retries means the same in the router, in every deployment, in a body and in a header.',
  plays: seed => {
    const chance = chanceOf(seed + 0.75)
    const plain = withClients(bare(seed, new Set([...ABOUT_ENDPOINTS, ...SCOPED])), client =>
      leaving(client, 'headers'),
    )
    const retries = chance.int(0, 3)
    const [one, other] = chance.some(SCOPES, 2, 2) as readonly [Scope, Scope]
    return [one(plain, retries), other(plain, retries)]
  },
  account: endpointsApart.account,
}

export const TWINS: readonly Twin[] = [splitApart, endpointsApart, scopesApart]

/** What the two plays of a seed differ in; empty: nothing. `options` may break one part of both. */
export const compare = async (
  twin: Twin,
  seed: number,
  options: RunOptions = {},
): Promise<readonly string[]> => {
  const [one, other] = twin.plays(seed)
  const first = twin.account((await run(one, options)).world)
  const second = twin.account((await run(other, options)).world)
  return first.flatMap((line, at) => (line === second[at] ? [] : [`${line}\n  ${second[at] ?? 'nothing'}`]))
}

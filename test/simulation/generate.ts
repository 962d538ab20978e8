import type { Json, JsonObject } from '../../src/wire/json.ts'
import { type Chance, chanceOf, given } from './chance.ts'
import { ENDPOINTS, type EndpointName } from './endpoints.ts'
import { ERROR_NAMES, type ErrorName, type WaitForm } from './errors.ts'
import { entriesOf } from './facts.ts'
import { changedConfig, generateConfig } from './generate-config.ts'
import type { Act, ClientScript, Reload, Scenario, Upstream } from './scenario.ts'

/** Errors that a provider can put behind a 200. */
const INSIDE: readonly ErrorName[] = [
  'rate_limit',
  'quota',
  'server',
  'overloaded',
  'window',
  'content',
  'bad_request',
]

const waitOf = (chance: Chance): WaitForm => ({
  form: chance.weigh({ seconds: 4, date: 2, milliseconds: 2, reset: 2, garbage: 1 }),
  ms: chance.pick([0, 400, 1500, 4000, 20_000, 90_000]),
})

const refusalOf = (chance: Chance): Act => {
  const error = chance.percent(40)
    ? chance.pick(['rate_limit', 'server', 'overloaded'] as const)
    : chance.pick(ERROR_NAMES)
  const waits = ['rate_limit', 'overloaded', 'server', 'quota', 'busy'].includes(error)
  return given({
    act: 'refuse' as const,
    error,
    wait: waits && chance.percent(50) ? waitOf(chance) : undefined,
  })
}

const answerOf = (chance: Chance): Act => {
  const bulk = chance.percent(12) ? chance.pick([400, 3000]) : undefined
  return given({
    act: 'answer' as const,
    pieces: bulk !== undefined ? chance.int(4, 12) : chance.percent(30) ? chance.int(1, 12) : undefined,
    words: chance.percent(40) ? ('same' as const) : undefined,
    bulk,
    tools: chance.percent(8) ? (true as const) : undefined,
    silent: chance.percent(8) ? (true as const) : undefined,
  })
}

const faultOf = (chance: Chance): Act => {
  switch (chance.weigh({ refuse: 9, break: 4, hang: 3, cut: 4, fail_inside: 4, garble: 2 })) {
    case 'refuse':
      return refusalOf(chance)
    case 'break':
      return {
        act: 'break',
        fault: chance.pick(['dns', 'refused', 'tls', 'connect_timeout', 'reset', 'protocol'] as const),
        sent: chance.percent(50),
      }
    case 'hang':
      return { act: 'hang', at: chance.pick(['head', 'first', 'middle'] as const) }
    case 'cut':
      return given({
        act: 'cut' as const,
        after: chance.int(0, 3),
        how: chance.pick(['end', 'reset'] as const),
        words: chance.percent(50) ? ('same' as const) : undefined,
      })
    case 'fail_inside':
      return {
        act: 'fail_inside',
        error: chance.pick(INSIDE),
        after: chance.percent(50) ? 0 : chance.int(1, 3),
      }
    case 'garble':
      return { act: 'garble', what: chance.pick(['html', 'not_json', 'empty', 'wrong_type'] as const) }
  }
}

/** Mostly quick; sometimes so slow that a limit may come first. */
const paced = (chance: Chance, act: Act): Act => ({
  ...act,
  ...given({
    head: chance.percent(20) ? chance.pick([0, 300, 1200, 6000]) : undefined,
    first: chance.percent(15) ? chance.pick([0, 700, 3000]) : undefined,
    gap: chance.percent(15) ? chance.pick([0, 200, 1500]) : undefined,
    split: chance.percent(12) ? chance.int(1, 9) : undefined,
    newline: chance.percent(8) ? chance.pick(['\r\n', '\r'] as const) : undefined,
  }),
})

/** One that is asked too often, and names another time in every answer. */
const limitOf = (chance: Chance): Act => ({ act: 'refuse', error: 'rate_limit', wait: waitOf(chance) })

const upstreamOf = (chance: Chance): Upstream => {
  const limited = chance.percent(12)
  const acts = Array.from({ length: chance.int(limited ? 2 : 0, 6) }, () => {
    const fault = limited ? limitOf : faultOf
    return paced(chance, chance.percent(35) ? answerOf(chance) : fault(chance))
  })
  if (!chance.percent(25)) return { acts }
  const from = chance.int(0, 10_000)
  return {
    acts,
    outage: { from, until: from + chance.pick([500, 5000, 40_000]), act: paced(chance, faultOf(chance)) },
  }
}

const ENDPOINT_WEIGHTS: Readonly<Record<EndpointName, number>> = {
  chat: 30,
  chat_by_path: 4,
  completions: 6,
  embeddings: 5,
  moderations: 3,
  images: 4,
  image_edits: 3,
  speech: 6,
  transcriptions: 5,
  rerank: 3,
  responses: 22,
  compact: 5,
  input_tokens: 2,
  read_response: 3,
}

const controlsOf = (chance: Chance, groups: readonly string[]): JsonObject | undefined => {
  if (!chance.percent(20)) return undefined
  const fallbacks = (): Json =>
    chance.some(groups, 1, 2).map(group => (chance.percent(15) ? { model: group, temperature: 0.5 } : group))
  return given({
    num_retries: chance.percent(40) ? chance.int(0, 3) : undefined,
    timeout: chance.percent(30) ? chance.pick([0.3, 2, 20]) : undefined,
    stream_timeout: chance.percent(20) ? chance.pick([0.3, 2]) : undefined,
    fallbacks: chance.percent(25) ? fallbacks() : undefined,
    disable_fallbacks: chance.percent(15) ? true : undefined,
    tags: chance.percent(15) ? [chance.pick(['red', 'blue'])] : undefined,
    priority: chance.percent(20) ? chance.int(-2, 2) : undefined,
  })
}

const leavesOf = (chance: Chance): ClientScript['leaves'] => {
  if (!chance.percent(22)) return undefined
  return chance.percent(60)
    ? { after: chance.pick([0, 10, 45, 60, 400, 2500, 9000]) }
    : { on: chance.pick(['upload', 'head', 'content'] as const) }
}

type Cast = {
  readonly models: readonly string[]
  readonly groups: readonly string[]
  readonly withinMs: number
}

/** How long it takes until all have come; in a storm many come at once. */
const LONG_MS = 20_000
const STORM_MS = 2_500

const clientOf = (
  chance: Chance,
  { models, groups, withinMs }: Cast,
  before: readonly ClientScript[],
): ClientScript => {
  const endpoint = chance.weigh(ENDPOINT_WEIGHTS)
  const known = before.flatMap(({ endpoint: asked, unstored }, at) =>
    asked === 'responses' && unstored === undefined ? [at] : [],
  )
  const refers = endpoint === 'read_response' || (endpoint === 'responses' && chance.percent(25))
  const streams = 'asStream' in ENDPOINTS[endpoint] && chance.percent(55)
  const json = !('form' in ENDPOINTS[endpoint]) && endpoint !== 'read_response'
  const burst = before.at(-1)?.at
  return given({
    at: burst !== undefined && chance.percent(25) ? burst : chance.int(0, withinMs),
    endpoint,
    stream: streams ? (true as const) : undefined,
    model: chance.pick(models),
    controls: json ? controlsOf(chance, groups) : undefined,
    headers: chance.percent(6) ? { 'x-litellm-num-retries': String(chance.int(0, 2)) } : undefined,
    leaves: leavesOf(chance),
    slow: chance.percent(12) ? chance.pick([5, 80, 700]) : undefined,
    unstored: endpoint === 'responses' && chance.percent(40) ? (true as const) : undefined,
    follows: refers && known.length > 0 ? chance.pick(known) : undefined,
  })
}

const clientsOf = (chance: Chance, given: Omit<Cast, 'withinMs'>): readonly ClientScript[] => {
  const clients: ClientScript[] = []
  const storm = chance.percent(6)
  const count = storm ? chance.int(10, 24) : chance.int(1, chance.percent(20) ? 10 : 5)
  const cast = { ...given, withinMs: storm ? STORM_MS : LONG_MS }
  while (clients.length < count) clients.push(clientOf(chance, cast, clients))
  return clients
}

const reloadsOf = (chance: Chance, config: JsonObject): readonly Reload[] => {
  if (!chance.percent(15)) return []
  let current = config
  const times = Array.from({ length: chance.int(1, 2) }, () => chance.int(0, 15_000)).sort((a, b) => a - b)
  return times.map((at): Reload => {
    const what = chance.weigh({ same: 2, broken: 2, changed: 4 })
    if (what !== 'changed') return { at, config: what }
    current = changedConfig(chance, current)
    return { at, config: current }
  })
}

/** The schedule of a seed. */
export const generate = (seed: number): Scenario => {
  const chance = chanceOf(seed)
  const config = generateConfig(chance)
  const entries = entriesOf(config)
  const groups = [...new Set(entries.map(({ group }) => group))]
  const aliases = Object.keys(((config.router_settings as JsonObject).model_group_alias ?? {}) as JsonObject)
  const models = [
    ...groups,
    ...groups,
    ...groups,
    ...aliases,
    ...(chance.percent(15) ? ['d1', 'nobody'] : []),
  ]
  const doors = new Set(
    entries.map(({ params }) => {
      const host = /\/\/(\w+)\.sim/.exec(String(params.api_base))?.[1]
      return `${host}/${String(params.model).replace('openai/', '')}`
    }),
  )
  const upstreams = Object.fromEntries([...doors].map(door => [door, upstreamOf(chance)]))
  return {
    seed,
    config,
    upstreams,
    clients: clientsOf(chance, { models, groups }),
    reloads: reloadsOf(chance, config),
  }
}

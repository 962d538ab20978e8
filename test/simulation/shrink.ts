import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import type { Act, ClientScript, Scenario, Upstream } from './scenario.ts'

/** Does it still fail in the way that is looked for? A scenario that cannot be played does not. */
export type Fails = (scenario: Scenario) => Promise<boolean>

type Smaller = Generator<Scenario>

const without = <T>(list: readonly T[], from: number, count = 1): readonly T[] => [
  ...list.slice(0, from),
  ...list.slice(from + count),
]

const lacking = (object: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

/** Takes clients out; those that followed one of them follow nobody, and the others are counted anew. */
const withoutClients = (scenario: Scenario, from: number, count: number): Scenario => {
  const renumber = (client: ClientScript): ClientScript => {
    const { follows, ...rest } = client
    if (follows === undefined || (follows >= from && follows < from + count)) return rest
    return { ...rest, follows: follows >= from + count ? follows - count : follows }
  }
  return { ...scenario, clients: without(scenario.clients, from, count).map(renumber) }
}

function* fewerClients(scenario: Scenario): Smaller {
  const { clients } = scenario
  for (let size = clients.length >> 1; size > 0; size >>= 1)
    for (let from = 0; from + size <= clients.length; from += size) yield withoutClients(scenario, from, size)
}

function* fewerReloads(scenario: Scenario): Smaller {
  for (const at of scenario.reloads.keys()) yield { ...scenario, reloads: without(scenario.reloads, at) }
}

const plain = (act: Act): readonly Act[] => {
  const { head, first, gap, pieces, words, bulk, tools, split, newline, silent, ...rest } = act
  const smaller: Act[] = [{ act: 'answer' }, rest as Act]
  if (rest.act === 'refuse' && rest.wait !== undefined) smaller.push({ act: 'refuse', error: rest.error })
  for (const key of Object.keys(act))
    if (key in rest === false) smaller.push(lacking(act as unknown as JsonObject, key) as unknown as Act)
  const text = JSON.stringify(act)
  return smaller.filter(
    one => JSON.stringify(one).length < text.length || (one.act === 'answer' && act.act !== 'answer'),
  )
}

function* tamerUpstreams(scenario: Scenario): Smaller {
  const put = (name: string, upstream: Upstream): Scenario => ({
    ...scenario,
    upstreams: { ...scenario.upstreams, [name]: upstream },
  })
  for (const [name, upstream] of Object.entries(scenario.upstreams)) {
    const { [name]: _gone, ...upstreams } = scenario.upstreams
    yield { ...scenario, upstreams }
    if (upstream.outage !== undefined) yield put(name, { acts: upstream.acts })
    for (const at of upstream.acts.keys()) yield put(name, { ...upstream, acts: without(upstream.acts, at) })
    for (const [at, act] of upstream.acts.entries())
      for (const smaller of plain(act))
        yield put(name, { ...upstream, acts: upstream.acts.with(at, smaller) })
    if (upstream.outage !== undefined)
      for (const act of plain(upstream.outage.act))
        yield put(name, { ...upstream, outage: { ...upstream.outage, act } })
  }
}

/** A value with one member or item less, at any depth. `kept` stay. */
function* lesser(value: Json, kept: ReadonlySet<string>): Generator<Json> {
  if (Array.isArray(value)) {
    const items = value as readonly Json[]
    for (const at of items.keys()) yield without(items, at)
    for (const [at, item] of items.entries())
      for (const smaller of lesser(item, kept)) yield items.with(at, smaller)
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) if (!kept.has(key)) yield lacking(value, key)
    for (const [key, inner] of Object.entries(value))
      for (const smaller of lesser(inner, kept)) yield { ...value, [key]: smaller }
  }
}

/** What a configuration cannot be without. */
const KEPT = new Set([
  'model_list',
  'model_name',
  'litellm_params',
  'model_info',
  'id',
  'model',
  'api_base',
  'api_key',
  'general_settings',
  'master_key',
  'router_settings',
])

function* plainerConfig(scenario: Scenario): Smaller {
  for (const config of lesser(scenario.config, KEPT)) yield { ...scenario, config: config as JsonObject }
  for (const [at, reload] of scenario.reloads.entries()) {
    if (!isObject(reload.config as Json)) continue
    yield { ...scenario, reloads: scenario.reloads.with(at, { ...reload, config: 'same' }) }
    for (const config of lesser(reload.config as JsonObject, KEPT))
      yield { ...scenario, reloads: scenario.reloads.with(at, { ...reload, config: config as JsonObject }) }
  }
}

const NEEDED = new Set(['at', 'endpoint', 'model'])

function* plainerClients(scenario: Scenario): Smaller {
  for (const [at, client] of scenario.clients.entries()) {
    const put = (smaller: ClientScript): Scenario => ({
      ...scenario,
      clients: scenario.clients.with(at, smaller),
    })
    for (const key of Object.keys(client))
      if (!NEEDED.has(key))
        yield put(lacking(client as unknown as JsonObject, key) as unknown as ClientScript)
    if (client.controls !== undefined)
      for (const controls of lesser(client.controls, KEPT))
        yield put({ ...client, controls: controls as JsonObject })
    if (client.endpoint !== 'chat' && client.endpoint !== 'read_response')
      yield put({ ...client, endpoint: 'chat' })
    for (const time of [0, Math.floor(client.at / 1000) * 1000, Math.floor(client.at / 100) * 100])
      if (time < client.at) yield put({ ...client, at: time })
  }
}

const STEPS = [fewerClients, fewerReloads, tamerUpstreams, plainerConfig, plainerClients]

export type Shrunk = { readonly scenario: Scenario; readonly tries: number }

/**
 * The smallest scenario that is found to fail alike: one thing is left out after another, for as long as something
 * can be. Stops after `most` tries.
 */
export const shrink = async (scenario: Scenario, fails: Fails, most = 3000): Promise<Shrunk> => {
  let smallest = scenario
  let tries = 0
  for (let progress = true; progress && tries < most; ) {
    progress = false
    for (const step of STEPS) {
      // What is smaller begins again at the step that made it: one deployment less is seldom the last.
      for (let again = true; again && tries < most; ) {
        again = false
        for (const smaller of step(smallest)) {
          if (tries >= most) break
          tries += 1
          if (!(await fails(smaller))) continue
          smallest = smaller
          progress = again = true
          break
        }
      }
    }
  }
  return { scenario: smallest, tries }
}

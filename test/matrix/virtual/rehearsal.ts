import type { Config } from '../../../src/config/config.ts'
import type { Reply } from '../../support/harness.ts'
import type { Heard } from '../../support/heard.ts'
import { nativeRequest } from '../../support/proofs-native.ts'
import { type ClientRequest, modelOf, propsFor, requestFor } from '../../support/requests.ts'
import { type Provider, providerFor } from '../answers.ts'
import { asAsked } from '../asked.ts'
import { readConfig } from '../engine.ts'
import type { Direct } from '../judge/case.ts'
import { withOpenings } from '../openings.ts'
import type { Row } from '../rows.ts'
import type { Scene } from '../scene.ts'
import type { Script } from '../script.ts'
import type { Request, Seen } from '../seen.ts'
import {
  type Address,
  configFor,
  FIRST,
  FOREIGN,
  LEAD,
  type Player,
  playersFor,
  refusalOf,
  TARGETS,
  type Target,
} from '../targets.ts'
import { playVirtual } from './play.ts'

/** A row with everything that is known of it before anything goes wrong. */
export type Rehearsal = Omit<Scene, 'play'>

const TIMEOUT_SECONDS = 30
const VIRTUAL: Address = id => ({ origin: `http://${id}.matrix`, key: `sk-${id}` })

const replyOf = (heard: Heard | undefined): Reply => {
  if (heard === undefined) throw new Error('a rehearsal was not answered')
  const { status, headers, body } = heard
  const text = body.toString()
  return { status, headers, text, json: () => JSON.parse(text) }
}

type House = { readonly config: Config; readonly providers: ReadonlyMap<string, Provider> }

const ask = async (
  { config, providers }: House,
  request: ClientRequest,
): Promise<{ readonly seen: Seen; readonly healthy: Script | undefined }> => {
  let healthy: Script | undefined
  const seen = await playVirtual({
    config,
    request,
    scriptFor: ({ id }, _place, { draft, headers }) => {
      const provider = providers.get(id)
      if (provider === undefined) throw new Error(`nobody plays ${id}`)
      healthy = provider(draft, headers)
      return healthy
    },
    leaves: undefined,
    sabotage: undefined,
  })
  return { seen, healthy }
}

const requestOf = async (row: Row, group: string, house: House): Promise<ClientRequest> => {
  if (row.route.verbatim === true) return nativeRequest(row.route)
  const send = async (request: ClientRequest): Promise<Reply> =>
    replyOf((await ask(house, request)).seen.heard)
  const props = await propsFor(row.route, group, send)
  return requestFor(row.route, { group, props, stream: row.stream, ...(row.more && { more: row.more }) })
}

const everybody = (row: Row): readonly Player[] => {
  const all = TARGETS.flatMap(target => playersFor(target, row))
  return all.filter(({ id }, place) => all.findIndex(other => other.id === id) === place)
}

const UNSUPPORTED = 'UnsupportedParamsError'

/** What is wrong with how a deployment took a request, or refused it: of a crossing it is said beforehand who refuses. */
const surprise = (row: Row, player: Player, { reply, asked }: Answer): boolean => {
  if (row.route.verbatim === true) return false
  const word = refusalOf(row, player)
  if (word !== undefined)
    return asked || reply.status !== 400 || !reply.text.includes(UNSUPPORTED) || !reply.text.includes(word)
  if (reply.status === 200) return false
  return player.id !== FOREIGN || row.pair !== undefined || asked
}

type Answer = { readonly reply: Reply; readonly asked: boolean }

/** What a crossing is about arrives at the provider, and comes back. */
const proves = ({ pair }: Row, asked: Request | undefined, { text }: Reply): boolean => {
  const { proof = {} } = pair?.source ?? {}
  if (asked === undefined) return true
  return asked.body.includes(proof.asked ?? '') && (proof.answered ?? /(?:)/).test(text)
}

/** Asks one deployment by its own name. Throws Error when it refuses what it should take, or takes what it should refuse. */
const direct = async (house: House, row: Row, player: Player, sent: ClientRequest): Promise<Direct> => {
  const { seen, healthy } = await ask(house, sent)
  const reply = replyOf(seen.heard)
  if (surprise(row, player, { reply, asked: seen.asked.length > 0 }))
    throw new Error(`${row.label} at ${player.kind.name}, ${player.id}: ${reply.status} ${reply.text}`)
  const request = seen.asked[0]?.request
  if (!proves(row, request, reply))
    throw new Error(`${row.label} at ${player.kind.name}: not what it is about: ${reply.text}`)
  return {
    request,
    healthy: healthy && withOpenings(row, healthy),
    asked: asAsked(row, player, { request, healthy, heard: seen.heard }),
    reply: seen.heard as Heard,
    usage: seen.records[0]?.usage,
  }
}

const configs = new Map<string, Promise<Config>>()

const configOf = (target: Target, row: Row, more: { readonly alone?: true } = {}): Promise<Config> => {
  const model = row.route.verbatim === true ? 'gpt-4.1' : modelOf(row.route)
  // Who takes part in a crossing is the same for every target.
  const cast = row.pair === undefined ? `${target} ${row.flavour}` : `${row.pair.first} ${row.pair.backup}`
  const key = `${cast} ${model} ${row.pair?.source.strict} ${more.alone}`
  const known =
    configs.get(key) ??
    readConfig(configFor(target, row, { model, address: VIRTUAL, timeoutSeconds: TIMEOUT_SECONDS, ...more }))
  configs.set(key, known)
  return known
}

type Played = { readonly request: ClientRequest; readonly direct: Direct }

const playDirect = async (row: Row, player: Player, config: Config): Promise<Played> => {
  const providers = new Map([[player.id, providerFor(player, VIRTUAL(player.id).key)]])
  const house = { config, providers }
  const request = await requestOf(row, player.id === FIRST ? LEAD : player.id, house)
  return { request, direct: await direct(house, row, player, request) }
}

/** Halves of crossings that were played: each is the same, whatever the other one is. */
export type Halves = Map<string, Promise<Played>>

const playOnce = (row: Row, player: Player, of: { config: Config; halves: Halves }): Promise<Played> => {
  if (row.pair === undefined) return playDirect(row, player, of.config)
  const key = `${row.pair.source.name} ${player.id} ${player.kind.name}`
  // Whoever refuses has nobody to stand in for him.
  const known =
    of.halves.get(key) ??
    configOf('none', row, { alone: true }).then(config => playDirect(row, player, config))
  of.halves.set(key, known)
  return known
}

/** Plays the row once with each deployment that could be asked. */
export const rehearse = async (row: Row, halves: Halves = new Map()): Promise<Rehearsal> => {
  const files = await Promise.all(TARGETS.map(async target => [target, await configOf(target, row)] as const))
  const configs = Object.fromEntries(files) as Record<Target, Config>
  const found = new Map<string, Direct>()
  const owned = row.route.crossing === 'never'
  let request: ClientRequest | undefined
  for (const player of everybody(row)) {
    if (owned && player.id !== FIRST) continue
    const target = TARGETS.find(one => playersFor(one, row).some(({ id }) => id === player.id)) ?? 'none'
    const played = await playOnce(row, player, { config: configs[target], halves })
    request ??= played.request
    found.set(player.id, played.direct)
  }
  if (request === undefined) throw new Error('nobody plays the lead')
  return { row, request, direct: found, configs }
}

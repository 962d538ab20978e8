import { once } from 'node:events'
import { undiciTransport } from '../../../src/attempt/undici-transport.ts'
import type { Config } from '../../../src/config/config.ts'
import type { Step } from '../../../src/record/trail.ts'
import { type ClientRequest, modelOf } from '../../support/requests.ts'
import { StageDoor } from '../../support/stage-door.ts'
import { type Engine, keptBy, openEngine, readConfig, restingOf, type Sabotage } from '../engine.ts'
import { unsealed } from '../judge/case.ts'
import type { Row } from '../rows.ts'
import type { Plan } from '../scene.ts'
import type { Script } from '../script.ts'
import type { Asked, Seen } from '../seen.ts'
import { configFor, type Target } from '../targets.ts'
import { startCalm, stopCalm } from './calm.ts'
import type { Certificate } from './certificate.ts'
import { TcpClient } from './client.ts'
import { fastClock } from './clock.ts'
import { listening, type Show, Wall } from './wall.ts'

/** No provider is silent here, and no machine so busy. */
const TIMEOUT_SECONDS = 600
/** More than two sockets hold for a reader who does not read. */
const PADDING = Buffer.alloc(2 * 1024 * 1024, ' ')
/** A name too long to be one: every resolver says so without asking anybody, however busy the machine is. */
const NOWHERE = `http://${'n'.repeat(64)}.invalid`
const NO_PADDING = Buffer.alloc(0)
/** A client leaves so long after the moment has come, or, where it waits for bytes, when they are there. */
const REACTION_MS = 5
const BYTES_MS = 1000
/** What a call holds is back by then. */
const SETTLING_MS = 2000

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Looks until it holds or `ms` have passed. */
const within = async (ms: number, holds: () => boolean): Promise<boolean> => {
  const late = performance.now() + ms
  while (!holds()) {
    if (performance.now() > late) return false
    await pause(1)
  }
  return true
}

/** What is played where: a shut door is an address, and known before the first attempt. */
export type Staged = {
  readonly row: Row
  readonly plan: Plan
  /** What the faulty provider does. */
  readonly script: Script
}

const padded = (request: ClientRequest, padding: Buffer): ClientRequest =>
  request.body === undefined || padding.length === 0
    ? request
    : { ...request, body: Buffer.concat([request.body, padding]) }

/** Attempts in their order: those that never reached a provider are known by the record alone. */
const attempts = (asked: readonly Asked[], steps: readonly Step[]): readonly Asked[] => {
  const left = [...asked]
  // What a provider has no endpoint for is never sent.
  // Whoever was counted for by the gateway was not asked.
  const sent = steps.filter(
    ({ outcome, lost }) => outcome !== 'unsupported' && !lost.some(one => one.startsWith('the exact count:')),
  )
  const walked = sent.map(({ deployment }): Asked => {
    const place = left.findIndex(({ id }) => id === deployment)
    const [found] = place === -1 ? [] : left.splice(place, 1)
    return found ?? { id: deployment, at: 0, request: undefined, over: 'broke', overAt: 0 }
  })
  return [...walked, ...left]
}

/** One gateway and its providers on sockets of their own, one call at a time. */
export class Lane {
  readonly #wall: Wall
  readonly #sabotage: Sabotage | undefined
  /** undefined: nobody was at home yet. */
  #door: StageDoor | undefined
  readonly #configs = new Map<string, Promise<Config>>()
  #port = 0

  constructor(certificate: Certificate, sabotage: Sabotage | undefined) {
    this.#wall = new Wall(certificate)
    this.#sabotage = sabotage
  }

  async open(): Promise<void> {
    startCalm()
    await this.#wall.open()
  }
  async close(): Promise<void> {
    stopCalm()
    await this.#wall.close()
    const server = this.#door?.server
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async play({ row, plan, script }: Staged): Promise<Seen> {
    const config = await this.#configFor(row, plan.target, script.door)
    const clock = fastClock()
    const transport = undiciTransport({ clock })
    const engine = openEngine({ clock, config, transport, sabotage: this.#sabotage })
    try {
      await this.#receive(engine)
      return await this.#call(engine, config, { row, plan, script })
    } finally {
      this.#wall.end()
      await transport.close()
    }
  }

  async #receive({ house }: Engine): Promise<void> {
    if (this.#door !== undefined) return this.#door.receive(house)
    this.#door = new StageDoor(house)
    this.#port = await listening(this.#door.server)
  }
  async #call(engine: Engine, config: Config, { plan, script }: Staged): Promise<Seen> {
    const padding = script.wire === 'early-answer' ? PADDING : NO_PADDING
    const client = new TcpClient(this.#port)
    let atLeave: readonly string[] = []
    const leave = async (): Promise<void> => {
      await pause(REACTION_MS)
      if (plan.leaves?.begun === true) await within(BYTES_MS, () => (client.heard?.body.length ?? 0) > 0)
      atLeave = restingOf(engine, config)
      client.leave()
    }
    const show: Show = {
      scriptFor: plan.scriptFor,
      asked: [],
      leaves: plan.leaves,
      earlier: script.door === 'open' ? 0 : 1,
      reached: () => void leave(),
      padding,
      complaints: [],
    }
    this.#wall.begin(show)
    client.send(padded(plan.request, padding))
    await client.over
    const { told } = engine
    const kept = (): readonly string[] => [
      ...keptBy(engine, config),
      ...((this.#door?.traffic.inside ?? 0) > 0 ? ['the call is inside still'] : []),
    ]
    await within(SETTLING_MS, () => told.records.length > 0 && kept().length === 0)
    await within(SETTLING_MS, () => show.asked.every(({ over }) => over !== undefined))
    const seen = {
      asked: attempts(show.asked, told.records[0]?.steps ?? []),
      heard: client.heard,
      released: client.released,
      leftAt: client.leftAt,
      records: [...told.records],
      ends: [...told.ends],
      resting: { atLeave, after: restingOf(engine, config) },
      kept: kept(),
    }
    const next =
      script.wire === 'garbage-after' && plan.leaves === undefined ? await this.#next(plan, seen) : []
    return { ...seen, complaints: [...told.complaints, ...show.complaints, ...next] }
  }

  /** A connection that garbage came on is no connection for the next call. */
  async #next(plan: Plan, { heard }: Pick<Seen, 'heard'>): Promise<readonly string[]> {
    const client = new TcpClient(this.#port)
    client.send(plan.request)
    await client.over
    const again = client.heard
    const [first, second] = [heard, again].map(one => unsealed(one?.body.toString('latin1') ?? ''))
    return again?.status === heard?.status && first === second
      ? []
      : [`the next call: ${again?.status} ${second}`]
  }

  #configFor(row: Row, target: Target, door: Script['door']): Promise<Config> {
    const model = row.route.verbatim === true ? 'gpt-4.1' : modelOf(row.route)
    const key = `${target} ${row.flavour} ${model} ${door}`
    const known = this.#configs.get(key)
    if (known !== undefined) return known
    const address = (id: string) => ({
      origin: target === 'none' || id === 'lead-1' ? this.#originOf(door) : this.#originOf('open'),
      key: `sk-${id}`,
    })
    const read = readConfig(configFor(target, row, { model, address, timeoutSeconds: TIMEOUT_SECONDS }))
    this.#configs.set(key, read)
    return read
  }
  #originOf(door: Script['door']): string {
    if (door === 'no-name') return NOWHERE
    if (door === 'refused') return `http://127.0.0.1:${this.#wall.closedPort}`
    if (door === 'untrusted') return `https://127.0.0.1:${this.#wall.securePort}`
    return door === 'no-tls' ? `https://127.0.0.1:${this.#wall.port}` : `http://127.0.0.1:${this.#wall.port}`
  }
}

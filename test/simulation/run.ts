import { createHash } from 'node:crypto'
import type { Config } from '../../src/config/config.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { SimClient } from './client.ts'
import { acceptedConfig, type Engine, openEngine, readConfig, readingsOf, type Sabotage } from './engine.ts'
import { entriesOf, type Reloaded, tell, type World } from './facts.ts'
import type { Invariant, Violation } from './invariant.ts'
import type { ClientScript, Scenario } from './scenario.ts'
import { SimClock, settle } from './time.ts'

export type RunOptions = {
  readonly invariants?: readonly Invariant[]
  readonly sabotage?: Sabotage
  /** Asks every group once more when all is over and every rest has passed. Default: yes. */
  readonly probes?: boolean
  /** Changes what has been written down before it is judged: for invariants that no part of the engine can break. */
  readonly forge?: (world: World) => void
}

export type Run = {
  readonly world: World
  readonly violations: readonly Violation[]
  /** The same for the same scenario: what happened, in order, and every byte that a client heard. */
  readonly hash: () => string
}

/** Above this a schedule is going in circles. */
const MOST_STEPS = 20_000
/** An upstream may end its answer a little later, and the door waits for the rest of a body that nobody wants. */
const LINGER_MS = 31_000

/** Configurations are read before time begins: reading is no part of what is simulated. */
const readAll = async (scenario: Scenario): Promise<readonly (Config | undefined)[]> => {
  const configs: (Config | undefined)[] = []
  let current: JsonObject = scenario.config
  for (const { config } of scenario.reloads) {
    if (config !== 'same' && config !== 'broken') current = config
    configs.push(
      config === 'broken'
        ? (await readConfig({ model_list: 'broken' })).config
        : await acceptedConfig(current),
    )
  }
  return configs
}

/** One schedule in play. */
class Theatre {
  readonly world: World
  readonly violations: Violation[] = []
  readonly #engine: Engine
  readonly #invariants: readonly Invariant[]
  readonly #clock = new SimClock()
  #current: Config

  constructor(scenario: Scenario, first: Config, options: RunOptions) {
    this.#current = first
    this.#invariants = options.invariants ?? []
    const clock = this.#clock
    let engine: Engine | undefined
    this.world = {
      scenario,
      clock,
      get board() {
        if (engine === undefined) throw new Error('The board is not there yet.')
        return engine.board
      },
      config: () => this.#current,
      clients: [],
      hits: [],
      records: [],
      lines: [],
      readings: new Map(),
      settlings: [],
      reloads: [],
      leases: 0,
      faults: [],
      trace: [],
      step: 0,
      inside: () => engine?.traffic.inside ?? 0,
      held: () => engine?.house.memory.held ?? 0,
      leftTimers: [],
      quietAt: undefined,
    }
    engine = openEngine({
      seed: scenario.seed,
      clock,
      config: first,
      world: () => this.world,
      sabotage: options.sabotage,
    })
    this.#engine = engine
  }

  enter(script: ClientScript, probe = false): void {
    const client = new SimClient(this.world, this.#engine.server, script, { probe })
    this.world.clients.push(client)
    this.#clock.after(script.at - this.#clock.now(), () => client.arrive())
  }

  reloadAt(at: number, next: Config | undefined): void {
    this.#clock.after(at, () => {
      const { board, reloads } = this.world
      const known = new Set((next ?? this.#current).deployments.map(({ id }) => id))
      const before = readingsOf(board, this.#current).filter(({ id }) => known.has(id))
      const sameConfig = next === undefined
      if (next !== undefined) {
        this.#current = next
        this.#engine.put(next)
      }
      const after = readingsOf(board, this.#current)
      const step = tell(this.world, `reload: ${next === undefined ? 'refused' : 'accepted'}`)
      const reloaded: Reloaded = {
        at: this.#clock.now(),
        step,
        accepted: next !== undefined,
        before,
        after,
        sameConfig,
      }
      reloads.push(reloaded)
    })
  }

  /** Until nothing is armed any more. What is left when everybody has gone is written down on the way. */
  async play(): Promise<void> {
    await settle()
    for (let steps = 0; ; steps++) {
      this.#check('step')
      if (this.world.quietAt === undefined && this.#allGone()) this.#writeDownWhatIsLeft()
      if (steps > MOST_STEPS) return this.#giveUp()
      if (!this.#clock.step()) return
      await settle()
    }
  }

  /** Whatever goes on for ever, somebody waits for it. */
  #giveUp(): void {
    const text = `after ${MOST_STEPS} events it still goes on: ${this.world.trace.slice(-3).join('; ')}`
    this.violations.push({ invariant: 'everyRequestEnds', text, at: this.#clock.now() })
    this.#clock.stop()
  }

  again(): void {
    this.world.quietAt = undefined
  }

  end(): void {
    this.#check('end')
  }

  #allGone(): boolean {
    const { clients } = this.world
    return clients.every(client => client.over) && this.#engine.traffic.inside === 0
  }

  /** What is armed still, once everybody has gone and nobody is waited for any more. */
  #writeDownWhatIsLeft(): void {
    const { world } = this
    const planned = new Set(world.scenario.reloads.map(({ at }) => at))
    world.quietAt = this.#clock.now()
    this.#clock.after(LINGER_MS, () => {
      world.leftTimers.push(...this.#clock.pending.filter(due => !planned.has(due)))
    })
  }

  #check(when: 'step' | 'end'): void {
    for (const client of this.world.clients) client.look()
    for (const invariant of this.#invariants) {
      const found = invariant[when]?.(this.world) ?? []
      for (const text of found) this.#blame(invariant, text)
    }
  }

  #blame(invariant: Invariant, text: string): void {
    const known = this.violations.some(one => one.invariant === invariant.name && one.text === text)
    if (!known) this.violations.push({ invariant: invariant.name, text, at: this.#clock.now() })
  }
}

/** When every rest that is known of has passed. */
const restedAt = (world: World): number =>
  Math.max(
    world.clock.now(),
    ...world
      .config()
      .deployments.flatMap(({ id, domain }) => [
        world.board.cooling(id)?.until ?? 0,
        world.board.domainNotBefore(domain) ?? 0,
      ]),
    ...Object.values(world.scenario.upstreams).map(({ outage }) => outage?.until ?? 0),
  )

/** One plain question for each group, one after the other, once everything may be used again. */
const probesOf = (world: World): readonly ClientScript[] => {
  const last = world.scenario.reloads.findLast(({ config }) => typeof config === 'object')?.config
  const groups = new Set(
    entriesOf(typeof last === 'object' ? last : world.scenario.config).map(({ group }) => group),
  )
  const start = restedAt(world) + 1
  return [...groups].map((model, at) => ({ at: start + at * 60_000, endpoint: 'chat', model }))
}

const hashOf = (world: World): string => {
  const hash = createHash('sha256')
  for (const line of world.trace) hash.update(`${line}\n`)
  // The server's own clock is the machine's; everything else it says is the gateway's.
  for (const client of world.clients) hash.update(client.bytes.replace(/^Date: .*$/m, ''))
  for (const line of world.lines) hash.update(line)
  return hash.digest('hex')
}

/** Plays a scenario to its end and says which invariants did not hold. */
export const run = async (scenario: Scenario, options: RunOptions = {}): Promise<Run> => {
  const first = await acceptedConfig(scenario.config)
  const configs = await readAll(scenario)
  const theatre = new Theatre(scenario, first, options)
  for (const [at, reload] of scenario.reloads.entries()) theatre.reloadAt(reload.at, configs[at])
  for (const script of scenario.clients) theatre.enter(script)
  await theatre.play()
  if (options.probes !== false) {
    theatre.again()
    // Everything that the upstreams had to say was for the clients of the scenario.
    for (const script of probesOf(theatre.world)) theatre.enter(script, true)
    await theatre.play()
  }
  options.forge?.(theatre.world)
  theatre.end()
  return { world: theatre.world, violations: theatre.violations, hash: () => hashOf(theatre.world) }
}

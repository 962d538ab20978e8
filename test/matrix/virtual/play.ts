import type { Config } from '../../../src/config/config.ts'
import type { House } from '../../../src/house.ts'
import { SimClock, settle } from '../../simulation/time.ts'
import type { ClientRequest } from '../../support/requests.ts'
import { StageDoor } from '../../support/stage-door.ts'
import { type Engine, keptBy, openEngine, restingOf, type Sabotage } from '../engine.ts'
import type { Leaving } from '../scene.ts'
import type { Seen } from '../seen.ts'
import { VirtualClient } from './client.ts'
import { type Director, scriptedTransport } from './transport.ts'
import { isUnfolding } from './unfolding.ts'

/** One call in virtual time. */
export type Play = {
  readonly config: Config
  readonly request: ClientRequest
  readonly scriptFor: Director['scriptFor']
  /** undefined: the client stays. */
  readonly leaves: Leaving | undefined
  readonly sabotage: Sabotage | undefined
}

/** A call that is not over by then hangs. */
const PATIENCE_MS = 600_000
/** The longest that anything is kept after a call on purpose: the rest of a body that nobody wants. */
const LINGER_MS = 31_000
/** A compressed answer is unfolded on threads of the machine; no work there takes so long. */
const THREAD_MS = 5000
/** So long after a moment was reached its client goes. */
const REACTION_MS = 1

let door: StageDoor | undefined

/** A run that left somebody inside takes its door with it. */
const doorFor = (house: House): StageDoor => {
  if (door === undefined || door.traffic.inside > 0) door = new StageDoor(house)
  door.receive(house)
  return door
}

class Stage {
  readonly #play: Play
  readonly #door: StageDoor
  readonly #clock = new SimClock()
  readonly #engine: Engine
  #client: VirtualClient | undefined
  readonly #director: Director
  #atLeave: readonly string[] = []
  /** Attempts of earlier calls. */
  #before = 0

  constructor(play: Play) {
    this.#play = play
    this.#director = {
      clock: this.#clock,
      asked: [],
      scriptFor: (asked, place, wire) => play.scriptFor(asked, place - this.#before, wire),
      reached: (attempt, phase) => {
        const { leaves } = play
        if (leaves?.attempt === attempt && leaves.phase === phase)
          this.#clock.after(REACTION_MS, () => this.#leave())
      },
    }
    this.#engine = openEngine({
      clock: this.#clock,
      config: play.config,
      transport: scriptedTransport(this.#director),
      sabotage: play.sabotage,
    })
    this.#door = doorFor(this.#engine.house)
  }

  /** One call to its end. */
  async call(): Promise<Seen> {
    const { told } = this.#engine
    const before = {
      asked: this.#director.asked.length,
      records: told.records.length,
      ends: told.ends.length,
    }
    this.#before = before.asked
    const client = new VirtualClient(this.#door.server, this.#clock)
    this.#client = client
    client.send(this.#play.request)
    const isOver = (): boolean =>
      client.over && this.#door.traffic.inside === 0 && told.records.length > before.records
    await this.#until(isOver, this.#clock.now() + PATIENCE_MS)
    return {
      asked: this.#director.asked.slice(before.asked),
      heard: client.heard,
      released: client.released,
      leftAt: client.leftAt,
      records: told.records.slice(before.records),
      ends: told.ends.slice(before.ends),
      resting: { atLeave: this.#atLeave, after: this.#resting() },
      kept: this.#kept(),
      complaints: told.complaints,
    }
  }

  /** Waits until everything that was armed has fired, and tells what stays all the same. */
  async rest(): Promise<readonly string[]> {
    await this.#until(() => this.#clock.armed === 0, this.#clock.now() + LINGER_MS)
    const open = this.#director.asked.filter(({ over }) => over === undefined).length
    return [
      ...(this.#clock.armed > 0 ? [`${this.#clock.armed} timers`] : []),
      ...(open > 0 ? [`${open} connections to providers`] : []),
    ]
  }

  get now(): number {
    return this.#clock.now()
  }

  async pass(ms: number): Promise<void> {
    let over = false
    this.#clock.after(ms, () => {
      over = true
    })
    await this.#until(() => over, this.#clock.now() + ms)
  }

  async #until(holds: () => boolean, latest: number): Promise<void> {
    for (;;) {
      await this.#turn()
      if (holds()) return
      const next = this.#clock.pending[0]
      if (next === undefined || next > latest) return
      this.#clock.step()
    }
  }
  async #turn(): Promise<void> {
    await settle()
    if (!isUnfolding()) return
    const late = performance.now() + THREAD_MS
    while (isUnfolding() && performance.now() < late) await settle()
    await settle()
  }
  #leave(): void {
    if (this.#client?.over !== false) return
    this.#atLeave = this.#resting()
    this.#client.leave()
  }
  #resting(): readonly string[] {
    return restingOf(this.#engine, this.#play.config)
  }
  #kept(): readonly string[] {
    const inside = this.#door.traffic.inside > 0 ? ['the call is inside still'] : []
    return [...keptBy(this.#engine, this.#play.config), ...inside]
  }
}

/** Plays one call to its end and tells what was seen of it. */
export const playVirtual = async (play: Play): Promise<Seen> => {
  const stage = new Stage(play)
  const seen = await stage.call()
  return { ...seen, kept: [...seen.kept, ...(await stage.rest())] }
}

/** Plays calls one after the other, the first at 0 milliseconds, the next so much later than the one before began. */
export const playSeries = async (
  play: Play,
  { calls, everyMs }: { readonly calls: number; readonly everyMs: number },
): Promise<readonly Seen[]> => {
  const stage = new Stage(play)
  const seen: Seen[] = []
  for (let number = 0; number < calls; number++) {
    await stage.pass(Math.max(0, number * everyMs - stage.now))
    seen.push(await stage.call())
  }
  const kept = await stage.rest()
  return seen.map((one, number) => (number === calls - 1 ? { ...one, kept: [...one.kept, ...kept] } : one))
}

import type { Server } from 'node:http'
import type { House } from '../../src/house.ts'
import { listener } from '../../src/listen/listen.ts'
import { Traffic } from '../../src/listen/traffic.ts'

/** Whoever lives here now, as one house that stays. */
const front = (behind: () => House): House => ({
  config: () => behind().config(),
  clock: {
    now: () => behind().clock.now(),
    wall: () => behind().clock.wall(),
    after: (ms, action) => behind().clock.after(ms, action),
  },
  dice: { random: () => behind().dice.random() },
  get board() {
    return behind().board
  },
  get transport() {
    return behind().transport
  },
  get vault() {
    return behind().vault
  },
  get seal() {
    return behind().seal
  },
  get keep() {
    return behind().keep
  },
  get copies() {
    return behind().copies
  },
  get memory() {
    return behind().memory
  },
  get journal() {
    return behind().journal
  },
  event: (...said) => behind().event(...said),
})

/**
 * The gateway's door for runs that each have a house of their own. Its table of routes takes a millisecond to build, so
 * the house behind it is exchanged instead; a run that leaves somebody inside takes its door with it.
 */
export class StageDoor {
  readonly traffic = new Traffic()
  readonly server: Server
  #house: House

  constructor(first: House) {
    this.#house = first
    this.server = listener(
      front(() => this.#house),
      this.traffic,
    )
  }

  receive(house: House): void {
    this.#house = house
  }
}

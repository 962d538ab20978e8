import type { Server } from 'node:http'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createVault } from '../../src/credentials/vault.ts'
import type { FailureClass } from '../../src/failure.ts'
import type { House } from '../../src/house.ts'
import type { Traffic } from '../../src/listen/traffic.ts'
import { providers } from '../../src/providers/index.ts'
import { MemoryBudget } from '../../src/read/memory.ts'
import { levelOf, lineOf } from '../../src/record/line.ts'
import { Seal } from '../../src/seal.ts'
import {
  type AttemptEnd,
  type Board,
  createBoard,
  type Lease,
  type MemoryBoard,
} from '../../src/shared/board.ts'
import { seededDice } from '../../src/shared/clock.ts'
import { memoryKeep } from '../../src/shared/keep.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { StageDoor } from '../support/stage-door.ts'
import { MASTER_KEY } from './client.ts'
import { hostOf, type Reading, type Settling, tell, type World } from './facts.ts'
import { standIn } from './stand-in.ts'
import type { SimClock } from './time.ts'
import { simulatedTransport } from './upstream.ts'

/** The scenario cannot be played: its configuration is not accepted. */
export class InvalidScenario extends Error {}

const KEY_ENV = { LITELLM_MASTER_KEY: MASTER_KEY, DEFAULT_ALLOWED_FAILS: undefined }

/** Reads a configuration as a gateway reads its file. Undefined: it is not accepted; `why` tells. */
export const readConfig = async (
  config: JsonObject,
): Promise<{ config: Config | undefined; why: string }> => {
  const text = JSON.stringify(config)
  const result = await loadConfig({
    path: '/sim/config.yaml',
    env: KEY_ENV,
    providers,
    readFile: async () => text,
  })
  const why = result.notices
    .filter(({ level }) => level === 'error')
    .map(({ key, text: said }) => `${key}: ${said}`)
  return { config: result.config, why: why.join('; ') }
}

/** A Config that no other run has: things are remembered about its deployments, and a run begins without memories. */
export const acceptedConfig = async (config: JsonObject): Promise<Config> => {
  const { config: read, why } = await readConfig(config)
  if (read === undefined) throw new InvalidScenario(why)
  return read
}

/** What stands where the engine's own parts would stand: breaks one of them, to see that somebody notices. */
export type Sabotage = (house: House, world: World) => House

export type Engine = {
  readonly server: Server
  readonly house: House
  readonly traffic: Traffic
  readonly board: MemoryBoard
  /** As a reload does: the new configuration from here on, and deployments that are gone forgotten. */
  readonly put: (config: Config) => void
}

export type EngineOptions = {
  readonly seed: number
  readonly clock: SimClock
  readonly config: Config
  /** The world that everything is told to; it exists once the engine does. */
  readonly world: () => World
  readonly sabotage: Sabotage | undefined
}

export const readingsOf = (board: Board, config: Config): readonly Reading[] =>
  config.deployments.map(({ id, domain }) => {
    const cooling = board.cooling(id)
    return {
      id,
      domain,
      inFlight: board.inFlight(id),
      cooling: cooling?.until,
      notBefore: board.domainNotBefore(domain),
      because: cooling?.because,
    }
  })

const changed = (before: readonly Reading[], after: readonly Reading[]): Settling['cooled'] =>
  after.flatMap(({ id, cooling }) => {
    const known = before.find(one => one.id === id)?.cooling
    return known === cooling ? [] : [[id, known, cooling] as const]
  })

/** The board with its leases watched: when each opened, how it ended, and what that changed. */
const watched = (board: MemoryBoard, world: () => World): MemoryBoard => {
  const watch = (lease: Lease, [deployment]: Parameters<Board['admit']>): Lease => {
    const number = world().leases++
    const openedAt = world().clock.now()
    let open = true
    const close = (kind: AttemptEnd['kind'], named: FailureClass | undefined, closing: () => void): void => {
      const told = world()
      const before = readingsOf(board, told.config())
      closing()
      const cooled = changed(before, readingsOf(board, told.config()))
      const { id, domain, upstreamModel } = deployment
      const how = `${kind} ${named ?? ''} ${JSON.stringify(cooled)}`
      const step = tell(told, `lease ${number} of ${id}: ${how}`)
      const upstream = `${hostOf(deployment)}/${upstreamModel}`
      const at = told.clock.now()
      open = false
      told.settlings.push({
        at,
        step,
        lease: number,
        openedAt,
        upstream,
        deployment: id,
        domain,
        kind,
        class: named,
        cooled,
      })
    }
    const settle = (end: AttemptEnd): void =>
      close(end.kind, end.kind === 'failure' ? end.failure.class : undefined, () => lease.settle(end))
    // A lease may also be let go of without an end of its own, when there was none; then that is its end.
    const letGo = (going: () => void) => (): void => (open ? close('neutral', undefined, going) : going())
    const release = letGo(() => lease.release())
    const withdraw = letGo(() => lease.withdraw())
    return standIn(lease, { settle, release, withdraw })
  }
  return standIn(board, {
    admit: (...asked) => {
      const admitted = board.admit(...asked)
      return admitted instanceof Promise
        ? admitted.then(lease => watch(lease, asked))
        : watch(admitted, asked)
    },
  })
}

let door: StageDoor | undefined

const doorFor = (house: House): StageDoor => {
  if (door === undefined || door.traffic.inside > 0) door = new StageDoor(house)
  door.receive(house)
  return door
}

/** A whole gateway without sockets and without waiting: the real door, the real loop, simulated surroundings. */
export const openEngine = ({ seed, clock, config: first, world, sabotage }: EngineOptions): Engine => {
  let current = first
  const config = (): Config => current
  const dice = seededDice(seed)
  const board = createBoard({ clock, dice, config })
  const transport = simulatedTransport(world)
  const sound: House = {
    config,
    clock,
    dice,
    board: watched(board, world),
    transport,
    vault: createVault({ clock, dice, transport, event: () => {} }),
    seal: new Seal(MASTER_KEY),
    keep: memoryKeep(clock, 1e6),
    copies: memoryKeep(clock, 1e6),
    memory: new MemoryBudget(64 * 1024 * 1024),
    journal: {
      request: record => {
        const told = world()
        told.records.push(record)
        if (record.steps.length === 0) told.readings.set(record.callId, readingsOf(told.board, config()))
        told.lines.push(lineOf(record, levelOf(record), clock.wall()))
        tell(
          told,
          `record ${record.callId} ${record.end} ${record.status} ${record.steps.map(step => `${step.deployment}:${step.outcome}`).join(' ')}`,
        )
      },
      event: () => {},
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    event: (level, message, fields) => {
      const error = fields?.error
      if (level === 'error') world().faults.push(`${message} ${error instanceof Error ? error.stack : ''}`)
    },
  }
  const house = sabotage === undefined ? sound : sabotage(sound, world())
  const { server, traffic } = doorFor(house)
  return {
    server,
    house,
    traffic,
    // Whatever stands in front of the board is what the engine sees, and what is looked at.
    board: house.board as MemoryBoard,
    put: next => {
      current = next
      // As a reload does in a gateway that serves.
      house.board.keep(new Set(next.deployments.map(({ id }) => id)))
    },
  }
}

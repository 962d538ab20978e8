import type { Transport } from '../../src/attempt/transport.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createVault } from '../../src/credentials/vault.ts'
import type { Clock, House } from '../../src/house.ts'
import { providers } from '../../src/providers/index.ts'
import { MemoryBudget } from '../../src/read/memory.ts'
import type { RequestRecord } from '../../src/record/trail.ts'
import { Seal } from '../../src/seal.ts'
import {
  type AttemptEnd,
  type Board,
  createBoard,
  type Lease,
  type MemoryBoard,
} from '../../src/shared/board.ts'
import { memoryKeep } from '../../src/shared/keep.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { standIn } from '../simulation/stand-in.ts'
import type { ClientRequest } from '../support/requests.ts'

/** The master key of every gateway here. */
export const KEY = 'sk-matrix-master-key-0123456789'

/** The head of a request as it is written to the gateway. */
export const headOf = ({ method, path, headers, body }: ClientRequest): string => {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: gateway.matrix',
    `authorization: Bearer ${KEY}`,
    'connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`content-length: ${body.length}`]),
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Breaks a part of the engine, to see that the matrix notices. */
export type Sabotage = (house: House) => House

/** A configuration as a gateway reads its file. Throws Error when it is not accepted. */
export const readConfig = async (file: JsonObject): Promise<Config> => {
  const result = await loadConfig({
    path: '/matrix/config.yaml',
    env: { LITELLM_MASTER_KEY: KEY },
    providers,
    readFile: async () => JSON.stringify(file),
  })
  if (result.config !== undefined) return result.config
  throw new Error(result.notices.map(({ key, text }) => `${key}: ${text}`).join('; '))
}

/** What a gateway tells of one call. */
export type Told = {
  readonly records: RequestRecord[]
  readonly ends: AttemptEnd[]
  readonly complaints: string[]
}

/** The same lease, and everything it is told of its end is written down. */
const watch = (lease: Lease, told: Told): Lease => {
  let isOpen = true
  const end = (how: AttemptEnd): void => {
    isOpen = false
    told.ends.push(how)
  }
  const settle = (how: AttemptEnd): void => {
    end(how)
    lease.settle(how)
  }
  const release = (): void => {
    if (isOpen) end({ kind: 'neutral' })
    lease.release()
  }
  return standIn(lease, { settle, release })
}

/** The board with its leases watched. */
const watched = (board: MemoryBoard, told: Told): Board =>
  standIn<Board>(board, {
    admit: (...asked) => {
      const admitted = board.admit(...asked)
      return admitted instanceof Promise ? admitted.then(lease => watch(lease, told)) : watch(admitted, told)
    },
  })

const seal = new Seal(KEY)

export type Engine = {
  readonly house: House
  readonly board: MemoryBoard
  readonly memory: MemoryBudget
  readonly told: Told
}

export type EngineOptions = {
  readonly clock: Clock
  readonly config: Config
  readonly transport: Transport
  readonly sabotage: Sabotage | undefined
}

/** Everything behind a gateway's door, in played surroundings. */
export const openEngine = ({ clock, config, transport, sabotage }: EngineOptions): Engine => {
  const told: Told = { records: [], ends: [], complaints: [] }
  // The lowest number always: no jitter, and the first in the file is drawn first.
  const dice = { random: () => 0 }
  const board = createBoard({ clock, dice, config: () => config })
  const memory = new MemoryBudget(1024 * 1024 * 1024)
  const sound: House = {
    config: () => config,
    clock,
    dice,
    board: watched(board, told),
    transport,
    vault: createVault({ clock, dice, transport, event: () => {} }),
    seal,
    keep: memoryKeep(clock, 1e6),
    copies: memoryKeep(clock, 1e6),
    memory,
    journal: {
      request: record => void told.records.push(record),
      event: () => {},
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    event: (level, message, fields) => {
      const error = fields?.error
      if (level === 'error') told.complaints.push(`${message} ${error instanceof Error ? error.stack : ''}`)
    },
  }
  return { house: sabotage === undefined ? sound : sabotage(sound), board, memory, told }
}

/** What was not given back: slots, places, bytes. */
export const keptBy = ({ board, memory }: Engine, config: Config): readonly string[] => {
  const { deployments } = config
  const groups = new Set(deployments.map(({ group }) => group))
  return [
    ...deployments.filter(({ id }) => board.inFlight(id) !== 0).map(({ id }) => `a slot of ${id}`),
    ...[...groups].filter(group => board.groupInFlight(group) !== 0).map(group => `a place in ${group}`),
    ...Object.entries(board.gauges())
      .filter(([, count]) => count !== 0)
      .map(([gauge, count]) => `${count} of ${gauge}`),
    ...(board.extraSettles() > 0 ? ['a lease was settled twice'] : []),
    ...(memory.held > 0 ? [`${memory.held} bytes of the body`] : []),
  ]
}

export const restingOf = ({ board }: Engine, config: Config): readonly string[] =>
  config.deployments.map(({ id }) => id).filter(id => board.cooling(id) !== undefined)

import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { House } from '../house.ts'
import { Seal } from '../seal.ts'
import type { Channel } from '../shared/channel-way.ts'
import { layered, memoryKeep } from '../shared/keep.ts'
import { Mirror } from '../shared/mirror.ts'
import { createOrigins, type Origins } from '../shared/origins.ts'
import { keptPast } from '../store/origins.ts'
import { openStore } from '../store/store.ts'

/** What is kept of conversations, beside what the store has of it. */
const KEPT_BYTES = 64 * 1024 * 1024
/** Copies of items that clients may name: a letter takes one byte, or two. */
const COPIED_LETTERS = 16 * 1024 * 1024
/** What conversations hold. */
const MIRRORED_LETTERS = 16 * 1024 * 1024
const TEXTS_FILE = 'store.db'
const ORIGINS_FILE = 'origins.db'
/** Who made what: as many entries as are in memory, too. */
const ORIGINS_BYTES = 64 * 1024 * 1024
/** What is to be written at the end gets this long. */
const CLOSE_MS = 5_000

export type Keeping = Pick<House, 'seal' | 'keep' | 'copies' | 'mirror'> & {
  readonly origins: Origins
  /** Settles when what is there has been looked at, or takes too long. Never rejects. */
  readonly looking: Promise<unknown>
  /** What was kept is written. */
  readonly closeKeeping: () => Promise<void>
}

export type KeepingOptions = {
  readonly dataDir: string
  /** The way to other workers of this machine; absent: there are none. */
  readonly siblings?: Channel
}

const sealOf = ({ general }: Config): Seal => {
  const material = general.saltKey ?? general.masterKey
  if (material === undefined) throw new Error('A gateway has a master key before it has a house.')
  return new Seal(
    material.reveal(),
    general.previousSaltKeys.map(key => key.reveal()),
  )
}

/** What seals, and where sealed things are kept. */
export const openKeeping = (
  { dataDir, siblings }: KeepingOptions,
  { clock, event, config: current }: Pick<House, 'clock' | 'event' | 'config'>,
): Keeping => {
  const config = current()
  // What another process adds to a conversation is not seen here.
  const alone = siblings === undefined && config.redis === undefined
  const seal = sealOf(config)
  const storeOf = (file: string, mostBytes: number) =>
    openStore({ clock, event, path: join(dataDir, file), mostBytes })
  const texts = storeOf(TEXTS_FILE, config.general.storeMaxBytes)
  const makers = storeOf(ORIGINS_FILE, ORIGINS_BYTES)
  const past = keptPast(makers, seal.makers, clock)
  const { transcripts, compactionShadows } = config.router
  const kept = transcripts !== undefined || compactionShadows !== undefined
  const looking = Promise.all([makers.look(), kept ? texts.look() : undefined])
  return {
    seal,
    keep: layered(memoryKeep(clock, KEPT_BYTES), texts),
    copies: memoryKeep(clock, COPIED_LETTERS),
    mirror: alone ? new Mirror(clock, MIRRORED_LETTERS) : undefined,
    origins: createOrigins(clock, { past, config: current }),
    looking,
    closeKeeping: async () => {
      past.flush()
      await Promise.all([texts.close(CLOSE_MS), makers.close(CLOSE_MS)])
    },
  }
}

import type { Transport } from './attempt/transport.ts'
import type { Config } from './config/config.ts'
import type { Vault } from './credentials/vault.ts'
import type { MemoryBudget } from './read/memory.ts'
import type { Journal } from './record/log.ts'
import type { Seal } from './seal.ts'
import type { Board } from './shared/board.ts'
import type { Keep } from './shared/keep.ts'
import type { Mirror } from './shared/mirror.ts'

/** Time as the engine sees it; tests put virtual time here. */
export type Clock = {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Milliseconds since the epoch. */
  readonly wall: () => number
  /** Runs `action` once after `ms`; the returned function cancels it. */
  readonly after: (ms: number, action: () => void) => () => void
}

export type Dice = {
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** What outlives a call. Everything with a clock, a die, a socket or a disk behind it comes from here. */
export type House = {
  /** The configuration in force now; a call takes it once and keeps it. */
  readonly config: () => Config
  readonly clock: Clock
  readonly dice: Dice
  readonly board: Board
  readonly transport: Transport
  /** Credentials that are fetched, and renewed before they expire. */
  readonly vault: Vault
  readonly seal: Seal
  /** What is kept for a time; sealed before it comes here. */
  readonly keep: Keep
  /** Items of answers, as they were told: of this process alone, so nothing is sealed. */
  readonly copies: Keep
  /** What conversations hold; absent where other processes serve the same ones. */
  readonly mirror?: Mirror | undefined
  readonly memory: MemoryBudget
  readonly journal: Journal
  /** A line in the log that is not a request. */
  readonly event: (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void
}

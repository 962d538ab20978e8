import type { Config } from './config/config.ts'
import type { Board } from './shared/board.ts'
import type { Transport } from './attempt/transport.ts'

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
}

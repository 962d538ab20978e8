import type { Clock } from '../house.ts'

/** One addition to a conversation: a client's `input` and a provider's `output`, as they were written. */
export type Exchange = { readonly input: string; readonly output: string }

/** About what an exchange takes beside its letters. */
const ENTRY_BYTES = 256

type Held = {
  readonly boundary: string
  readonly madeAt: number
  readonly exchanges: Exchange[]
  bytes: number
  /** Turns that are being answered. */
  open: number
}

/** A turn on its way: its conversation is whole again when it is known what became of it. */
export type Turn = {
  /** Its owner has answered, and added this. */
  readonly done: (exchange: Exchange) => void
  /** It is over. `uncertain`: its owner may have added something that was not seen here. Idempotent. */
  readonly end: (uncertain: boolean) => void
}

/**
 * What conversations hold, as far as this process has seen all of it: their making, and everything since. One that may
 * hold anything else is forgotten. In memory alone: what happens while nobody looks cannot be known.
 */
export class Mirror {
  readonly #clock: Pick<Clock, 'now'>
  readonly #mostBytes: number
  readonly #held = new Map<string, Held>()
  #bytes = 0

  constructor(clock: Pick<Clock, 'now'>, mostBytes: number) {
    this.#clock = clock
    this.#mostBytes = mostBytes
  }

  /** `id` is the provider's own, of the account `boundary`; `items` what it was made with. */
  made(id: string, boundary: string, items: string): void {
    this.lost(id)
    this.#held.set(id, { boundary, madeAt: this.#clock.now(), exchanges: [], bytes: 0, open: 0 })
    this.added(id, { input: items, output: '[]' })
  }

  added(id: string, exchange: Exchange): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    const bytes = exchange.input.length + exchange.output.length + ENTRY_BYTES
    held.exchanges.push(exchange)
    held.bytes += bytes
    this.#bytes += bytes
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#mostBytes) return
      this.lost(oldest)
    }
  }

  lost(id: string): void {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0
    this.#held.delete(id)
  }

  /** undefined: it is not mirrored. */
  begin(id: string): Turn | undefined {
    const held = this.#held.get(id)
    if (held === undefined) return undefined
    held.open += 1
    let over = false
    const close = (settle: () => void): void => {
      if (over) return
      over = true
      held.open -= 1
      // It may have been forgotten meanwhile, and made anew.
      if (this.#held.get(id) === held) settle()
    }
    return {
      done: exchange => close(() => this.added(id, exchange)),
      end: uncertain => close(() => (uncertain ? this.lost(id) : undefined)),
    }
  }

  /** All that it holds, for one of its turns; undefined: that is not known, or another turn is on its way. */
  whole(id: string, boundary: string, ttlMs: number): readonly Exchange[] | undefined {
    const held = this.#held.get(id)
    if (held === undefined || held.boundary !== boundary || held.open > 1) return undefined
    return this.#clock.now() - held.madeAt > ttlMs ? undefined : held.exchanges
  }
}

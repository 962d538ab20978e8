import type { Caller } from './authenticate/caller.ts'
import type { Signal } from './signal.ts'

/** What the gateway knows about a call and the provider must never learn. */
export type Facts = {
  readonly callId: string
  readonly caller: Caller
  /** clock.now() at arrival. */
  readonly arrivedAt: number
  readonly userAgent: string
  readonly sessionId: string | undefined
  /** The `user` of the body, for the record only; the body keeps its own. */
  readonly endUser: string | undefined
  readonly tags: readonly string[]
  /** Aborts when the client leaves. */
  readonly departed: Signal
}

/**
 * The gateway's side of a call. A class with private state on purpose: it is not assignable to Json, spreads to
 * nothing, and refuses to be serialised, so it cannot slip into an upstream body by accident.
 */
export class Context {
  readonly #facts: Facts
  constructor(facts: Facts) {
    this.#facts = facts
  }
  get callId(): string {
    return this.#facts.callId
  }
  get caller(): Caller {
    return this.#facts.caller
  }
  get arrivedAt(): number {
    return this.#facts.arrivedAt
  }
  get userAgent(): string {
    return this.#facts.userAgent
  }
  get sessionId(): string | undefined {
    return this.#facts.sessionId
  }
  get endUser(): string | undefined {
    return this.#facts.endUser
  }
  get tags(): readonly string[] {
    return this.#facts.tags
  }
  get departed(): Signal {
    return this.#facts.departed
  }
  toJSON(): never {
    throw new TypeError('A Context has no serial form: take the one value you need and pass that.')
  }
}

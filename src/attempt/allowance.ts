import type { Call } from '../call.ts'
import type { Clock } from '../house.ts'
import type { Signal } from '../signal.ts'
import { classify } from './classify.ts'
import type { Failed } from './outcome.ts'

/**
 * What one request may spend over all its groups: time and attempts. The time holds until the answer is there, or its
 * stream has begun. As a signal it aborts when the client leaves or the time is over; there is a timer only while
 * somebody listens, so a request that waits for nothing pays for none.
 */
export class Allowance implements Signal {
  /** Milliseconds in all; Infinity: no limit. */
  readonly totalMs: number
  /** The client chose the time. */
  readonly byClient: boolean
  attemptsLeft: number
  /** Milliseconds in the queues of resting groups so far, whoever was looked at since. */
  queuedMs = 0
  readonly #endsAt: number
  readonly #clock: Clock
  readonly #call: Call
  /** Each with the way to forget it. */
  #listeners: Map<() => void, () => void> | undefined

  constructor(call: Call, clock: Clock) {
    const { totalTimeoutMs, usualTotalMs, maxAttempts } = call.config.router.failover
    const asked = call.controls.timeoutMs
    // A client may have less time than the operator grants, and never more than the operator wrote down.
    this.byClient = asked !== undefined && asked <= (totalTimeoutMs ?? Number.POSITIVE_INFINITY)
    this.totalMs = this.byClient && asked !== undefined ? asked : (totalTimeoutMs ?? usualTotalMs)
    this.attemptsLeft = maxAttempts
    this.#clock = clock
    this.#call = call
    this.#endsAt = call.context.arrivedAt + this.totalMs
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now())
  }
  /** A limit of this many milliseconds from now, within what is left of the request's time. */
  within(ms: number | undefined): number | undefined {
    const { leftMs } = this
    return leftMs === Number.POSITIVE_INFINITY || (ms !== undefined && ms <= leftMs) ? ms : leftMs
  }
  get over(): boolean {
    return this.#clock.now() >= this.#endsAt
  }
  /** No further attempt is made. */
  get spent(): boolean {
    return this.attemptsLeft <= 0 || this.over
  }
  get aborted(): boolean {
    return this.#call.context.departed.aborted || this.over
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    const { departed } = this.#call.context
    const hear = (): void => {
      this.removeEventListener('abort', listener)
      listener()
    }
    departed.addEventListener('abort', hear, { once: true })
    const timed = this.totalMs !== Number.POSITIVE_INFINITY
    const disarm = timed ? this.#clock.after(this.leftMs, hear) : undefined
    // Whichever comes first takes the other back.
    this.#listeners ??= new Map()
    this.#listeners.set(listener, () => {
      departed.removeEventListener('abort', hear)
      disarm?.()
    })
  }
  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.get(listener)?.()
    this.#listeners?.delete(listener)
  }

  /** What the client is told when the time is over before anybody has answered. */
  ranOut(): Failed {
    const failure = classify({
      kind: 'timeout',
      phase: 'total',
      limitMs: this.totalMs,
      tookMs: this.#clock.now() - this.#call.context.arrivedAt,
      byClient: this.byClient,
      ofRequest: true,
      provider: { exception: '' },
    })
    return { kind: 'failed', failure, upstreamStatus: undefined }
  }
}

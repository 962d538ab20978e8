import type { StreamDecoder, StreamEvent } from '../dialects/shape.ts'
import type { Clock } from '../house.ts'
import { END_MS } from './gate.ts'
import { nearer } from './limits.ts'
import { Diverged } from './resume-joint.ts'
import { type Answer, TransportFault } from './transport.ts'

/** Why a stream stopped before its own end. */
export type Trouble =
  | { readonly kind: 'fault'; readonly fault: TransportFault }
  | { readonly kind: 'timeout'; readonly phase: 'first_token' | 'idle' | 'attempt'; readonly tookMs: number }
  | { readonly kind: 'malformed' }
  /** An answer that was to go on with a broken one says something else. */
  | { readonly kind: 'diverged' }
  | { readonly kind: 'oversize' }

/** Hears a stream. `events` may come many times; then exactly one of `end` and `trouble`, and nothing after. */
export type Listener = {
  readonly events: (batch: readonly StreamEvent[]) => void
  readonly end: () => void
  readonly trouble: (trouble: Trouble) => void
}

export type Watch = {
  readonly clock: Clock
  /** From the response head to the first content. */
  readonly firstTokenMs: number | undefined
  /** Between two events that say something, once content has come. */
  readonly idleMs: number | undefined
  /** clock.now() at which the answer has to be over, read or not. */
  readonly until: number | undefined
}

/**
 * A streamed answer as events. One listener at a time: first the commit gate, then the relay to the client.
 * One timer for its whole life, however many chunks come: it looks at the time of the last event when it fires.
 */
export class LiveStream {
  readonly #answer: Answer
  readonly #decoder: StreamDecoder
  readonly #watch: Watch
  #listener: Listener | undefined
  #committed = false
  #over = false
  #paused = false
  readonly #startedAt: number
  #lastAt: number
  #endBy: number | undefined
  #endMs = END_MS
  /** The decoder has told the end, and no rule of the client's dialect. */
  #decoderEnds = false
  #cancelTimer: () => void = () => {}

  constructor(answer: Answer, decoder: StreamDecoder, watch: Watch) {
    this.#answer = answer
    this.#decoder = decoder
    this.#watch = watch
    this.#startedAt = watch.clock.now()
    this.#lastAt = this.#startedAt
  }

  listen(listener: Listener): void {
    const first = this.#listener === undefined
    this.#listener = listener
    if (!first) return
    this.#arm()
    this.#answer.read({
      data: chunk => this.#data(chunk),
      end: () => this.#end(),
      error: error => this.#broke(error),
    })
  }
  /** From here on the idle limit holds instead of the first-token limit. */
  commit(): void {
    this.#committed = true
    this.#lastAt = this.#watch.clock.now()
    this.#cancelTimer()
    if (!this.#over) this.#arm()
  }
  /**
   * Something was said: the idle limit begins anew. Comments, pings and empty events keep the connection alive, not the
   * answer.
   */
  spoke(): void {
    this.#lastAt = this.#watch.clock.now()
    // Some models give a reason with every word: an answer that goes on has not ended.
    if (this.#endBy !== undefined) this.#endBy = this.#lastAt + this.#endMs
  }
  /** The answer is whole and only its end is missing: after `ms` without it, this is the end. undefined: it goes on. */
  endWithin(ms: number | undefined): void {
    if (this.#over || (ms === undefined && this.#endBy === undefined)) return
    if (ms !== undefined) this.#endMs = ms
    this.#endBy = ms === undefined ? undefined : this.#watch.clock.now() + ms
    this.#cancelTimer()
    this.#arm()
  }
  pause(): void {
    this.#paused = true
    this.#answer.pause()
  }
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#lastAt = this.#watch.clock.now()
    this.#answer.resume()
  }
  /** Closes the upstream; the listener hears nothing more. */
  abort(): void {
    this.#finish()
    this.#answer.abort()
  }

  #data(chunk: Uint8Array): void {
    if (this.#over) return
    let batch: readonly StreamEvent[]
    try {
      batch = this.#decoder.push(chunk)
    } catch (error) {
      return this.#stop({ kind: error instanceof Diverged ? 'diverged' : 'oversize' })
    }
    if (this.#decoder.keptBack?.() === true) this.#keptBack()
    this.#hear(batch)
    const ends = this.#decoder.finished?.() === true
    if (ends !== this.#decoderEnds) this.endWithin(ends ? END_MS : undefined)
    this.#decoderEnds = ends
  }
  /** What breaks behind the end of an answer breaks nothing of it. */
  #broke(error: Error): void {
    if (this.#decoder.finished?.() === true) return this.#endHere()
    const known = error instanceof TransportFault
    this.#stop({
      kind: 'fault',
      fault: known ? error : new TransportFault('reset', 'The stream broke.', true),
    })
  }
  /** Content that is kept back is content: from here on the idle limit holds. */
  #keptBack(): void {
    if (this.#committed) this.spoke()
    else this.commit()
  }
  #hear(batch: readonly StreamEvent[]): void {
    if (batch.length === 0) return
    this.#listener?.events(batch)
  }
  #end(): void {
    if (this.#over) return
    let rest: readonly StreamEvent[]
    try {
      rest = this.#decoder.end()
    } catch (error) {
      return this.#stop({ kind: error instanceof Diverged ? 'diverged' : 'malformed' })
    }
    this.#hear(rest)
    if (this.#over) return
    this.#finish()
    this.#listener?.end()
  }
  #stop(trouble: Trouble): void {
    if (this.#over) return
    this.abort()
    this.#listener?.trouble(trouble)
  }
  #finish(): void {
    this.#over = true
    this.#cancelTimer()
  }
  /** When the next limit ends; undefined: there is none. */
  #dueAt(): number | undefined {
    const { firstTokenMs, idleMs, until } = this.#watch
    const silent = this.#committed ? after(this.#lastAt, idleMs) : after(this.#startedAt, firstTokenMs)
    return nearer(nearer(silent, until), this.#endBy)
  }
  #arm(): void {
    const due = this.#dueAt()
    const { clock } = this.#watch
    if (due !== undefined) this.#cancelTimer = clock.after(Math.max(0, due - clock.now()), () => this.#look())
  }
  #look(): void {
    const { clock, firstTokenMs, idleMs, until } = this.#watch
    const now = clock.now()
    if (until !== undefined && now >= until)
      return this.#stop({ kind: 'timeout', phase: 'attempt', tookMs: now - this.#startedAt })
    // The gate has opened and nobody listens yet: the commit sets the next limit.
    if (this.#paused && !this.#committed) return
    // A client that does not read is not an upstream that does not send.
    if (this.#paused) this.#lastAt = now
    const limit = this.#committed ? idleMs : firstTokenMs
    const waited = now - (this.#committed ? this.#lastAt : this.#startedAt)
    if (limit !== undefined && waited >= limit)
      return this.#stop({ kind: 'timeout', phase: this.#committed ? 'idle' : 'first_token', tookMs: waited })
    if (this.#endBy !== undefined && now >= this.#endBy) {
      if (!this.#paused) return this.#endHere()
      this.#endBy = undefined
    }
    this.#arm()
  }
  #endHere(): void {
    this.#end()
    this.#answer.abort()
  }
}

const after = (from: number, ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : from + ms

import type { Continuation, Delivered, Said } from '../dialects/continuation.ts'
import type { StreamDecoder, StreamEvent, StreamRules, Usage } from '../dialects/shape.ts'
import { usageAfter } from './progress.ts'

/** The new answer is not the one that the client has the beginning of. */
export class Diverged extends Error {
  constructor() {
    super('The new answer differs from what was delivered.')
    this.name = 'Diverged'
  }
}

/** How a deployment was asked to go on. */
export type Mode = 'continuation' | 'splice'

/** A target that repeats this much of what it was given begins at the start again: no coincidence. */
const LEAST_ECHO = 16

export type Parts = {
  readonly inner: StreamDecoder
  readonly rules: StreamRules
  readonly continuation: Continuation
  readonly delivered: Delivered
}

const NONE: readonly StreamEvent[] = []

/** What the two ways of going on have in common: what is kept back, and how events are fitted into the stream. */
abstract class Joint implements StreamDecoder {
  protected readonly rules: StreamRules
  protected readonly continuation: Continuation
  protected readonly delivered: Delivered
  readonly #inner: StreamDecoder
  readonly #graft: ReturnType<Continuation['graft']>
  #keptBack = false
  #withheld: Usage | undefined

  constructor({ inner, rules, continuation, delivered }: Parts) {
    this.#inner = inner
    this.rules = rules
    this.continuation = continuation
    this.delivered = delivered
    this.#graft = continuation.graft(delivered)
  }
  push(chunk: Uint8Array): readonly StreamEvent[] {
    return this.#inner.push(chunk).flatMap(event => this.take(event))
  }
  end(): readonly StreamEvent[] {
    return this.#inner.end().flatMap(event => this.take(event))
  }
  finished(): boolean {
    return this.#inner.finished?.() === true
  }
  keptBack(): boolean {
    const kept = this.#keptBack
    this.#keptBack = false
    return kept
  }
  withheld(): Usage | undefined {
    const usage = this.#withheld
    this.#withheld = undefined
    return usage
  }
  protected abstract take(event: StreamEvent): readonly StreamEvent[]
  protected keep(event: StreamEvent, spoke: boolean): readonly StreamEvent[] {
    this.#graft.learn(event)
    this.#count(event)
    if (spoke) this.#keptBack = true
    return NONE
  }
  protected pass(event: StreamEvent): readonly StreamEvent[] {
    if (event.data === undefined) return [event]
    const fitted = this.#graft.fit(event)
    if (fitted !== undefined) return [fitted].flat()
    this.#count(event)
    return NONE
  }
  /** Some dialects count the prompt in an event that the client has had from another answer: it is paid all the same. */
  #count(event: StreamEvent): void {
    const sight = this.rules.sight(event)
    if (sight.kind === 'error' || sight.usage === undefined) return
    this.#withheld = usageAfter(this.rules, this.#withheld, sight.usage)
  }
  protected endsAnswer(event: StreamEvent): boolean {
    const { kind } = this.rules.sight(event)
    return kind === 'final' || kind === 'terminal'
  }
}

/**
 * A verified splice: nothing is passed on until the new answer has said, byte for byte, what the client has; from then
 * on only what is new. Throws Diverged at the first difference.
 */
class Splice extends Joint {
  /** How far each channel has been repeated. */
  readonly #done = new Map<string, number>()
  #caughtUp = false

  protected take(event: StreamEvent): readonly StreamEvent[] {
    if (this.#caughtUp) return this.pass(event)
    if (event.data === undefined) return NONE
    // The gate and the relay know what an error means.
    if (this.rules.sight(event).kind === 'error') return [event]
    const said = this.continuation.said(event)
    if (said === 'other') throw new Diverged()
    const rest = said.flatMap(piece => this.#compared(piece))
    this.#caughtUp = [...this.delivered.texts].every(
      ([channel, text]) => (this.#done.get(channel) ?? 0) >= text.length,
    )
    if (this.#caughtUp) return this.#first(event, rest)
    // More was said in one place before all was repeated in another, or the answer ends too early.
    if (rest.length > 0 || this.endsAnswer(event)) throw new Diverged()
    return this.keep(event, said.length > 0)
  }
  /** What this piece says beyond the delivered text of its channel. */
  #compared(piece: Said): readonly Said[] {
    const { channel, text, whole } = piece
    const expected = this.delivered.texts.get(channel)
    // Thinking that the first answer kept to itself is no difference in what it said.
    if (expected === undefined) return piece.aside === true ? [] : [piece]
    const from = this.#done.get(channel) ?? 0
    const common = expected.slice(from, from + text.length)
    if (!text.startsWith(common) || (whole === true && text !== expected)) throw new Diverged()
    this.#done.set(channel, from + common.length)
    return common.length === text.length ? [] : [{ ...piece, text: text.slice(common.length) }]
  }
  /** The event with which the repetition was complete: what it says beyond goes out, and so does an end it tells. */
  #first(event: StreamEvent, rest: readonly Said[]): readonly StreamEvent[] {
    if (rest.length === 0 && !this.endsAnswer(event)) return this.keep(event, true)
    return this.pass(this.continuation.saying(event, rest))
  }
}

/**
 * A continuation: the target was given what the client has and goes on from it. One that says it all over again is cut
 * where it repeats; the beginning of its stream, and thinking before it speaks, the client has had.
 */
class Sequel extends Joint {
  #speaking = false
  /** Events that may be a repetition, and what they say. */
  #held: { readonly event: StreamEvent; readonly pieces: readonly Said[] }[] = []
  #heard = ''

  override end(): readonly StreamEvent[] {
    return [...super.end(), ...this.#release()]
  }
  protected take(event: StreamEvent): readonly StreamEvent[] {
    if (this.#speaking) return this.pass(event)
    if (event.data === undefined) return NONE
    if (this.rules.sight(event).kind === 'error') return [event]
    const said = this.continuation.said(event)
    if (said === 'other') return [...this.#release(), ...this.pass(event)]
    const pieces = said.filter(piece => piece.aside !== true)
    const [first] = pieces
    if (first !== undefined) return this.#hear(event, pieces, first.channel)
    return this.endsAnswer(event)
      ? [...this.#release(), ...this.pass(event)]
      : this.keep(event, said.length > 0)
  }
  #hear(event: StreamEvent, pieces: readonly Said[], channel: string): readonly StreamEvent[] {
    const given = this.delivered.texts.get(channel) ?? ''
    this.#heard += pieces.map(piece => piece.text).join('')
    const heard = this.#heard
    const echo =
      given.length >= LEAST_ECHO &&
      (heard.length < given.length ? given.startsWith(heard) : heard.startsWith(given))
    if (!echo) return [...this.#release(), ...this.pass(this.continuation.saying(event, pieces))]
    if (heard.length < given.length && !this.endsAnswer(event)) {
      this.#held.push({ event, pieces })
      return this.keep(event, true)
    }
    if (heard.length < given.length) return [...this.#release(), ...this.pass(event)]
    this.#held = []
    this.#speaking = true
    const text = heard.slice(given.length)
    if (text === '' && !this.endsAnswer(event)) return this.keep(event, true)
    return this.pass(this.continuation.saying(event, text === '' ? [] : [{ channel, text }]))
  }
  /** It was no repetition: what was held back is said. */
  #release(): readonly StreamEvent[] {
    this.#speaking = true
    const held = this.#held
    this.#held = []
    return held.flatMap(({ event, pieces }) => this.pass(this.continuation.saying(event, pieces)))
  }
}

/** The decoder of an answer that goes on with a broken one. Its `push` throws Diverged. */
export const jointDecoder = (mode: Mode, parts: Parts): StreamDecoder =>
  mode === 'splice' ? new Splice(parts) : new Sequel(parts)

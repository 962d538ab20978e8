import type { Clock } from '../house.ts'
import type { HealthEvent } from './ports.ts'

/** So many subjects are remembered; the oldest are forgotten first. */
export const MOST_STANDING = 10_000

/** A recovery is remembered at least this long, so that a rest which was told late does not come back. */
export const RECOVERY_KEPT_MS = 300_000

type Of<Kind extends HealthEvent['kind']> = Extract<HealthEvent, { readonly kind: Kind }>

type Subject = {
  /** A rest or a bound. */
  holds: Of<'rest'> | Of<'bound'> | undefined
  over: Of<'recovery'> | undefined
  /** Milliseconds since the epoch; nothing has to be known of it afterwards. */
  until: number
}

/** What an event is about: of two that hold, the later deadline counts. */
export const subjectOf = (event: HealthEvent): string =>
  event.kind === 'bound' ? `bound ${event.domain}` : `rest ${event.domain} ${event.deployment ?? ''}`

/**
 * What holds by all that was told and heard so far. What comes twice, what is shorter than what is known, and what was
 * over before it came change nothing.
 */
export class Standing {
  readonly #clock: Pick<Clock, 'wall'>
  readonly #capacity: number
  readonly #subjects = new Map<string, Subject>()

  constructor(clock: Pick<Clock, 'wall'>, capacity = MOST_STANDING) {
    this.#clock = clock
    this.#capacity = capacity
  }

  get size(): number {
    return this.#subjects.size
  }

  /** False: it changes nothing, and nobody need hear of it. */
  take(event: HealthEvent): boolean {
    const key = subjectOf(event)
    const known = this.#subjects.get(key) ?? { holds: undefined, over: undefined, until: 0 }
    const news = event.kind === 'recovery' ? this.#recover(known, event) : this.#hold(known, event)
    if (!news) return false
    this.#subjects.delete(key)
    this.#makeRoom()
    this.#subjects.set(key, known)
    return true
  }

  /** What somebody has to be told who knows nothing: for one subject a recovery comes before what began after it. */
  *events(): Iterable<HealthEvent> {
    const now = this.#clock.wall()
    for (const { holds, over, until } of this.#subjects.values()) {
      if (until <= now) continue
      if (over !== undefined) yield over
      if (holds !== undefined && endOf(holds) > now) yield holds
    }
  }

  #hold(known: Subject, event: Of<'rest'> | Of<'bound'>): boolean {
    const until = endOf(event)
    if (until <= this.#clock.wall()) return false
    // A deadline only moves later.
    if (known.holds !== undefined && endOf(known.holds) >= until) return false
    // An attempt that began after it has been answered meanwhile.
    if (event.kind === 'rest' && known.over !== undefined && known.over.began > event.began) return false
    known.holds = event
    known.until = Math.max(known.until, until)
    return true
  }

  #recover(known: Subject, event: Of<'recovery'>): boolean {
    if (known.over !== undefined && known.over.began >= event.began) return false
    known.over = event
    // Remembered as long as what it ended could be told again.
    known.until = Math.max(known.until, this.#clock.wall() + RECOVERY_KEPT_MS)
    if (known.holds?.kind === 'rest' && known.holds.began < event.began) known.holds = undefined
    return true
  }

  #makeRoom(): void {
    if (this.#subjects.size < this.#capacity) return
    const now = this.#clock.wall()
    for (const [key, { until }] of this.#subjects) if (until <= now) this.#subjects.delete(key)
    const oldest = this.#subjects.keys().next()
    if (this.#subjects.size >= this.#capacity && !oldest.done) this.#subjects.delete(oldest.value)
  }
}

/** Milliseconds since the epoch. */
export const endOf = (event: Of<'rest'> | Of<'bound'>): number =>
  event.kind === 'bound' ? event.until : event.rest.until

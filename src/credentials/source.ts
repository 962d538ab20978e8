import { scrub } from '../config/mask.ts'
import { maskText } from '../dialects/error-mask.ts'
import type { Clock, Dice } from '../house.ts'
import { CredentialFault, type Fetched, type Held, type Recipe } from '../providers/recipe.ts'

/** Nobody holds the credential now, and why. The message is safe to show and names the mend. */
export class NoCredential extends Error {}

export type Surroundings = {
  readonly clock: Clock
  readonly dice: Dice
  /** Fetches once, within a limit. Rejects with CredentialFault. */
  readonly fetch: (recipe: Recipe) => Promise<Fetched>
  readonly event: (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void
  /** The recipe brings a credential again, or another one than the provider has refused. */
  readonly mended: (recipe: Recipe) => void
}

/** Renewed when this share of its life is left, and no earlier than so long before the end. */
const AHEAD_SHARE = 1 / 4
const AHEAD_MS = 15 * 60_000
/** Up to this share earlier still, so that a fleet does not renew in one moment. */
const JITTER = 0.2
/** Not used in its last moments: a request takes time to arrive. */
const MARGIN_SHARE = 0.05
const MARGIN_MS = 5_000
/** What does not expire may be replaced where it is written. */
const LOOK_AGAIN_MS = 15 * 60_000
/** Between two failed fetches: doubled, half of it at random. */
const RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** A provider that refuses a credential younger than this is not answered with another fetch. */
const DOUBT_MS = 30_000

const markOf = (held: Held | undefined): string | undefined =>
  held?.kind === 'keys' ? held.secretAccessKey.id : held?.token.id

/**
 * One credential: fetched once for however many wait, used until it expires, renewed in the background before that.
 * `take` answers at once while one is in force, whatever the renewal meets.
 */
export class Source {
  readonly #recipe: Recipe
  readonly #around: Surroundings
  /** False: somebody needs it now, and perhaps nobody later. */
  #standing = false
  #held: Held | undefined
  /** Wall times: a machine that slept wakes up with an old credential. */
  #fetchedAt = 0
  #expiresAt = 0
  #renewAt = 0
  #retryAt = 0
  #failures = 0
  #fault: NoCredential | undefined
  #doubted = false
  #flight: Promise<Held> | undefined
  #cancel: (() => void) | undefined
  #closed = false

  constructor(recipe: Recipe, around: Surroundings) {
    this.#recipe = recipe
    this.#around = around
  }

  /** From now on it is fetched and renewed by itself. */
  stand(): void {
    if (this.#standing) return
    this.#standing = true
    if (this.#flight !== undefined) return
    if (this.#held === undefined) this.#begin()
    else this.#later(this.#renewAt)
  }

  /** The credential in force; a promise only while there is none. It rejects with NoCredential. */
  take(): Held | Promise<Held> {
    const now = this.#around.clock.wall()
    const held = this.#held
    if (held !== undefined && now < this.#expiresAt) {
      if (now >= this.#renewAt && now >= this.#retryAt && this.#flight === undefined) this.#begin()
      return held
    }
    if (this.#flight !== undefined) return this.#flight
    // Just failed: whoever asks now hears the same, and the next try is on its way.
    if (now < this.#retryAt && this.#fault !== undefined) return Promise.reject(this.#fault)
    return this.#begin()
  }

  /** The provider has refused the credential: another one may be there by now. */
  doubt(): void {
    if (this.#flight !== undefined || this.#around.clock.wall() - this.#fetchedAt < DOUBT_MS) return
    this.#doubted = true
    this.#begin()
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #begin(): Promise<Held> {
    this.#cancel?.()
    const { clock, fetch } = this.#around
    const asked = clock.wall()
    const flight = fetch(this.#recipe).then(
      fetched => this.#succeed(fetched, asked),
      (error: unknown) => this.#fail(error),
    )
    this.#flight = flight
    // Nobody may be waiting: a failure is remembered all the same.
    flight.catch(() => {})
    return flight
  }

  #succeed({ held, livesMs }: Fetched, asked: number): Held {
    if (livesMs !== undefined && livesMs <= 0) return this.#fail(new CredentialFault('expired'))
    const { dice, event, mended } = this.#around
    const isAnother = markOf(held) !== markOf(this.#held)
    const isMended = this.#fault !== undefined || (this.#doubted && isAnother)
    if (this.#failures > 0)
      event('info', 'A credential is fetched again.', { credential: this.#recipe.title })
    const lives = livesMs ?? Number.POSITIVE_INFINITY
    const ahead = Math.min(AHEAD_MS, lives * AHEAD_SHARE) * (1 + JITTER * dice.random())
    this.#held = held
    this.#fetchedAt = asked
    this.#expiresAt = asked + lives - Math.min(MARGIN_MS, lives * MARGIN_SHARE)
    this.#renewAt = asked + (livesMs === undefined ? LOOK_AGAIN_MS : lives - ahead)
    this.#failures = 0
    this.#retryAt = 0
    this.#fault = undefined
    this.#doubted = false
    this.#flight = undefined
    this.#later(this.#renewAt)
    if (isMended) mended(this.#recipe)
    return held
  }

  #fail(error: unknown): never {
    const { clock, dice } = this.#around
    const { title, mend } = this.#recipe
    const now = clock.wall()
    const longest = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** Math.min(this.#failures, 20))
    this.#failures += 1
    this.#retryAt = now + longest * (0.5 + dice.random() / 2)
    this.#flight = undefined
    const told =
      error instanceof CredentialFault
        ? error
        : new CredentialFault('gateway error', { detail: error instanceof Error ? error.message : '' })
    const fault = new NoCredential(`${title} could not be fetched (${told.reason}): ${mend}`)
    const leftMs = this.#held === undefined ? 0 : Math.max(0, this.#expiresAt - now)
    if (leftMs === 0) this.#fault = fault
    this.#later(this.#retryAt)
    if (!this.#closed) this.#tell(told, leftMs)
    throw fault
  }

  #tell({ reason, notes }: CredentialFault, leftMs: number): void {
    const { title, mend, secrets } = this.#recipe
    const { detail, where } = notes
    const safe = maskText(
      scrub(
        detail ?? '',
        secrets.map(secret => secret.reveal()),
      ),
    )
    const more = { ...(safe === '' ? {} : { detail: safe }), ...(where === undefined ? {} : { where }) }
    const fields = { credential: title, reason, ...more, mend }
    if (leftMs > 0)
      this.#around.event(
        'warn',
        'A credential could not be renewed; the one in hand is used until it expires.',
        {
          ...fields,
          ...(Number.isFinite(leftMs) ? { expires_in_seconds: Math.round(leftMs / 1000) } : {}),
        },
      )
    else
      this.#around.event(
        'error',
        'A credential could not be fetched; calls that need it fail until it can be.',
        fields,
      )
  }

  #later(wall: number): void {
    if (!this.#standing || this.#closed) return
    const { clock } = this.#around
    this.#cancel = clock.after(Math.max(0, wall - clock.wall()), () => {
      if (this.#flight === undefined) this.#begin()
    })
  }
}

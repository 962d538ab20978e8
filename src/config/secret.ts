import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

/** A credential. Reveals itself only on request; prints, logs and serialises as [secret]. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  reveal(): string {
    return this.#value
  }
  /** Stable short id for maps and rate-limit domains: the first 16 hex digits of SHA-256. */
  get id(): string {
    return createHash('sha256').update(this.#value).digest('hex').slice(0, 16)
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

import { createHash } from 'node:crypto'
import type { Secret } from '../config/secret.ts'

/**
 * Credentials that have to be fetched. A provider says how, as a recipe in its Connection; src/credentials/ fetches,
 * keeps and renews, and hands the one in force to `authorize`. A provider opens no socket and keeps no token itself.
 *
 *     const recipe = …                                    // made in connect(), pure
 *     return {
 *       credentialId: recipe.identity,
 *       missing: undefined,
 *       recipe,
 *       authorize: (draft, _now, held) => unlessGiven(draft, bearerOf(held)),
 *       …
 *     }
 */

/** A credential in force. */
export type Held =
  | { readonly kind: 'bearer'; readonly token: Secret }
  | {
      readonly kind: 'keys'
      readonly accessKeyId: string
      readonly secretAccessKey: Secret
      readonly sessionToken: Secret | undefined
    }

export type Fetched = {
  readonly held: Held
  /** Milliseconds from the moment it was asked for; undefined: it does not expire, and is only looked after now and then. */
  readonly livesMs: number | undefined
}

export type Recipe = {
  /** A hash of everything that decides which credential it is: deployments with equal recipes share one. */
  readonly id: string
  /** A hash of who signs in, the same on every machine: for the rate-limit domain and the trust boundary. */
  readonly identity: string
  /** As a sentence begins: 'the AWS credential'. Shown to clients: no name of a host, an account or a secret. */
  readonly title: string
  /** What the operator can do when it cannot be fetched. Shown to clients as well. */
  readonly mend: string
  /** What must not be told, wherever somebody repeats it. */
  readonly secrets: readonly Secret[]
  /** Asks for a credential once; whoever holds the recipe repeats it. Rejects with CredentialFault. */
  readonly fetch: (tools: Tools) => Promise<Fetched>
}

export type TokenRequest = {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
}

export type TokenAnswer = {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** What a recipe may do. Each rejects with CredentialFault, and none of them repeats anything. */
export type Tools = {
  /** Milliseconds since the epoch. */
  readonly wall: () => number
  readonly exchange: (request: TokenRequest) => Promise<TokenAnswer>
  /** A small text file of the operator's. */
  readonly readFile: (path: string) => Promise<string>
  /** Runs a program on a thread of its own with this environment; resolves to the one message it posts. */
  readonly aside: (program: URL, order: AsideOrder) => Promise<unknown>
}

export type AsideOrder = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Structured data, for the program's workerData. */
  readonly data: unknown
}

/** More about a failed fetch, for the operator's log only. */
export type FaultNotes = {
  /** What the other side said; masked before it is written down. */
  readonly detail?: string
  /** The address or the file that was asked, as the operator configured it: nothing secret. */
  readonly where?: string
}

/** Why a credential could not be fetched. `reason` is a word or two for anybody. */
export class CredentialFault extends Error {
  readonly reason: string
  readonly notes: FaultNotes
  constructor(reason: string, notes: FaultNotes = {}) {
    super(reason)
    this.reason = reason
    this.notes = notes
  }
}

/** The id of a recipe: parts that differ give ids that differ. */
export const recipeId = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)

const NO_PAIRS: readonly (readonly [string, string])[] = []

/** The header of a bearer token; none while nobody holds one (a rehearsal). */
export const bearerOf = (held: Held | undefined): readonly (readonly [string, string])[] =>
  held?.kind === 'bearer' ? [['authorization', `Bearer ${held.token.reveal()}`]] : NO_PAIRS

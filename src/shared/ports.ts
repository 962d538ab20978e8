import type { CooldownRule, FailureClass } from '../failure.ts'

/** soft: may pass by itself. rate_limit: the provider wants to be left alone. hard: waiting does not mend it. */
export type RestKind = Exclude<CooldownRule, 'none'>

/** Why a deployment or a rate-limit domain is left alone. Plain data. */
export type Rest = {
  /** clock.now() value. */
  readonly until: number
  readonly kind: RestKind
  /** How many soft rests there have been without recovery between them: each is twice as long as the one before. */
  readonly level: number
  /** Nothing but time, a success or the operator ends it: not even that nobody else is left. */
  readonly firm: boolean
  readonly status: number
  readonly because: FailureClass
}

/**
 * What one board has learned and the others should know. Plain JSON, moments in milliseconds since the epoch: it may
 * go through a socket or a server. Every event can be heard twice, late and in any order: a deadline only moves later,
 * and a recovery ends only what began before it. A domain is a hash of the credential beside an address and a model's
 * name; no event holds a secret.
 */
export type HealthEvent =
  | {
      readonly kind: 'rest'
      /** undefined: the whole domain rests. */
      readonly deployment: string | undefined
      readonly domain: string
      /** Its `until` is since the epoch here. */
      readonly rest: Rest
      readonly began: number
    }
  /** Nothing may be sent to the domain before this moment. */
  | { readonly kind: 'bound'; readonly domain: string; readonly until: number }
  /** An attempt that began at `began` has been answered. `level`: what the deployment still has of its soft rests. */
  | {
      readonly kind: 'recovery'
      /** undefined: the rest of the whole domain is over. */
      readonly deployment: string | undefined
      readonly domain: string
      readonly began: number
      readonly level: number
    }

/**
 * How boards hear of each other. A board reads its own replica only, so that choosing never waits; what it writes it
 * also publishes. An implementation may lose, delay, repeat and reorder events, and must not give a board its own.
 */
export type HealthExchange = {
  /** Does not wait and does not throw: what cannot be told is lost. */
  readonly publish: (event: HealthEvent) => void
  /** Tells first what still holds, then what is new. The answer ends it. */
  readonly subscribe: (hear: (event: HealthEvent) => void) => () => void
}

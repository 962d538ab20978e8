import type { Deployment } from '../config/config.ts'
import type { Route } from '../routes.ts'
import type { Wanted } from './compaction.ts'

/** One deployment that may serve a call, with the upstream model name filled in for this request. */
export type Candidate = {
  readonly deployment: Deployment
  /** Upstream model: wildcard captures applied. */
  readonly model: string
}

/** A hard pin: state in the request that only one owner can read. */
export type Pin = {
  readonly deploymentId: string
  /** Deployment.boundary of the owner: a deployment that shares it may serve too. */
  readonly boundary: string
  /** Why, for the trail: 'previous_response_id', 'conversation', 'response id'. */
  readonly because: string
}

/** What selection must know of one call. Values only: selection reads neither the body nor the Context. */
export type Wish = {
  readonly route: Route
  /** The model group as resolved (for affinity keys and texts). */
  readonly group: string
  readonly candidates: readonly Candidate[]
  readonly stream: boolean
  /** Upper bound of the prompt's tokens: the body's size in bytes (a token is never under one byte). */
  readonly promptBytes: number
  /** Exact count; called only when the bound does not settle the question. Undefined: this route has no prompt. */
  readonly countTokens: (() => number) | undefined
  readonly tags: readonly string[]
  readonly userAgent: string
  readonly allowedRegion: string | undefined
  /** SHA-256 hex of the caller's key. */
  readonly keyHash: string
  readonly sessionId: string | undefined
  /** Hash of the prompt prefix that prompt_caching pins; undefined when the check is off or not applicable. */
  readonly cachePrefix: string | undefined
  /** body has response_format (the supported-params check). */
  readonly wantsResponseFormat: boolean
  readonly pin: Pin | undefined
  /** The call asks for a compaction: who can do it best goes first. */
  readonly compaction?: Wanted | undefined
  /** Boundary of who can read everything that the request carries; another one serves it with a part left out. */
  readonly origin: string | undefined
  /** True for a fallback target that names one deployment by id: cooldown is ignored. */
  readonly ignoreCooldown: boolean
}

export type NothingReason =
  | 'unknown' // no candidate at all for this name
  | 'cooling' // every candidate is in cooldown
  | 'context_window' // enable_pre_call_checks: the prompt fits none
  | 'rate_limited' // rpm/tpm limits leave none
  | 'tags' // tag routing leaves none
  | 'region'
  | 'pinned_owner_unavailable'
  | 'exhausted' // all were tried in this request

export type Choice =
  | {
      readonly kind: 'picked'
      readonly candidate: Candidate
      readonly because: string
      /** Nobody has a free slot: these would do as well, whoever has one first. */
      readonly beside?: readonly Candidate[]
    }
  | {
      readonly kind: 'nothing'
      readonly reason: NothingReason
      /** LiteLLM's message for it, without the litellm.<Class> prefix. */
      readonly message: string
      /** HTTP status LiteLLM gives it: 429, 400, 401. */
      readonly status: number
      /** Earliest moment a candidate comes back, as milliseconds from now. */
      readonly retryAfterMs: number | undefined
      /** The same, of those only that come back by themselves: who rests for good until somebody acts is not waited for. */
      readonly passesInMs?: number | undefined
    }

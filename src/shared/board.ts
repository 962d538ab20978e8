import type { Deployment } from '../config/config.ts'
import type { Failure } from '../failure.ts'
import type { Usage } from '../dialects/shape.ts'

/** How an attempt ended, for everything that hangs on it: in-flight gauge, usage windows, latency, health. */
export type AttemptEnd =
  | {
      readonly kind: 'success'
      readonly usage: Usage | undefined
      readonly totalMs: number
      readonly firstTokenMs: number | undefined
    }
  | { readonly kind: 'failure'; readonly failure: Failure; readonly totalMs: number }
  /** Nobody's fault: the client left, the gateway erred. Health and latency stay as they were. */
  | { readonly kind: 'neutral' }

/** Held while one attempt runs. Settled exactly once, on every exit; a second settle is ignored and counted. */
export type Lease = { readonly settle: (end: AttemptEnd) => void }

export type Cooling = {
  /** clock.now() value. */
  readonly until: number
  readonly status: number
  readonly because: string
}

/**
 * The live state of deployments, by deployment id: it survives a reload for every id that stays.
 * Behind an interface because several instances will share it.
 */
export type Board = {
  /**
   * Waits for a parallel slot (max_parallel_requests) and counts the attempt in. Rejects when `signal` aborts.
   * `group` is the model group as requested, for the per-group counters.
   */
  readonly admit: (deployment: Deployment, group: string, signal: AbortSignal) => Promise<Lease> | Lease
  readonly cooling: (id: string) => Cooling | undefined
  readonly inFlight: (id: string) => number
  /** This minute's tokens and requests (UTC minute, as LiteLLM's usage-based-routing-v2). */
  readonly usage: (id: string) => { readonly tokens: number; readonly requests: number }
  /** Seconds per completion token (stream: plus first-token seconds), newest last; empty when untested. */
  readonly latencies: (id: string) => { readonly perToken: readonly number[]; readonly firstToken: readonly number[] }
  /** Affinity memory with time to live; bounded. */
  readonly recall: (key: string) => string | undefined
  readonly remember: (key: string, deploymentId: string, ttlMs: number) => void
  /** Every deployment id the board holds something about, for /health and the tests. */
  readonly snapshot: () => readonly {
    readonly id: string
    readonly inFlight: number
    readonly cooling: Cooling | undefined
  }[]
  /** Forgets ids that are gone after a reload. */
  readonly keep: (ids: ReadonlySet<string>) => void
}

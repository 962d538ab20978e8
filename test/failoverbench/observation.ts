import type { Arrival } from './wall.ts'

/** How a call ended for the client. `answer` means: presented as a success, whole or not. */
export type Outcome = 'answer' | 'error' | 'hang'

/** One call as the client saw it. */
export type Call = {
  /** Milliseconds since the scenario began. */
  readonly sentAt: number
  readonly seconds: number
  readonly outcome: Outcome
  /** The sixty words, the dialect's mark of a whole answer, and nothing wrong with either. */
  readonly complete: boolean
  /** What the client got, in a few words. */
  readonly told: string
  /** The model that the answer, or its headers, named. */
  readonly model: string | undefined
  readonly usage: boolean
}

/** Everything that a check may look at: both sides of one scenario on one endpoint. */
export type Observation = {
  /** One call, or the twenty of a sequence; never none. */
  readonly calls: readonly Call[]
  readonly primary: readonly Arrival[]
  readonly fallback: readonly Arrival[]
  readonly fallbackModel: string
  /** A healthy call through the same gateway was answered afterwards. */
  readonly alive: boolean
  /** The endpoint's answers have a place for usage. */
  readonly tellsUsage: boolean
  /** The endpoint hands its answer over as it is made: only then can a first token be late. */
  readonly incremental: boolean
  /** Milliseconds for which the primary was down, for scenarios in which it comes back. */
  readonly downMs: number
}

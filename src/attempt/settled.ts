import type { Rehydrated } from '../call.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Fetched, Step } from '../record/trail.ts'
import type { End, Walk } from './attempt.ts'
import type { Answered } from './outcome.ts'
import type { PromptSize } from './prompt-size.ts'
import type { Repairs } from './repair.ts'
import type { Limited } from './soonest.ts'

/** The trail of a request: every attempt, in order, and what the headers count. */
export type Trail = {
  /** The group that the requested name means. */
  readonly group: string
  readonly steps: Step[]
  /** Attempts that were made again inside a group. */
  retries: number
  /** Fallback groups that were tried. */
  fallbacks: number
  /** num_retries in force for the group that was played last. */
  maxRetries: number
  /** Targets that were passed over, and groups that were left although nobody in them was asked: why. */
  readonly skipped: string[]
  /** Known from the moment that the prompt did not fit somewhere. */
  prompt?: PromptSize
  /** Whose rate limits the request has run into; there from the first on. */
  limited?: Limited
  /** clock.now() value when the first group that had nobody to ask has somebody again. */
  backAt?: number
  /** A second attempt was made beside one that was slow: there is no other. */
  hedged?: true
  /** The attempt whose answer nobody waited for, when it had been sent; its usage, if its provider has told it. */
  outrun?: { readonly candidate: Candidate; readonly usage: Usage | undefined }
  /** What deployments have refused of this request, by their ids; there from the first repair on. */
  repairs?: Map<string, Repairs>
  /** The conversation was put in the place of an id that only its provider can read. */
  rehydrated?: Rehydrated
  /** A limited owner was asked for the conversation. */
  fetched?: Fetched
  /** The request's own timeout in force for the last attempt, milliseconds. */
  timeoutMs: number | undefined
}

export type Settled =
  | {
      readonly kind: 'answered'
      readonly answered: Answered
      readonly trail: Trail
      /** Where the walk stands: an answer that breaks is gone on with from there. */
      readonly way: { readonly walk: Walk; readonly at: End }
    }
  | {
      readonly kind: 'failed'
      /** The first group's last failure: its status, type and code are what the client gets. */
      readonly failure: Failure
      /** Its message with LiteLLM's account of the fallbacks. */
      readonly message: string
      readonly trail: Trail
    }

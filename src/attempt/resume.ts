import type { Delivered } from '../dialects/shape.ts'
import type { Failed } from './outcome.ts'

/**
 * A committed answer broke: what a further attempt of the same walk goes on from. The loop is the one that every
 * attempt goes through, with what it has left of attempts, groups and time.
 */
export type Resumption = {
  /** The break, as the attempt that was answered would have told it. */
  readonly failed: Failed
  /** What the client has of the answer. */
  readonly delivered: Delivered
  /** A target that declares it is asked to go on; false: only an answer that repeats what was delivered counts. */
  readonly mayContinue: boolean
}

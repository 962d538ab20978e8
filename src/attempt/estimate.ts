import type { Call } from '../call.ts'
import { SHAPES } from '../dialects/index.ts'
import { type FailureClass, VERDICTS } from '../failure.ts'
import type { Lease } from '../shared/board.ts'
import type { Picked, Play } from './level.ts'
import { tryOnce } from './once.ts'
import type { Answered } from './outcome.ts'
import { jobOf, note, stepOf } from './run.ts'

/**
 * The last resort of a call whose answer may be a guess (Shape.estimated): where everybody who could know it has failed,
 * the gateway answers, and says that it did.
 */

/** With this failure somebody else's turn would come, and the gateway's comes after all of them. */
export const isEstimated = ({ route, controls }: Call, failure: FailureClass): boolean =>
  SHAPES[route.shape].estimated === true &&
  !controls.disableFallbacks &&
  VERDICTS[failure].fallback === 'generic' &&
  // Nobody's absence makes a wrong request right.
  failure !== 'caller_fault'

const nothing = (): void => {}

/** Nobody is asked: no slot is taken, and nothing is learned of the deployment in whose name the gateway answers. */
const NO_LEASE: Lease = {
  probe: false,
  settle: nothing,
  answered: nothing,
  release: nothing,
  withdraw: nothing,
}

/** In the name of the first deployment that was to be asked. undefined: what is asked for cannot be told from the request. */
export const estimate = async (play: Play): Promise<Answered | undefined> => {
  const [candidate] = play.stop.candidates
  if (candidate === undefined) return undefined
  const startedAt = play.house.clock.now()
  const because = 'nobody who could be asked has answered: the gateway estimates'
  const choice: Picked = { kind: 'picked', candidate, because }
  const run = { choice, lease: NO_LEASE, startedAt, waitedMs: 0 }
  const job = jobOf(play, run)
  const tried = await tryOnce({ ...job, hop: { ...job.hop, estimate: true } })
  const { outcome } = tried
  if (outcome.kind === 'failed') return undefined
  note(play.trail, 'estimate')
  play.trail.steps.push(stepOf(play, run, tried))
  return outcome
}

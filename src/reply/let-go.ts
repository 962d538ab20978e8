import type { Settled } from '../attempt/settled.ts'
import type { Call } from '../call.ts'
import type { House } from '../house.ts'
import type { Intake } from '../read/receive.ts'
import type { Turn } from '../shared/mirror.ts'
import { endTurn } from './mirror.ts'
import type { Pulse } from './pulse.ts'

/** What a call may hold when its reply has ended. */
export type Holdings = {
  readonly intake: Intake | undefined
  readonly call: Call | undefined
  readonly settled: Settled | undefined
  readonly pulse: Pulse | undefined
  readonly turn: Turn | undefined
}

/** Gives back whatever the call holds, however it ended: nothing is held for ever, even if the gateway itself failed. */
export const letGo = ({ intake, call, settled, pulse, turn }: Holdings, house: House): void => {
  pulse?.stop()
  if (call !== undefined && house.mirror !== undefined) endTurn(call, settled, turn, house)
  intake?.release()
  // The reply has settled the lease, unless it was never written.
  if (settled?.kind === 'answered') settled.answered.lease.release()
  if (settled?.trail.rehydrated !== undefined) house.memory.give(settled.trail.rehydrated.bytes)
}

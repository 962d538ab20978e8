import type { RequestRecord } from '../../src/record/trail.ts'
import type { AttemptEnd } from '../../src/shared/board.ts'
import type { Heard } from '../support/heard.ts'

/** A request as a provider got it, its credential left out. */
export type Request = {
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** One attempt as its provider saw it. Times are the run's own milliseconds. */
export type Asked = {
  readonly id: string
  readonly at: number
  /** undefined: it did not get so far. */
  request: Request | undefined
  /** aborted: the gateway closed it. broke and ended: the provider did. undefined: it is open still. */
  over: 'ended' | 'broke' | 'aborted' | undefined
  overAt: number
}

/** Where a client goes. sending: its request is on its way upstream. */
export type Phase = 'sending' | 'waiting' | 'head' | 'middle'

export const PHASES: readonly Phase[] = ['sending', 'waiting', 'head', 'middle']

/** What anybody outside the gateway can know of one call, and its public gauges. */
export type Seen = {
  readonly asked: readonly Asked[]
  readonly heard: Heard | undefined
  /** How the server let go of its client. */
  readonly released: 'ended' | 'broken' | undefined
  readonly leftAt: number | undefined
  readonly records: readonly RequestRecord[]
  /** How attempts were settled; undefined: nobody could look. */
  readonly ends: readonly AttemptEnd[] | undefined
  /** Who rests: deployments by id, when the client left and when all was over. */
  readonly resting: { readonly atLeave: readonly string[]; readonly after: readonly string[] }
  /** What was not given back: slots, calls inside, bytes, timers, connections. */
  readonly kept: readonly string[]
  /** What the gateway said went wrong inside it. */
  readonly complaints: readonly string[]
}

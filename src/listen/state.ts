import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { House } from '../house.ts'
import type { Gauges } from '../shared/board.ts'
import type { Traffic } from './traffic.ts'

type Watch = ReturnType<typeof monitorEventLoopDelay>

/** How often the event loop is looked at, once somebody has asked. */
const LAG_RESOLUTION_MS = 10

/** How late the event loop came to its timers since the process was first asked, in milliseconds. */
export type Lag = { readonly p50: number; readonly p99: number; readonly max: number }

/** What one process holds now. Nothing in it comes from a request. */
export type State = Gauges & {
  readonly pid: number
  /** Calls from their first byte to the last of the answer. */
  readonly inside: number
  /** Request bodies held. */
  readonly bodyBytes: number
  readonly residentBytes: number
  readonly heapBytes: number
  /** Outside the heap, held by objects in it: buffers, most of all. */
  readonly externalBytes: number
  /** null at the first ask: the measuring begins with it, so that nobody pays for what nobody reads. */
  readonly lagMs: Lag | null
}

/** The histogram counts whole intervals in nanoseconds; what is beyond the resolution is lateness. */
const lateness = (nanoseconds: number): number =>
  Math.max(0, Math.round(nanoseconds / 1e4 - LAG_RESOLUTION_MS * 100) / 100)

const lagOf = (seen: Watch): Lag => ({
  p50: lateness(seen.percentile(50)),
  p99: lateness(seen.percentile(99)),
  max: lateness(seen.max),
})

/** Reads the state of this process; the first reading begins to watch the event loop. */
export const stateReader = (house: Pick<House, 'board' | 'memory'>, traffic: Traffic): (() => State) => {
  let seen: Watch | undefined
  return () => {
    const { rss, heapUsed, external } = process.memoryUsage()
    const lagMs = seen === undefined ? null : lagOf(seen)
    if (seen === undefined) {
      seen = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
      seen.enable()
    }
    return {
      pid: process.pid,
      inside: traffic.inside,
      ...house.board.gauges(),
      bodyBytes: house.memory.held,
      residentBytes: rss,
      heapBytes: heapUsed,
      externalBytes: external,
      lagMs,
    }
  }
}

/** One line for the operator's console. */
export const stateLine = (state: State): string => `State: ${JSON.stringify(state)}`

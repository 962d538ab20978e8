import type { Clock } from '../../src/house.ts'
import { type Served, serve } from '../../src/listen/serve.ts'
import { systemClock } from '../../src/shared/clock.ts'
import type { Start } from './harness.ts'

export type Hurried = {
  /** The gateway's clock. */
  readonly clock: Clock
  readonly start: Start
  readonly served: () => Served
}

/** A gateway whose seconds take `secondMs` milliseconds of ours: long limits run out while a test waits. */
export const hurried = (secondMs: number): Hurried => {
  const system = systemClock()
  const rate = 1000 / secondMs
  const clock: Clock = {
    ...system,
    now: () => system.now() * rate,
    after: (ms, action) => system.after(ms / rate, action),
  }
  let running: Served | undefined
  return {
    clock,
    start: async options => {
      running = await serve({ ...options, clock })
      return running
    },
    served: () => {
      if (running === undefined) throw new Error('the gateway has not started')
      return running
    },
  }
}

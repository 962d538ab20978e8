import type { Clock } from '../../../src/house.ts'

/** Ten times as fast as the real one: waits and limits of the gateway cost a tenth, sockets are as fast as ever. */
const FACTOR = 10

export const fastClock = (): Clock => ({
  now: () => performance.now() * FACTOR,
  wall: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, Math.max(0, ms) / FACTOR)
    return () => clearTimeout(timer)
  },
})

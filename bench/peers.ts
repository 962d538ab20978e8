/**
 * Upstream and load generator in one process that does not sleep while a load runs. On loopback whoever sends to a
 * process that sleeps pays for waking it, and a fast server pays less than a slow one, whose peers have time to fall
 * asleep: between machines neither pays anything. In two processes that do not sleep each would wait for the other.
 * Started with an IPC channel: tells the upstream's port, then takes one LoadOrder after the other.
 */
import { type LoadOrder, run } from './load.ts'
import { openUpstream } from './upstream.ts'

const stayAwake = (): (() => void) => {
  let awake = true
  const turn = (): void => {
    if (awake) setImmediate(turn)
  }
  turn()
  return () => {
    awake = false
  }
}

process.on('message', async (order: LoadOrder) => {
  const sleep = stayAwake()
  const result = await run(order)
  sleep()
  process.send?.(result)
})
process.on('disconnect', () => process.exit())
process.send?.(await openUpstream())

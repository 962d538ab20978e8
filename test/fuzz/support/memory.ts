import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Bytes outside the heap and on it, after everything that can go has gone. */
export const heldBytes = (): number => {
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

/** How much more is held at the end of `work` than before it, its result included. */
export const heldBy = (work: () => unknown): number => {
  const before = heldBytes()
  const result = work()
  const after = heldBytes()
  // Used once more, so that it was still there when it was weighed.
  return result === work ? 0 : after - before
}

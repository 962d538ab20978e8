import type { Deployment, RouterSettings } from '../config/config.ts'
import type { Signal } from '../signal.ts'

/**
 * How many attempts a deployment takes at once: max_parallel_requests, else rpm, else six per thousand tpm (at least
 * one), else default_max_parallel_requests (LiteLLM calculate_max_parallel_requests). Zero or nothing: no limit.
 */
export const parallelLimit = (deployment: Deployment, router: RouterSettings): number => {
  const { maxParallelRequests, rpm, tpm } = deployment
  const fromTokens = tpm === undefined ? undefined : Math.max(1, Math.floor((tpm / 1000) * 6))
  const limit = maxParallelRequests ?? rpm ?? fromTokens ?? router.defaultMaxParallelRequests ?? 0
  return limit > 0 ? limit : Number.POSITIVE_INFINITY
}

/** The one who waited left. */
export class Aborted extends Error {}

/** Parallel slots of one deployment: first come, first served. */
export type Slots = {
  /** Takes a slot at once (undefined), or resolves when one is free. Rejects when the signal aborts: with its reason, or Aborted. */
  readonly enter: (signal: Signal) => Promise<void> | undefined
  readonly leave: () => void
  /** The next one who enters need not wait. */
  readonly free: () => boolean
  readonly taken: () => number
  readonly waiting: () => number
}

/** `limit` is read at every decision, so that a reload takes effect for those already waiting. */
export const createSlots = (limit: () => number): Slots => {
  let taken = 0
  // A set keeps insertion order and lets a caller who gave up leave from the middle.
  const queue = new Set<() => void>()

  const admitWaiting = () => {
    for (const grant of queue) {
      if (taken >= limit()) return
      queue.delete(grant)
      taken += 1
      grant()
    }
  }

  const leave = () => {
    taken -= 1
    admitWaiting()
  }

  const wait = (signal: Signal) =>
    new Promise<void>((resolve, reject) => {
      const grant = () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        queue.delete(grant)
        reject(signal.reason ?? new Aborted())
      }
      signal.addEventListener('abort', giveUp, { once: true })
      queue.add(grant)
      admitWaiting()
    })

  const free = () => queue.size === 0 && taken < limit()

  const enter = (signal: Signal) => {
    if (signal.aborted) return Promise.reject(signal.reason ?? new Aborted())
    if (!free()) return wait(signal)
    taken += 1
    return undefined
  }

  return { enter, leave, free, taken: () => taken, waiting: () => queue.size }
}

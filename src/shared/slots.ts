import type { Deployment, RouterSettings } from '../config/config.ts'
import type { Signal } from '../signal.ts'
import { Line } from './line.ts'

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

/** Who wants a slot, until the signal aborts. Smaller priority goes first; it is read when a slot has to be waited for. */
export type Visitor = Signal & { readonly priority?: number }

/** Parallel slots of one deployment: of those who wait the most urgent first, of equals who came first. */
export type Slots = {
  /** Takes a slot at once (undefined), or resolves when one is free. Rejects when the signal aborts: with its reason, or Aborted. */
  readonly enter: (visitor: Visitor) => Promise<void> | undefined
  readonly leave: () => void
  /** The next one who enters need not wait. */
  readonly free: () => boolean
  readonly taken: () => number
  readonly waiting: () => number
}

/** `limit` is read at every decision, so that a reload takes effect for those already waiting. */
export const createSlots = (limit: () => number): Slots => {
  let taken = 0
  const line = new Line<() => void>()

  const admitWaiting = () => {
    for (let { first } = line; first !== undefined && taken < limit(); { first } = line) {
      line.leave(first)
      taken += 1
      first.member()
    }
  }

  const leave = () => {
    taken -= 1
    admitWaiting()
  }

  const wait = (visitor: Visitor) =>
    new Promise<void>((resolve, reject) => {
      const grant = () => {
        visitor.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        line.leave(standing)
        reject(visitor.reason ?? new Aborted())
      }
      visitor.addEventListener('abort', giveUp, { once: true })
      const standing = line.enter(grant, visitor.priority ?? 0)
      admitWaiting()
    })

  const free = () => line.size === 0 && taken < limit()

  const enter = (visitor: Visitor) => {
    if (visitor.aborted) return Promise.reject(visitor.reason ?? new Aborted())
    if (!free()) return wait(visitor)
    taken += 1
    return undefined
  }

  return { enter, leave, free, taken: () => taken, waiting: () => line.size }
}

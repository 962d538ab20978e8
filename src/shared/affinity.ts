import { createHash } from 'node:crypto'
import type { Clock } from '../house.ts'

/** Which deployment served a session, key or prompt prefix last. Forgets by age, then the least recently used. */
export type AffinityMemory = {
  readonly recall: (key: string) => string | undefined
  readonly remember: (key: string, deploymentId: string, ttlMs: number) => void
  readonly keep: (ids: ReadonlySet<string>) => void
  readonly size: () => number
}

/** Part of a key comes from the client, so a long one is stored by its digest. */
const LONGEST_KEY = 256

const bounded = (key: string): string =>
  key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('hex')

export const createAffinityMemory = (clock: Clock, capacity = 100_000): AffinityMemory => {
  const entries = new Map<string, { readonly deploymentId: string; readonly until: number }>()

  const recall = (long: string) => {
    const key = bounded(long)
    const entry = entries.get(key)
    if (entry === undefined) return undefined
    entries.delete(key)
    if (entry.until <= clock.now()) return undefined
    entries.set(key, entry)
    return entry.deploymentId
  }

  const remember = (long: string, deploymentId: string, ttlMs: number) => {
    if (!(ttlMs > 0)) return
    const key = bounded(long)
    entries.delete(key)
    entries.set(key, { deploymentId, until: clock.now() + ttlMs })
    if (entries.size <= capacity) return
    const oldest = entries.keys().next()
    if (!oldest.done) entries.delete(oldest.value)
  }

  const keep = (ids: ReadonlySet<string>) => {
    for (const [key, entry] of entries) if (!ids.has(entry.deploymentId)) entries.delete(key)
  }

  return { recall, remember, keep, size: () => entries.size }
}

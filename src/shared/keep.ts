import type { Clock } from '../house.ts'

/**
 * Texts under keys, for a time. What is behind it may be slow, small or away: then nothing is found and nothing is kept,
 * and a call goes on as if it had never been there.
 */
export type Keep = {
  readonly get: (key: string) => Promise<string | undefined>
  readonly put: (key: string, text: string, ttlMs: number) => void
}

/** About what a text takes beside its letters. */
const ENTRY_BYTES = 256

export type MemoryKeep = Keep & { readonly bytes: () => number }

/** In this process alone. Forgets by age, then what was kept first; never holds more than `mostBytes`. */
export const memoryKeep = (clock: Clock, mostBytes: number): MemoryKeep => {
  const entries = new Map<string, { readonly text: string; readonly until: number; readonly bytes: number }>()
  let held = 0

  const forget = (key: string): void => {
    held -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }

  return {
    get: async key => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.until > clock.now()) return entry.text
      forget(key)
      return undefined
    },
    put: (key, text, ttlMs) => {
      forget(key)
      // One byte a letter: what is kept is sealed, and sealed texts are plain letters.
      const bytes = key.length + text.length + ENTRY_BYTES
      if (bytes > mostBytes || !(ttlMs > 0)) return
      entries.set(key, { text, until: clock.now() + ttlMs, bytes })
      held += bytes
      for (const oldest of entries.keys()) {
        if (held <= mostBytes) break
        forget(oldest)
      }
    },
    bytes: () => held,
  }
}

/** What is kept in both is found in the first, without a way to the disk; the second one has it after a restart. */
export const layered = (first: Keep, second: Keep): Keep => ({
  get: async key => (await first.get(key)) ?? (await second.get(key)),
  put: (key, text, ttlMs) => {
    first.put(key, text, ttlMs)
    second.put(key, text, ttlMs)
  },
})

import type { Clock } from '../house.ts'

/**
 * Texts under keys, for a time. What is behind it may be slow, small or away: then nothing is found and nothing is kept,
 * and a call goes on as if it had never been there.
 */
export type Keep = {
  readonly get: (key: string) => Promise<string | undefined>
  /** `of`: the key of what it belongs to, and is forgotten with. */
  readonly put: (key: string, text: string, ttlMs: number, of?: string) => void
  /** What stands under this key, and what belongs to it. */
  readonly forget: (of: string) => void
}

/** About what a text takes beside its letters. */
const ENTRY_BYTES = 256

export type MemoryKeep = Keep & { readonly bytes: () => number }

type Entry = {
  readonly text: string
  readonly until: number
  readonly bytes: number
  readonly of: string | undefined
}

/** In this process alone. Forgets by age, then what was kept first; never holds more than `mostBytes`. */
export const memoryKeep = (clock: Clock, mostBytes: number): MemoryKeep => {
  const entries = new Map<string, Entry>()
  let held = 0

  const drop = (key: string): void => {
    held -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }

  return {
    get: async key => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.until > clock.now()) return entry.text
      drop(key)
      return undefined
    },
    put: (key, text, ttlMs, of) => {
      drop(key)
      // One byte a letter: what is kept is sealed, and sealed texts are plain letters.
      const bytes = key.length + text.length + ENTRY_BYTES
      if (bytes > mostBytes || !(ttlMs > 0)) return
      entries.set(key, { text, until: clock.now() + ttlMs, bytes, of })
      held += bytes
      for (const oldest of entries.keys()) {
        if (held <= mostBytes) break
        drop(oldest)
      }
    },
    forget: of => {
      for (const [key, entry] of entries) if (key === of || entry.of === of) drop(key)
    },
    bytes: () => held,
  }
}

/** What is kept in both is found in the first, without a way to the disk; the second one has it after a restart. */
export const layered = (first: Keep, second: Keep): Keep => ({
  get: async key => (await first.get(key)) ?? (await second.get(key)),
  put: (key, text, ttlMs, of) => {
    first.put(key, text, ttlMs, of)
    second.put(key, text, ttlMs, of)
  },
  forget: of => {
    first.forget(of)
    second.forget(of)
  },
})

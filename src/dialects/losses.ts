import type { Warning } from '../wire/edit.ts'

/** What a translation could not carry, each name once. */
export type Losses = {
  /** Told in another way, or of no consequence here: the answer stays what was asked for. */
  readonly warn: (name: string, because: string) => void
  /**
   * A client parameter that has no place at the target; `what` says more than its name does. Whether the call can do
   * without it is said in meaning.ts, for every writer alike.
   */
  readonly lose: (name: string, what?: string) => void
  readonly found: () => {
    readonly warnings: readonly Warning[]
    readonly lost: readonly string[]
    /** What was said of the lost ones, by their names. */
    readonly what: ReadonlyMap<string, string>
  }
}

export const collectLosses = (): Losses => {
  const warnings = new Map<string, string>()
  const lost = new Set<string>()
  const said = new Map<string, string>()
  return {
    warn: (name, because) => void (warnings.has(name) || warnings.set(name, because)),
    lose: (name, what) => {
      lost.add(name)
      if (what !== undefined) said.set(name, what)
    },
    found: () => ({
      warnings: [...warnings].map(([name, because]) => ({ lost: name, because })),
      lost: [...lost],
      what: said,
    }),
  }
}

import type { Warning } from '../wire/edit.ts'

/** What a translation could not carry, each name once. */
export type Losses = {
  /** The answer stays what was asked for. */
  readonly warn: (name: string, because: string) => void
  /** A client parameter that would have changed the answer; `what` says more than its name does. */
  readonly lose: (name: string, what?: string) => void
  readonly found: () => {
    readonly warnings: readonly Warning[]
    readonly lost: readonly string[]
    /** What was said of the lost ones, in their order. */
    readonly what: readonly string[]
  }
}

export const collectLosses = (): Losses => {
  const warnings = new Map<string, string>()
  const lost = new Map<string, string | undefined>()
  return {
    warn: (name, because) => void (warnings.has(name) || warnings.set(name, because)),
    lose: (name, what) => void (lost.has(name) || lost.set(name, what)),
    found: () => ({
      warnings: [...warnings].map(([name, because]) => ({ lost: name, because })),
      lost: [...lost.keys()],
      what: [...lost.values()].filter(what => what !== undefined),
    }),
  }
}

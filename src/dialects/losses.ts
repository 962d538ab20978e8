import type { Warning } from '../wire/edit.ts'

/** What a translation could not carry, each name once. */
export type Losses = {
  /** The answer stays what was asked for. */
  readonly warn: (name: string, because: string) => void
  /** A client parameter that would have changed the answer. */
  readonly lose: (name: string) => void
  readonly found: () => { readonly warnings: readonly Warning[]; readonly lost: readonly string[] }
}

export const collectLosses = (): Losses => {
  const warnings = new Map<string, string>()
  const lost = new Set<string>()
  return {
    warn: (name, because) => void (warnings.has(name) || warnings.set(name, because)),
    lose: name => void lost.add(name),
    found: () => ({
      warnings: [...warnings].map(([name, because]) => ({ lost: name, because })),
      lost: [...lost],
    }),
  }
}

import type fc from 'fast-check'

/**
 * One number that a whole run hangs on: FUZZ_SEED, else a new one. fast-check prints it with every failure, as
 * `seed`; the other generators put it into the message.
 */
export const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** How many times the usual number of cases is tried; the long run sets FUZZ_FACTOR. */
const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1)

/** Settings for fc.assert. */
export const runs = (usual: number): fc.Parameters<unknown> => ({
  seed: SEED,
  numRuns: Math.max(1, Math.round(usual * FACTOR)),
})

export const times = (usual: number): number => Math.max(1, Math.round(usual * FACTOR))

/** Adds the seed to whatever `body` throws. */
export const seeded = async (body: () => Promise<void>): Promise<void> => {
  try {
    await body()
  } catch (error) {
    throw new Error(`with FUZZ_SEED=${SEED}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** Whole numbers below `limit`, from a seed (mulberry32). */
export const diceOf = (seed: number): ((limit: number) => number) => {
  let state = seed >>> 0
  return limit => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (((mixed ^ (mixed >>> 14)) >>> 0) % limit) >>> 0
  }
}

/**
 * Calls go in step. Most of what a small call costs is no work of its own: its way leads through more code than the
 * processor's caches hold, and each call would bring all of it in anew. So what arrives in one turn of the event loop is
 * gathered, and goes through each stage one call after the other: the first brings the stage's code in, and the others
 * find it there (docs/decisions/2026-11-29-calls-go-in-step.md has the figures). A call that is alone waits for nobody.
 */

let gathered: (() => void)[] = []

const release = (): void => {
  const together = gathered
  gathered = []
  let gone = 0
  try {
    while (gone < together.length) together[gone++]?.()
  } finally {
    // One that throws keeps nobody else.
    if (gone < together.length) for (const go of together.slice(gone)) atTurnsEnd(go)
  }
}

/** Runs `go` when everything that this turn of the loop brings has been read; in order. */
export const atTurnsEnd = (go: () => void): void => {
  if (gathered.push(go) === 1) setImmediate(release)
}

/** Resolves when everybody has been taken up who has come until now. */
export const turnsEnd = (): Promise<void> => new Promise(atTurnsEnd)

/** Awaited between two stages: those who are in step catch up. Nothing from outside happens meanwhile. */
export const IN_STEP: Promise<void> = Promise.resolve()

import { setFlagsFromString } from 'node:v8'

/** How much garbage, in percent of what lives, is waited for between two full collections. */
const GROWTH_PERCENT = 300

/**
 * Lets V8's heap grow to four times what lives in it before everything is marked again; the most that V8's own rule
 * allows itself, which settles at less than three. Request bodies lie outside the heap but count towards that limit,
 * so at a small heap like this one's a dozen bodies of 2 MB bring on a collection that costs more than all else that
 * is done for them. V8 reads the number whenever it sets its next limit, so it may come after the start; the limit of
 * --max-old-space-size stays.
 */
export const relaxCollector = (): void => {
  // Whoever starts Node with a value of their own keeps it.
  if (process.execArgv.some(flag => /^--heap[-_]growing[-_]percent\b/.test(flag))) return
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

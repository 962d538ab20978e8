import { setFlagsFromString } from 'node:v8'

/** How much garbage, in percent of what lives, is waited for between two full collections. */
const GROWTH_PERCENT = 300

/**
 * Lets V8's heap grow to four times what lives in it before everything is marked again; the most that V8's own rule
 * allows itself, which settles at less than three. Request bodies lie outside the heap but count towards that limit,
 * so at a small heap like this one's a dozen bodies of 2 MB bring on a collection that costs more than all else that
 * is done for them. V8 reads the number whenever it sets its next limit, so it may come after the start; the limit of
 * --max-old-space-size stays.
 *
 * And has the young generation collected by one thread: little survives there, and for little the helpers' meeting
 * costs more than their help.
 */
export const relaxCollector = (): void => {
  if (!isSet(/^--heap[-_]growing[-_]percent\b/))
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  if (!isSet(/^--(no-?)?parallel[-_]scavenge\b/)) setFlagsFromString('--no-parallel-scavenge')
}

/** Whoever starts Node with a value of their own keeps it. */
const isSet = (flag: RegExp): boolean => process.execArgv.some(argument => flag.test(argument))

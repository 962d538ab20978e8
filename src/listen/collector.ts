import { setFlagsFromString } from 'node:v8'

/** How much garbage, in percent of what lives, is waited for between two full collections. */
const GROWTH_PERCENT = 300

/**
 * Two numbers of V8's collector that a gateway wants otherwise; V8 reads both at each collection, so they may come
 * after the start. Whoever starts Node with a value of their own keeps it.
 *
 * The heap may grow to four times what lives in it before everything is marked again; the most that V8's own rule
 * allows itself settles at less than three. Request bodies lie outside the heap but count towards that limit,
 * so at a small heap like this one's a dozen bodies of 2 MB bring on a collection that costs more than all else that
 * is done for them. The limit of --max-old-space-size stays.
 *
 * Short-lived garbage is collected by one thread. Little of it survives here: a collection is over in two
 * milliseconds, and to wake helpers and wait for them costs more than they do, most of all where a process has one core.
 */
export const relaxCollector = (): void => {
  if (!isGiven(/^--heap[-_]growing[-_]percent\b/))
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  if (!isGiven(/^--(no[-_]?)?parallel[-_]scavenge\b/)) setFlagsFromString('--no-parallel-scavenge')
}

const isGiven = (flag: RegExp): boolean => process.execArgv.some(given => flag.test(given))

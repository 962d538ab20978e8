import { setFlagsFromString } from 'node:v8'

/**
 * What `serve` asks of V8. It reads each number whenever it needs it, so that they may come after the start.
 *
 * `heap-growing-percent`: the heap may grow to four times what lives in it before everything is marked again; the most
 * that V8's own rule allows itself, which settles at less than three. Request bodies lie outside the heap but count
 * towards that limit, so at a small heap like this one's a dozen bodies of 2 MB bring on a collection that costs more
 * than all else that is done for them. The limit of --max-old-space-size stays.
 *
 * `max-inlined-bytecode-size-cumulative`: a function may take in twice as much of what it calls as by default. A call
 * goes through some four hundred small functions, and what they cost is the way from one to the next.
 *
 * `no-allocation-site-pretenuring`: what is made for a call is made among the young objects. Where V8 saw much of it
 * survive, in the first seconds say, it would make all of it among the old ones from then on, where it keeps alive
 * whatever it points to after its call is over: a process on which that falls spends a fifth of its time on collections.
 */
const FLAGS: readonly string[] = [
  'heap-growing-percent=300',
  'max-inlined-bytecode-size-cumulative=2000',
  'no-allocation-site-pretenuring',
]

/** The flag without its value, and without the `no` that turns it off. */
const nameOf = (flag: string): string => flag.replace(/=.*/, '').replace(/^no-/, '')

export const tuneV8 = (): void => {
  const given = process.execArgv.map(flag => nameOf(flag.replaceAll('_', '-').replace(/^--/, '')))
  for (const flag of FLAGS) {
    // Whoever starts Node with a value of their own keeps it.
    if (!given.includes(nameOf(flag))) setFlagsFromString(`--${flag}`)
  }
}

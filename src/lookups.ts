import dns from 'node:dns'
import type { LookupFunction } from 'node:net'

type Query = {
  readonly key: string
  readonly hostname: string
  readonly options: Parameters<LookupFunction>[1]
  readonly waiting: Parameters<LookupFunction>[2][]
}

/** A name that was sought for so long, and not found, is one that no name server answers for. */
const SILENT_MS = 1_000

/**
 * The addresses of names. Node seeks them in two threads of its pool, and a name that no server answers for keeps one for
 * as long as the machine's resolver is patient: with two of them nobody would find any provider any more. So one name is
 * sought once at a time, whoever asks, and of the silent names one.
 */
class Lookups {
  readonly #pending = new Map<string, Query>()
  readonly #silent = new Set<string>()
  readonly #line: Query[] = []
  #isBusy = false

  readonly find: LookupFunction = (hostname, options, callback) => {
    const { family, hints, all, order } = options
    const key = JSON.stringify([hostname, family, hints, all, order])
    const known = this.#pending.get(key)
    if (known !== undefined) return void known.waiting.push(callback)
    const query: Query = { key, hostname, options, waiting: [callback] }
    this.#pending.set(key, query)
    if (!this.#silent.has(hostname)) this.#seek(query)
    else if (this.#isBusy) this.#line.push(query)
    else this.#seekSilent(query)
  }

  #seekSilent(query: Query): void {
    this.#isBusy = true
    this.#seek(query, () => {
      this.#isBusy = false
      const next = this.#line.shift()
      if (next !== undefined) this.#seekSilent(next)
    })
  }

  #seek({ key, hostname, options, waiting }: Query, over = () => {}): void {
    const asked = performance.now()
    dns.lookup(hostname, options, (error, address, family) => {
      this.#pending.delete(key)
      if (error === null) this.#silent.delete(hostname)
      else if (performance.now() - asked > SILENT_MS) this.#silent.add(hostname)
      over()
      for (const hear of waiting) hear(error, address, family)
    })
  }
}

/** For every connection that this process opens to a name. */
export const lookUp = new Lookups().find

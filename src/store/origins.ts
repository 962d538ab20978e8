import { createHash } from 'node:crypto'
import type { Maker, Makers } from '../capsule.ts'
import type { Clock } from '../house.ts'
import { ORIGIN_TTL_MS, type Origin, type Past } from '../shared/origins.ts'
import type { Store } from './store.ts'

/** What is learned within this time is written together. */
const GATHER_MS = 25

export type KeptPast = Past & {
  /** What is still gathered goes to the store. */
  readonly flush: () => void
}

const keyOf = (fingerprint: string): string =>
  `origin:${createHash('sha256').update(fingerprint).digest('hex')}`

const makerOf = ({ deploymentId = '', boundary = '', refusedBy }: Origin): Maker => ({
  deployment: deploymentId,
  boundary,
  refusedBy,
})

const originOf = ({ deployment, boundary, refusedBy }: Maker): Origin => ({
  deploymentId: deployment === '' ? undefined : deployment,
  boundary: boundary === '' ? undefined : boundary,
  refusedBy,
})

/** Who made what, sealed in a store: a restart does not forget it, and processes on one data directory share it. */
export const keptPast = (store: Pick<Store, 'getAll' | 'putAll'>, makers: Makers, clock: Clock): KeptPast => {
  const gathered = new Map<string, Origin>()

  const flush = (): void => {
    const texts = [...gathered].map(([fingerprint, origin]) => ({
      key: keyOf(fingerprint),
      text: makers.seal(makerOf(origin), fingerprint),
    }))
    gathered.clear()
    if (texts.length > 0) store.putAll(texts, ORIGIN_TTL_MS)
  }

  return {
    write: (fingerprint, origin) => {
      if (gathered.size === 0) clock.after(GATHER_MS, flush)
      gathered.set(fingerprint, origin)
    },
    read: async fingerprints => {
      const kept = await store.getAll(fingerprints.map(keyOf))
      const found = new Map<string, Origin>()
      for (const fingerprint of kept.size === 0 ? [] : fingerprints) {
        const text = kept.get(keyOf(fingerprint))
        const opened = text === undefined ? undefined : makers.open(text, fingerprint)
        if (opened?.kind === 'opened') found.set(fingerprint, originOf(opened.content))
      }
      return found
    },
    flush,
  }
}

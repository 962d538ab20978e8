import type { Hit } from '../../src/stage/recorder.ts'

/** A string that occurs nowhere by chance, and where it was planted. */
export type Canary = { readonly place: string; readonly text: string }

let planted = 0

/** A new canary. `place` says which field or secret it stands in; `prefix` keeps formats like `sk-…` valid. */
export const plant = (place: string, prefix = ''): Canary => {
  planted += 1
  return {
    place,
    text: `${prefix}canary7q${planted.toString(36).padStart(4, '0')}x${Math.imul(planted, 2654435761) >>> 0}`,
  }
}

/** What is searched of a request that reached a provider: a Hit of a stage, or the same of another counterpart. */
export type Arrived = Pick<Hit, 'method' | 'target' | 'headers' | 'body'>

export type CanaryOptions = {
  /** Places that may hold it: a credential in the one header its provider makes. */
  readonly except?: (canary: Canary, hit: Arrived, where: Where) => boolean
}

/** Where in a request a canary sat: the request line, one header, or the body. */
export type Where = { readonly kind: 'target' | 'body' } | { readonly kind: 'header'; readonly name: string }

/** How a string may be spelled on the wire without being a different string. */
export const spellings = (text: string): readonly string[] => [
  text,
  encodeURIComponent(text),
  Buffer.from(text).toString('base64').replace(/=+$/, ''),
  Buffer.from(text).toString('base64url'),
  Buffer.from(text).toString('hex'),
]

const placesOf = (hit: Arrived): readonly (readonly [Where, string])[] => [
  [{ kind: 'target' }, `${hit.method} ${hit.target}`],
  ...hit.headers.map(
    ([name, value]) => [{ kind: 'header', name: name.toLowerCase() }, `${name}: ${value}`] as const,
  ),
  [{ kind: 'body' }, Buffer.from(hit.body).toString('latin1')],
]

/**
 * Throws unless every byte that reached a stage is free of every canary, in plain, percent-encoded, base64 and
 * hexadecimal spelling. Names the canary's place and where it surfaced. At least one request must have come:
 * a search through nothing proves nothing.
 */
export const assertNoCanary = (
  hits: readonly Arrived[],
  canaries: readonly Canary[],
  options: CanaryOptions = {},
): void => {
  if (hits.length === 0) throw new Error('no request reached the stage, so nothing was searched')
  const sought = canaries.map(canary => [canary, spellings(canary.text)] as const)
  for (const [index, hit] of hits.entries()) {
    for (const [where, text] of placesOf(hit)) {
      for (const [canary, spelled] of sought) {
        if (!spelled.some(spelling => text.includes(spelling))) continue
        if (options.except?.(canary, hit, where) === true) continue
        const spot = where.kind === 'header' ? `header ${where.name}` : where.kind
        throw new Error(
          `the canary of '${canary.place}' surfaced in the ${spot} of ${hit.method} ${hit.target} (request ${index + 1})`,
        )
      }
    }
  }
}

/** Throws when a stage refused any request as its provider would have, naming the first reason. */
export const assertNothingRefused = (hits: readonly Hit[]): void => {
  const refused = hits.find(hit => hit.refusal !== undefined)
  if (refused !== undefined) {
    throw new Error(
      `request ${refused.index + 1}, ${refused.method} ${refused.target}: ${refused.refusal?.message}`,
    )
  }
}

import { createHash } from 'node:crypto'
import type { Call } from '../call.ts'
import type { Edit } from '../wire/edit.ts'
import { isKeptFor } from './transcripts.ts'

/** An item that only its maker can read or find, and what stands in for it elsewhere. */
export type Shadowed = {
  /** Where it stands: the list and the place in it. */
  readonly path: readonly [key: string, at: string]
  /** Boundary of its maker; undefined: nobody can do anything with it. */
  readonly boundary: string | undefined
  readonly edit: Edit
}

/** The ciphertext itself is neither kept nor named. */
export const shadowKey = (encrypted: string, tenant: string): string =>
  `shadow:${createHash('sha256').update(`${tenant}\u0000${encrypted}`).digest('hex')}`

/** The operator wants copies of what this group compacts. */
export const isShadowed = (call: Pick<Call, 'config' | 'model'>): boolean =>
  isKeptFor(call.config.router.compactionShadows, call)

const NO_EDITS: readonly Edit[] = []

/** What a deployment within this boundary cannot read or find is replaced; undefined: nobody can read anything. */
export const shadowEdits = (
  shadows: readonly Shadowed[] | undefined,
  boundary: string | undefined,
): readonly Edit[] =>
  shadows === undefined
    ? NO_EDITS
    : shadows
        .filter(shadow => shadow.boundary === undefined || shadow.boundary !== boundary)
        .map(({ edit }) => edit)
        // What goes moves what stands behind it: everything else first, then the last one first.
        .toSorted(
          (one, other) =>
            Number(one.op === 'drop') - Number(other.op === 'drop') || placeIn(other) - placeIn(one),
        )

const placeIn = ({ path }: Edit): number => Number(path[1])

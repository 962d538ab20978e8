import { createHash } from 'node:crypto'
import type { Call } from '../call.ts'
import type { Shadow } from '../capsule.ts'
import { transcriptMessage } from '../dialects/compaction-answer.ts'
import type { Edit } from '../wire/edit.ts'
import { resolveGroup } from './resolve.ts'

/** A compaction of one provider, and what stands in for it elsewhere. */
export type Shadowed = Shadow & {
  /** Where it stands: the list and the place in it. */
  readonly path: readonly [key: string, at: string]
}

/** The ciphertext itself is neither kept nor named. */
export const shadowKey = (encrypted: string, tenant: string): string =>
  `shadow:${createHash('sha256').update(`${tenant}\u0000${encrypted}`).digest('hex')}`

/** The operator wants copies of what this group compacts. */
export const isShadowed = ({ config, model }: Pick<Call, 'config' | 'model'>): boolean => {
  const shadows = config.router.compactionShadows
  if (shadows === undefined) return false
  const { groups } = shadows
  return groups.has('*') || groups.has(model) || groups.has(resolveGroup(model, config)?.group ?? model)
}

const NO_EDITS: readonly Edit[] = []

/** What a deployment within this boundary cannot read is put in words; undefined: nobody can read anything. */
export const shadowEdits = (
  shadows: readonly Shadowed[] | undefined,
  boundary: string | undefined,
): readonly Edit[] =>
  shadows === undefined
    ? NO_EDITS
    : shadows
        .filter(shadow => shadow.boundary !== boundary)
        .map(({ path, text }) => ({ op: 'set', path, value: transcriptMessage(text), why: 'expand-shadow' }))

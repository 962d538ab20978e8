import { type Continuation, type Delivered, hasForm } from '../dialects/continuation.ts'
import { BEGINNING } from '../dialects/first-word.ts'
import { SHAPES } from '../dialects/index.ts'
import type { Ask, Draft } from '../providers/provider.ts'
import type { Edit } from '../wire/edit.ts'
import type { Hop, Parcel } from './adapt.ts'
import type { Failed } from './outcome.ts'
import type { Mode } from './resume-joint.ts'
import { seenBy } from './seen-by.ts'

/**
 * A committed answer broke: what a further attempt of the same walk goes on from. The loop is the one that every
 * attempt goes through, with what it has left of attempts, groups and time.
 */
export type Resumption = {
  /** The break, as the attempt that was answered would have told it. */
  readonly failed: Failed
  /** What the client has of the answer. */
  readonly delivered: Delivered
  /** A target that declares it is asked to go on; false: only an answer that repeats what was delivered counts. */
  readonly mayContinue: boolean
}

/** How one deployment is asked to go on. */
export type Approach = {
  readonly mode: Mode
  readonly continuation: Continuation
  readonly delivered: Delivered
  /** What tells it where to begin. */
  readonly edits: readonly Edit[]
}

/** Values of a fallback entry or of the deployment that would take the place of the conversation. */
const replacesConversation = ({ overrides, deployment }: Hop): boolean =>
  ['messages', 'prompt', 'contents'].some(key => key in overrides || key in deployment.extraBody)

/** Half a character is no text. */
const isWhole = ({ texts }: Delivered): boolean => [...texts.values()].every(text => text.isWellFormed())

/**
 * By prefill where the deployment declares it and the body has room for it, else by saying it all again. Undefined:
 * nobody can go on with answers of this route.
 */
export const approachTo = (
  { delivered, mayContinue }: Resumption,
  parcel: Parcel,
  hop: Hop,
): Approach | undefined => {
  const continuation = SHAPES[parcel.route.shape].stream?.continuation
  if (continuation === undefined) return undefined
  const { deployment } = hop
  const peek = seenBy(parcel, hop)
  const declared = mayContinue && deployment.info.supportsAssistantPrefill
  const edits =
    declared && !replacesConversation(hop) && !hasForm(peek) && isWhole(delivered)
      ? continuation.prefill?.(peek, delivered, deployment.provider.prefill ?? {})
      : undefined
  const mode = edits === undefined ? 'splice' : 'continuation'
  return { mode, continuation, delivered, edits: edits ?? [] }
}

/** The same by saying it all again. */
export const bySplice = (approach: Approach): Approach => ({ ...approach, mode: 'splice', edits: [] })

/**
 * The target is given what the client has, to the last byte. A translation may have taken white space off its end, or
 * made another turn of it: what came back would fit by chance only.
 */
export const isGivenWhole = (
  { mode, delivered }: Approach,
  { warnings }: Draft,
  { connection, ask }: { readonly connection: Hop['deployment']['connection']; readonly ask: Ask },
): boolean => {
  if (mode === 'splice') return true
  if (warnings.some(({ lost }) => lost === BEGINNING)) return false
  const ends = [...delivered.texts.values()].at(-1) ?? ''
  return !/\s$/.test(ends) || connection.reading(ask).decoder === undefined
}

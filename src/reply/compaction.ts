import type { Answered } from '../attempt/outcome.ts'
import type { Capsule, Capsules } from '../capsule.ts'
import { isCompaction } from '../dialects/compaction-shape.ts'
import { toldWay } from '../plan/compaction.ts'
import { safeHeaderValue } from '../wire/headers.ts'
import { isObject, type Json } from '../wire/json.ts'

/** What becomes of a compaction on its way to the client. */

/** How it was made and by which group; undefined: it is none. */
export const compactionHeader = ({ compaction, deployment, group }: Answered): string | undefined =>
  compaction === undefined
    ? undefined
    : safeHeaderValue(`${toldWay(compaction, deployment.provider.name)}; target=${group}`)

/** The item holds its capsule in the open: the answer was translated here, and nobody has seen it yet. */
export const isOpenCapsule = ({ compaction }: Answered): boolean =>
  compaction?.way === 'summary' || compaction?.way === 'own'

const capsuleIn = (text: string): Capsule | undefined => {
  const value = JSON.parse(text) as Json
  if (!isObject(value)) return undefined
  const { summary, created, model, transcript } = value
  return typeof summary === 'string' && typeof created === 'number'
    ? { summary, created, model: String(model), transcript: String(transcript) }
    : undefined
}

/** Unreadable to everybody is better than readable to anybody. */
export const sealedCapsule = (plain: string, capsules: Capsules, tenant: string): string => {
  try {
    const capsule = capsuleIn(plain)
    return capsule === undefined ? '' : capsules.seal(capsule, tenant)
  } catch {
    return ''
  }
}

/** One item is in several events of a stream: it is sealed once. */
export const capsuleSealer = (capsules: Capsules, tenant: string): ((plain: string) => string) => {
  const sealed = new Map<string, string>()
  return plain => {
    const known = sealed.get(plain)
    if (known !== undefined) return known
    const made = sealedCapsule(plain, capsules, tenant)
    sealed.set(plain, made)
    return made
  }
}

/** Where the open capsules of a list of items are: the place, and the text that is to be sealed. */
export const openCapsules = (output: Json | undefined): readonly (readonly [at: number, plain: string])[] =>
  Array.isArray(output)
    ? (output as readonly Json[]).flatMap((item, at) => {
        const plain = openCapsule(item)
        return plain === undefined ? [] : [[at, plain] as const]
      })
    : []

export const openCapsule = (item: Json | undefined): string | undefined =>
  isCompaction(item) && typeof item.encrypted_content === 'string' ? item.encrypted_content : undefined

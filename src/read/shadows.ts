import type { Call } from '../call.ts'
import { transcriptMessage } from '../dialects/compaction-answer.ts'
import { lateResults } from '../dialects/compaction-calls.ts'
import type { House } from '../house.ts'
import { isPinned } from '../plan/encrypted.ts'
import { type Shadowed, shadowKey } from '../plan/shadows.ts'
import type { NativeItem } from './compaction.ts'

const shadowOf = async (
  { path, encrypted }: NativeItem,
  tenant: string,
  { keep, seal }: Pick<House, 'keep' | 'seal'>,
): Promise<Shadowed | undefined> => {
  const kept = await keep.get(shadowKey(encrypted, tenant))
  const opened = kept === undefined ? undefined : seal.shadows.open(kept, tenant)
  if (opened?.kind !== 'opened') return undefined
  const { text, boundary } = opened.content
  return { path, boundary, edit: { op: 'set', path, value: transcriptMessage(text), why: 'expand-shadow' } }
}

/** Results of calls that only these copies tell of: where a copy stands in, they are told in words, too. */
const lateShadows = ({ body }: Call, shadows: readonly Shadowed[]): readonly Shadowed[] => {
  const [first] = shadows
  if (first === undefined || body.kind !== 'json') return []
  const [key, from] = first.path
  return lateResults(body.index, key, Number(from)).map(({ at, message }) => {
    const path = [key, String(at)] as const
    return {
      path,
      boundary: first.boundary,
      edit: { op: 'set', path, value: message, why: 'expand-shadow' },
    }
  })
}

/**
 * The call with the copies that are kept of its compactions. With a copy of every one of them nothing in the call binds
 * it to their maker any more: the maker is only preferred, because it can read more.
 */
export const withShadows = async (call: Call, house: Pick<House, 'keep' | 'seal'>): Promise<Call> => {
  if (call.config.router.compactionShadows === undefined) return call
  const { owner } = call.context.caller
  const found = await Promise.all(call.natives.map(item => shadowOf(item, owner, house)))
  const shadows = found.filter(shadow => shadow !== undefined)
  if (shadows.length === 0) return call
  const all = [...(call.shadows ?? []), ...shadows, ...lateShadows(call, shadows)]
  const { pin } = call
  const bound =
    shadows.length < call.natives.length || pin?.because !== 'encrypted_content' || isPinned(call.config)
  return bound
    ? { ...call, shadows: all }
    : { ...call, shadows: all, pin: undefined, origin: call.origin ?? pin.boundary }
}

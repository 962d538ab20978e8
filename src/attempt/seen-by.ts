import type { Peek } from '../dialects/continuation.ts'
import { peekAt } from '../read/parse.ts'
import type { Hop, Parcel } from './adapt.ts'

/** A parameter as the provider will see it: the client's, changed by the operator's files as adapt changes it. */
export const seenBy = (
  { body, additionalDropParams }: Pick<Parcel, 'body' | 'additionalDropParams'>,
  { deployment, overrides }: Pick<Hop, 'deployment' | 'overrides'>,
): Peek => {
  const own = peekAt(body)
  const drops = [...deployment.additionalDropParams, ...additionalDropParams]
  return key => {
    if (drops.some(path => path.length === 1 && path[0] === key)) return undefined
    if (Object.hasOwn(overrides, key)) return overrides[key]
    return deployment.extraBody[key] ?? own(key) ?? deployment.defaults[key]
  }
}

import type { Json } from '../wire/json.ts'
import type { Deployment } from './config.ts'

/** One maker of vectors: a deployment, and its upstream model as this call names it. */
export type Maker = { readonly deployment: Deployment; readonly model: string }

/** Who says how long the vectors of one call are. */
export type Lengths = {
  /** The client's `dimensions`. */
  readonly own?: Json | undefined
  /** Those of the fallback entry that leads to the other deployment. */
  readonly override?: Json | undefined
  /** The call takes a deployment's default. */
  readonly takesDefaults: boolean
}

/** What a provider is asked for: undefined leaves the length to the model. */
const asked = ({ extraBody, defaults }: Deployment, { own, takesDefaults }: Lengths): Json | undefined =>
  extraBody.dimensions ?? own ?? (takesDefaults ? defaults.dimensions : undefined)

/**
 * Vectors mix only when they are of one model and one length. Where a length is asked for, the other one has to be known to
 * be the same; where none is, each model gives its own. Two that declare different ones never mix.
 */
export const sameVectors = (one: Maker, other: Maker, lengths: Lengths): boolean => {
  const name = ({ deployment, model }: Maker): string => deployment.info.baseModel ?? model
  if (name(one) !== name(other)) return false
  const { dimensions: left } = one.deployment.info
  const { dimensions: right } = other.deployment.info
  if (left !== undefined && right !== undefined && left !== right) return false
  const here = asked(one.deployment, lengths)
  const there = lengths.override ?? asked(other.deployment, lengths)
  return here === undefined && there === undefined ? true : (here ?? left) === (there ?? right)
}

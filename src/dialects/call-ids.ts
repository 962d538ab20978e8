import { createHash } from 'node:crypto'

/** What a dialect or a model accepts as the id of a tool call. */
export type IdRule = {
  readonly accepts: RegExp
  readonly prefix: string
  /** Characters in all, prefix included. */
  readonly length: number
}

/**
 * The id as the target accepts it: itself where it may be, else a name made of its hash. The same id becomes the
 * same name in every turn and on every instance, so a call and its result stay together without any memory.
 */
export const fittingId = (id: string, { accepts, prefix, length }: IdRule): string => {
  if (accepts.test(id)) return id
  const digest = createHash('sha256').update(id).digest('base64url').replace(/[-_]/g, '0')
  return (prefix + digest).slice(0, length)
}

const MISTRAL = /(?:mistral|mixtral|codestral|devstral|magistral|ministral|pixtral|voxtral)/i

/** Models of this family take exactly nine letters and digits, whoever hosts them: their chat templates check it. */
const NINE: IdRule = { accepts: /^[a-zA-Z0-9]{9}$/, prefix: '', length: 9 }

/** A model of the family, whoever hosts it. */
export const isOfMistral = (model: string): boolean => MISTRAL.test(model)

/** What ids a model takes where its dialect's rule is `rule`. */
export const idRuleFor = (model: string, rule: IdRule): IdRule => (isOfMistral(model) ? NINE : rule)

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

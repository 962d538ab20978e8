import { asBuffer } from './bytes.ts'
import type { Span } from './index.ts'

/** A backslash and `u`: with it a name may be spelled in a way that no search finds. */
const ESCAPE = Buffer.from('\\u')

/**
 * False: nothing in these bytes of JSON has this name, at any depth, so nobody need open them. True may be a mistake.
 * `name` is of letters, digits, '_' and '-'. One native search, or two.
 */
export const mayMention = (bytes: Uint8Array, { start, end }: Span, name: string): boolean => {
  const within = asBuffer(bytes).subarray(start, end)
  return within.includes(`"${name}"`) || within.includes(ESCAPE)
}

/** The same for several names at once: true where any of them may be there. */
export const mayMentionAny = (bytes: Uint8Array, { start, end }: Span, names: readonly string[]): boolean => {
  const within = asBuffer(bytes).subarray(start, end)
  return within.includes(ESCAPE) || names.some(name => within.includes(`"${name}"`))
}

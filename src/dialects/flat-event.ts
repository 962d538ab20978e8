/**
 * A grammar for the small, flat JSON objects that streams are made of. On the hot path a match replaces JSON.parse:
 * it accepts a text only when the whole of it is valid JSON of a known form, so a match is never wrong; any other
 * form (nesting, odd whitespace, escaped keys, great length) simply does not match and is parsed instead.
 * No text can be divided among the pieces in two ways, so matching is linear.
 */
const character = '(?:[^"\\\\\\x00-\\x1f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))'
const number = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?'
const scalar = `(?:"${character}*"|${number}|null|true|false|\\[\\]|\\{\\})`

/** A string that is not empty. */
export const someText = `"${character}+"`

const memberBut = (keys: string): string =>
  `"(?:(?!(?:${keys})")[^"\\\\\\x00-\\x1f]+": ?${scalar}|(?:${keys})": ?(?:null|""))`

/** Key and scalar value; keys that change an event's meaning match only when they say nothing. */
export const member = memberBut('error|finish_reason')
export const leading = `(?:${member}, ?)*`
export const trailing = `(?:, ?${member})*`

/** Members before the one that bears: `keys` say nothing in them, so there is one way only to find the bearing one. */
export const leadingTo = (keys: string): string => `(?:${memberBut(`error|finish_reason|${keys}`)}, ?)*`

/** Longer texts are parsed: a backtracking matcher keeps a stack that grows with the text. */
const longest = 4096

/** A test for texts of at most 4096 UTF-16 units; longer ones never match. */
export const flatTest = (pattern: string): ((text: string) => boolean) => {
  const expression = new RegExp(`^${pattern}$`)
  return text => text.length <= longest && expression.test(text)
}

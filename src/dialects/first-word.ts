import type { Losses } from './losses.ts'

/** What is said for the user where a dialect has conversations begin with one, and nobody has said anything for them. */
export const FIRST_WORD = 'Go on.'

export const tellFirstWord = (losses: Losses): void =>
  losses.warn('messages', 'a conversation begins with the user: a word of theirs was put first')

/** What is told of an answer's beginning that is not given as one. */
export const BEGINNING = 'the beginning of an answer'

/** Models that go on with no answer that was begun want the user to speak last: the answer stays, as one that was given. */
export const tellLastWord = (losses: Losses): void =>
  losses.warn(BEGINNING, 'this model does not go on with one: a word of the user was put behind it')

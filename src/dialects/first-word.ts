import type { Losses } from './losses.ts'

/** What is said for the user where a dialect has conversations begin with one, and nobody has said anything for them. */
export const FIRST_WORD = 'Go on.'

export const tellFirstWord = (losses: Losses): void =>
  losses.warn('messages', 'a conversation begins with the user: a word of theirs was put first')

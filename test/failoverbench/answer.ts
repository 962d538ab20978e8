/**
 * The one healthy answer of the bench: sixty words, whatever the endpoint. Completeness is this text, byte for byte,
 * so an answer that lost or repeated a word cannot pass for a whole one.
 */
export const ANSWER =
  'An understudy learns every line in silence and waits where nobody looks, because a house is judged on the one ' +
  'night its lead cannot go on. Then the lights rise, the words come whole and in their order, nobody in the stalls ' +
  'turns to a neighbour, and the play that was promised is the play that was given that night.'

export const PROMPT = 'In sixty words, what is an understudy for?'

/** One token a word, each with the space before it: the tokens of any rest of the answer join to that rest. */
export const tokensOf = (text: string): readonly string[] => text.match(/ ?[^ ]+/g) ?? []

export const WORDS = tokensOf(ANSWER).length

export const wordsIn = (text: string): number => text.split(' ').filter(word => word !== '').length

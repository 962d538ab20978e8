import type { JsonObject } from '../wire/json.ts'
import { finishOf, objectAt, partsIn } from './gemini-words.ts'
import { unsaid } from './read-json.ts'

/** When an answer of generateContent says nothing, whoever asked for it. */

export const NO_CANDIDATE = unsaid('The provider answered without any candidate.', 'empty_answer')
export const NO_TOKEN = unsaid('The provider ended the answer without a single token.', 'empty_answer')

/** A part that says or does something: an empty text is how the API ends a stream. */
const partSpeaks = (part: JsonObject): boolean =>
  Object.entries(part).some(([name, value]) => {
    if (name === 'text') return value !== ''
    return name !== 'thought' && name !== 'thoughtSignature' && name !== 'thought_signature' && value !== null
  })

export const speaks = (candidate: JsonObject): boolean => partsIn(candidate).some(partSpeaks)

/**
 * The model stopped of its own accord and said nothing at all, and the provider has counted. No token is no answer, and
 * tokens that were counted and are not there have been lost.
 */
export const withoutToken = (candidates: readonly JsonObject[], answer: JsonObject): boolean =>
  objectAt(answer, 'usageMetadata') !== undefined &&
  candidates.every(candidate => finishOf(candidate) === 'STOP' && !speaks(candidate))

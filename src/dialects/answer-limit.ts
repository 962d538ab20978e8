import type { Edit } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json } from '../wire/json.ts'

/**
 * The longest answer of a model. Clients ask for more than one model gives and not more than another: agents send the
 * same limit to whoever serves them. A provider that refuses it names its own, and no answer could have been longer.
 */

export type SaidLimit = {
  /** Tokens. */
  readonly most: number
  /** It is what this prompt leaves of the window: the next one leaves another. */
  readonly once: boolean
}

/** What less room than this is good for, nobody has asked for: the window is full. */
const LEAST_ROOM = 1024

const NAMES = String.raw`['"\u0060]?max_(?:tokens|completion_tokens|output_tokens)['"\u0060]?`

/**
 * The words of OpenAI's two APIs, Anthropic (also behind Bedrock), Bedrock, DeepSeek, DashScope, Groq and Cohere, from
 * public issues. Each is bound to the beginning of the text: what follows may be the caller's.
 */
const INCLUSIVE: readonly RegExp[] = [
  new RegExp(`^${NAMES} is too large: \\d+\\. this model supports at most (\\d+) completion tokens`, 'i'),
  new RegExp(`^invalid ${NAMES}: integer above maximum value\\. expected a value <= (\\d+)`, 'i'),
  /^(?:the model returned the following errors: )?max_tokens: \d+ > (\d+), which is the maximum allowed number of output tokens/i,
  /^the maximum tokens you requested exceeds? the model limit of (\d+)/i,
  /^invalid max_tokens value, the valid range of max_tokens is \[1, (\d+)\]/i,
  /^(?:<400> internalerror\.algo\.invalidparameter: )?range of max_tokens should be \[1, (\d+)\]/i,
  new RegExp(`^${NAMES} must be less than or equal to \`?(\\d+)`, 'i'),
  /^(?:invalid request: |too many tokens: )?max[_ ]tokens must be less than or equal to (\d+)/i,
]

/** Vertex AI's. */
const EXCLUSIVE =
  /^unable to submit request because it has a maxoutputtokens value of \d+ but the supported range is from 1 \(inclusive\) to (\d+) \(exclusive\)/i

/** vLLM's: the window, and what the prompt takes of it. */
const ROOM =
  /^'max_tokens' or 'max_completion_tokens' is too large: \d+\. this model's maximum context length is +(\d+) tokens and your request has (\d+) input tokens/i

/** The limit that a refusal names; undefined: it is about something else. `text`: the provider's own words. */
export const limitSaid = (text: string): SaidLimit | undefined => {
  for (const pattern of INCLUSIVE) {
    const most = pattern.exec(text)?.[1]
    if (most !== undefined) return { most: Number(most), once: false }
  }
  const beyond = EXCLUSIVE.exec(text)?.[1]
  if (beyond !== undefined) return { most: Number(beyond) - 1, once: false }
  const [, window, prompt] = ROOM.exec(text) ?? []
  const room = Number(window) - Number(prompt)
  return room >= LEAST_ROOM ? { most: room, once: true } : undefined
}

/** Where bodies have the limit of their answer. */
const PLACES: readonly (readonly [top: string, inner?: string])[] = [
  ['max_tokens'],
  ['max_completion_tokens'],
  ['max_output_tokens'],
  ['generationConfig', 'maxOutputTokens'],
  ['generationConfig', 'max_output_tokens'],
  ['generation_config', 'maxOutputTokens'],
  ['generation_config', 'max_output_tokens'],
  ['inferenceConfig', 'maxTokens'],
]

/** A limit above `most` tokens becomes it. None: there is no such limit. */
export const limitEdits = (index: JsonIndex, most: number): readonly Edit[] =>
  PLACES.flatMap(([top, inner]): Edit[] => {
    if (!index.members.has(top)) return []
    const value: Json | undefined = valueAt(index, top)
    const asked = inner === undefined ? value : isObject(value) ? value[inner] : undefined
    if (typeof asked !== 'number' || asked <= most) return []
    return [{ op: 'set', path: inner === undefined ? [top] : [top, inner], value: most, why: 'answer-limit' }]
  })

import type { JsonObject } from '../wire/json.ts'

/** Tokens of one answer. `thought` are those of what was thought before it. */
export type Counts = { readonly prompt: number; readonly answer: number; readonly thought: number }

/** How a provider of OpenAI's dialect words its chat completions, where it does not do so as OpenAI does. */
export type Voice = {
  /** The member of a message or a delta in which thoughts stand. */
  readonly thoughts: 'reasoning' | 'reasoning_content'
  /** What stands beside thoughts, in a message or in a delta: the same once more, in another form. */
  readonly details?: (thought: string) => JsonObject
  readonly usage: (counts: Counts) => JsonObject
  /** A stream ends with its usage although nobody has asked for it. */
  readonly alwaysUsage?: true
  /** What its ids begin with. Default: OpenAI's. */
  readonly idPrefix?: string
  /** A comment that stands before the first event of a stream. */
  readonly comment?: string
  /** The chunk in which a stream says what went wrong, made of one like the others. Default: the error alone. */
  readonly failed?: (chunk: JsonObject, error: JsonObject) => JsonObject
  /** What a completion or chunk holds beside id, model and choices. */
  readonly beside: (id: string) => JsonObject
  /** What the chunk with the reason to finish holds besides. */
  readonly last?: (id: string, usage: JsonObject) => JsonObject
}

export const THOUGHT = 'The lead has forgotten it.'

/** Thoughts are a part of the completion, as at OpenAI. */
export const plainUsage = ({ prompt, answer, thought }: Counts): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: answer + thought,
  total_tokens: prompt + answer + thought,
})

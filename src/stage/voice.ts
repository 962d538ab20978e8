import type { JsonObject } from '../wire/json.ts'

/** Tokens of one answer. `thought` are those of what was thought before it. */
export type Counts = { readonly prompt: number; readonly answer: number; readonly thought: number }

/** How a provider of OpenAI's dialect words its chat completions, where it does not do so as OpenAI does. */
export type Voice = {
  /** The member of a message or a delta in which thoughts stand. */
  readonly thoughts: 'reasoning' | 'reasoning_content'
  readonly usage: (counts: Counts) => JsonObject
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

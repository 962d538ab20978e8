import type { BedrockAnswer } from '../stage/bedrock-answer.ts'

/** One answer with every kind of block, and what chat.completions calls its usage. */

const stamp = { unique: 'u1', created: 1_700_000_000 }
export const options = { model: 'upstream', stamp }
const USAGE = {
  inputTokens: 10,
  outputTokens: 4,
  totalTokens: 20,
  cacheReadInputTokens: 5,
  cacheWriteInputTokens: 1,
}
export const CHAT_USAGE = {
  prompt_tokens: 16,
  completion_tokens: 4,
  total_tokens: 20,
  prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 },
}
export const RICH: BedrockAnswer = {
  content: [
    { reasoningContent: { reasoningText: { text: 'thinking it over', signature: 'sig' } } },
    { text: 'Here, with an é and a 🎭.' },
    { toolUse: { toolUseId: 't1', name: 'look', input: { at: 'left' } } },
    { toolUse: { toolUseId: 't2', name: 'wait', input: {} } },
  ],
  stopReason: 'tool_use',
  usage: USAGE,
}

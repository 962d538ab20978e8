import type { BedrockAnswer } from '../stage/bedrock-answer.ts'
import { converseUpstream } from './bedrock-converse.ts'
import { throughBridge } from './bridge.ts'
import { chatWriter } from './chat-writer.ts'
import { request } from './neutral.fixture.ts'
import type { Asked } from './neutral.ts'
import type { StreamDecoder } from './shape.ts'

/** One answer with every kind of block, and what chat.completions calls its usage. */

export const CLAUDE = 'anthropic.claude-sonnet-4-v1:0'

/** A question of a chat client. */
export const askedBy = (streamUsage = true): Asked => ({
  body: {},
  request: request([], { stream: true, streamUsage }),
  model: 'upstream',
  unique: 'u1',
  created: 1_700_000_000,
})

/** Claude's stream as a chat client gets it. */
export const chatStreamDecoder = (includeUsage = true): StreamDecoder =>
  throughBridge(converseUpstream(CLAUDE).decoder(), chatWriter(askedBy(includeUsage)))
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

import type { Stamp } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** Who answers, for the members that Converse does not have. */
export type AnswerOptions = { readonly model: string; readonly stamp: Stamp }

const FINISH: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  content_filtered: 'content_filter',
  guardrail_intervened: 'content_filter',
}

export const finishReason = (stopReason: Json | undefined): string => FINISH[String(stopReason)] ?? 'stop'

/** Stop reasons that mean: the model failed, and what it said is no answer. */
export const stopFailure = (stopReason: Json | undefined): JsonObject | undefined => {
  if (stopReason !== 'malformed_model_output' && stopReason !== 'malformed_tool_use') return undefined
  const message = `The model ended with ${stopReason}.`
  return { message, type: 'server_error', param: null, code: 'server_error', exception: stopReason }
}

const count = (value: Json | undefined): number => (typeof value === 'number' ? value : 0)

/** Converse counts cached tokens beside the input, chat.completions inside it. */
export const toUsage = (usage: Json | undefined): JsonObject | undefined => {
  if (!isObject(usage)) return undefined
  const cached = count(usage.cacheReadInputTokens)
  const written = count(usage.cacheWriteInputTokens)
  const prompt = count(usage.inputTokens) + cached + written
  const completion = count(usage.outputTokens)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
  }
}

const toolCall = (use: JsonObject): JsonObject => ({
  id: use.toolUseId ?? '',
  type: 'function',
  function: { name: use.name ?? '', arguments: JSON.stringify(use.input ?? {}) },
})

/** A reasoning block as LiteLLM's thinking block; undefined when it holds nothing. */
const thinkingBlock = (reasoning: JsonObject): JsonObject | undefined => {
  if (typeof reasoning.redactedContent === 'string') {
    return { type: 'redacted_thinking', data: reasoning.redactedContent }
  }
  const { reasoningText } = reasoning
  if (!isObject(reasoningText)) return undefined
  return { type: 'thinking', thinking: reasoningText.text ?? '', signature: reasoningText.signature ?? '' }
}

const textOf = (block: JsonObject): string => {
  if (typeof block.text === 'string') return block.text
  const cited = isObject(block.citationsContent) ? block.citationsContent.content : undefined
  if (!Array.isArray(cited)) return ''
  return cited.map(each => (isObject(each) && typeof each.text === 'string' ? each.text : '')).join('')
}

const toMessage = (blocks: readonly JsonObject[]): JsonObject => {
  const text = blocks.map(textOf).join('')
  const calls = blocks.flatMap(block => (isObject(block.toolUse) ? [toolCall(block.toolUse)] : []))
  const thinking = blocks.flatMap((block): readonly JsonObject[] => {
    const found = isObject(block.reasoningContent) ? thinkingBlock(block.reasoningContent) : undefined
    return found === undefined ? [] : [found]
  })
  const reasoning = thinking.map(block => (typeof block.thinking === 'string' ? block.thinking : '')).join('')
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

/** A Converse answer as chat.completion. Throws Error when it is no Converse answer. */
export const toChatCompletion = (answer: Json, options: AnswerOptions): JsonObject => {
  const output = isObject(answer) && isObject(answer.output) ? answer.output : undefined
  const message = output && isObject(output.message) ? output.message : undefined
  if (!isObject(answer) || message === undefined || !Array.isArray(message.content)) {
    throw new Error('the answer has no output.message')
  }
  const failure = stopFailure(answer.stopReason)
  if (failure !== undefined) return { error: failure }
  const usage = toUsage(answer.usage)
  return {
    id: `chatcmpl-${options.stamp.unique}`,
    object: 'chat.completion',
    created: options.stamp.created,
    model: options.model,
    choices: [
      {
        index: 0,
        message: toMessage(message.content.filter(isObject)),
        logprobs: null,
        finish_reason: finishReason(answer.stopReason),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  }
}

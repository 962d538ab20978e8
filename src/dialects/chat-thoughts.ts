import { isObject, type JsonObject } from '../wire/json.ts'
import type { ReasoningPart, Sealed } from './neutral.ts'
import { objectOf, textOf } from './read-json.ts'
import { openSeal, sealText } from './responses-seal.ts'

/**
 * Reasoning in Chat Completions, where OpenAI has no place for it: `reasoning_content` is what may be read, and
 * `thinking_blocks` with their signatures are what has to come back, as LiteLLM writes both.
 */

/** Signatures of these blocks are Claude's where nothing else is said; others travel as they do through Responses. */
const writeSeal = (sealed: Sealed): string =>
  sealed.issuer === 'messages' ? sealed.payload : sealText(sealed)

const readSeal = (text: string): Sealed => openSeal(text) ?? { issuer: 'messages', payload: text }

/** A block for a seal and the thought it seals. */
export const thinkingBlock = (sealed: Sealed, text: string): JsonObject =>
  sealed.redacted === true
    ? { type: 'redacted_thinking', data: writeSeal(sealed) }
    : { type: 'thinking', thinking: text, signature: writeSeal(sealed) }

/** Members of a message that carry its reasoning; none when there is none. */
export const writeReasoning = (parts: readonly ReasoningPart[]): JsonObject => {
  const text = parts.map(part => part.text).join('')
  const blocks = parts.flatMap(part =>
    part.sealed === undefined ? [] : [thinkingBlock(part.sealed, part.text)],
  )
  return {
    ...(text === '' ? {} : { reasoning_content: text }),
    ...(blocks.length === 0 ? {} : { thinking_blocks: blocks }),
  }
}

/** What may be read of the reasoning in a message or a delta: providers have two names for it. */
export const readableIn = (carrier: JsonObject): string | undefined =>
  textOf(carrier.reasoning_content) ?? textOf(carrier.reasoning)

/** A seal as one block of a message or a delta tells it; undefined when the block tells none. */
export const sealIn = (block: JsonObject): Sealed | undefined => {
  if (block.type === 'redacted_thinking') {
    const data = textOf(block.data)
    return data === undefined ? undefined : { ...readSeal(data), redacted: true }
  }
  const signature = textOf(block.signature)
  return signature === undefined ? undefined : readSeal(signature)
}

/**
 * The reasoning of a message. Clients that collected a stream bring its pieces one by one: unsigned pieces belong to the
 * signature that follows them, and a signature without any text belongs to `reasoning_content`.
 */
export const readReasoning = (message: JsonObject): readonly ReasoningPart[] => {
  const parts: ReasoningPart[] = []
  let text = ''
  let spoke = false
  const blocks = Array.isArray(message.thinking_blocks) ? message.thinking_blocks : []
  for (const block of blocks) {
    if (!isObject(block)) continue
    const thought = textOf(block.thinking) ?? ''
    spoke ||= thought !== ''
    const sealed = sealIn(block)
    if (sealed?.redacted === true) parts.push({ kind: 'reasoning', text: '', sealed })
    else if (sealed === undefined) text += thought
    else {
      // The whole thought may come once more with its signature.
      parts.push({ kind: 'reasoning', text: text === thought ? text : text + thought, sealed })
      text = ''
    }
  }
  if (text !== '') parts.push({ kind: 'reasoning', text })
  const readable = spoke ? undefined : readableIn(message)
  if (readable === undefined) return parts
  const signed = parts.findIndex(part => part.sealed?.redacted === undefined)
  if (signed === -1) return [{ kind: 'reasoning', text: readable }, ...parts]
  return parts.map((part, index) => (index === signed ? { ...part, text: readable } : part))
}

/** A seal on a call: Gemini's, where LiteLLM, Google itself and LiteLLM's ids keep it. */
export const sealOfCall = (call: JsonObject): Sealed | undefined => {
  const google = objectOf(objectOf(call.extra_content)?.google)
  const payload =
    textOf(objectOf(call.provider_specific_fields)?.thought_signature) ??
    textOf(objectOf(objectOf(call.function)?.provider_specific_fields)?.thought_signature) ??
    textOf(google?.thought_signature) ??
    textOf(textOf(call.id)?.split('__thought__')[1])
  return payload === undefined ? undefined : { issuer: 'gemini', payload }
}

/** Other dialects seal no calls. */
export const writeCallSeal = (sealed: Sealed | undefined): JsonObject =>
  sealed?.issuer === 'gemini' ? { provider_specific_fields: { thought_signature: sealed.payload } } : {}

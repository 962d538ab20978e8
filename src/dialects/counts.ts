import type { ShapeName } from '../routes.ts'
import type { JsonObject } from '../wire/json.ts'
import { countMessages } from './anthropic-messages-count.ts'
import { countGemini } from './gemini-count.ts'

/**
 * The answer of an endpoint that counts a prompt, for providers that count none: from the client's request, with a
 * tokenizer that is as good as the model is like an OpenAI one.
 */
export type Counter = (body: JsonObject, tokensOf: (text: string) => number) => JsonObject

/** Endpoints that count, by the shape of their answers. */
export const COUNTS: Readonly<Partial<Record<ShapeName, Counter>>> = {
  gemini_tokens: countGemini,
  message_tokens: countMessages,
}

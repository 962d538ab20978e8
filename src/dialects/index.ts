import type { ShapeName } from '../routes.ts'
import { messages, messageTokens } from './anthropic-messages-shape.ts'
import { trigger } from './compaction-shape.ts'
import { gemini, geminiTokens } from './gemini-shape.ts'
import { geminiVectors } from './gemini-vectors.ts'
import { speech, transcription } from './openai-audio.ts'
import { chat } from './openai-chat.ts'
import { completions } from './openai-completions.ts'
import { images } from './openai-images.ts'
import { embeddings, moderations, raw, rerank, resource } from './openai-other.ts'
import { compaction, responses, responseTokens } from './openai-responses.ts'
import type { Shape } from './shape.ts'

/** How the answers of each endpoint are read; routes name these. */
export const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  chat,
  completions,
  embeddings,
  moderations,
  images,
  speech,
  transcription,
  rerank,
  responses,
  response_tokens: responseTokens,
  compaction,
  messages,
  message_tokens: messageTokens,
  trigger,
  gemini,
  gemini_tokens: geminiTokens,
  gemini_vectors: geminiVectors,
  resource,
  raw,
}

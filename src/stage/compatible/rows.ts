import { DEEPSEEK } from './deepseek.ts'
import { FIREWORKS } from './fireworks-ai.ts'
import { GROQ } from './groq.ts'
import { VLLM } from './hosted-vllm.ts'
import { OLLAMA } from './ollama.ts'
import { OPENROUTER } from './openrouter.ts'
import type { Row } from './row.ts'
import { TOGETHER } from './together-ai.ts'
import { XAI } from './xai.ts'

/** One row per provider. */
export const ROWS = {
  groq: GROQ,
  xai: XAI,
  deepseek: DEEPSEEK,
  together_ai: TOGETHER,
  fireworks_ai: FIREWORKS,
  openrouter: OPENROUTER,
  ollama: OLLAMA,
  hosted_vllm: VLLM,
} as const satisfies Readonly<Record<string, Row>>

export type Compatible = keyof typeof ROWS

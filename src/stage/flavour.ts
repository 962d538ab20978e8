/** Whom a stage can play, in the order in which help lists them. */
export const FLAVOURS = [
  'openai',
  'azure',
  'azure_ai',
  'anthropic',
  'bedrock',
  'vertex_ai',
  'gemini',
  'cohere',
  'mistral',
  'groq',
  'xai',
  'deepseek',
  'together_ai',
  'fireworks_ai',
  'openrouter',
  'ollama',
  'hosted_vllm',
] as const

/** Which provider a stage plays. */
export type Flavour = (typeof FLAVOURS)[number]

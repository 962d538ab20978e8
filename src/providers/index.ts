import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { azureAi } from './azure-ai.ts'
import { bedrock } from './bedrock.ts'
import { cohere, cohereChat } from './cohere.ts'
import { ROWS } from './compatible-rows.ts'
import { countingFor } from './counting.ts'
import { embeddingFor } from './embedding-door.ts'
import { gemini } from './gemini.ts'
import { openai } from './openai.ts'
import { openAiCompatible } from './openai-compatible.ts'
import type { Provider } from './provider.ts'
import { vertexAi } from './vertex-ai.ts'

const all: readonly Provider[] = [
  anthropic,
  bedrock,
  gemini,
  vertexAi,
  openai,
  azure,
  azureAi,
  cohere,
  cohereChat,
  ...ROWS.map(openAiCompatible),
]

/** Every provider by LiteLLM's prefix. */
export const providers: Readonly<Record<string, Provider>> = Object.freeze(
  Object.assign(
    Object.create(null),
    Object.fromEntries(all.map(provider => [provider.name, countingFor(embeddingFor(provider))])),
  ),
)

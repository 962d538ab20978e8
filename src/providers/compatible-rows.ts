import type { Prefill } from '../dialects/continuation.ts'
import type { Base } from './address.ts'
import {
  CEREBRAS,
  DEEPSEEK,
  FIREWORKS,
  GROQ,
  MISTRAL,
  NO_DEVELOPER,
  OLDER_LIMIT,
  VLLM,
  XAI,
} from './chat-rows.ts'
import type { OpenAiCompatible } from './openai-compatible.ts'
import type { Ask } from './provider.ts'
import type { ChatTraits, KnownApis } from './text-apis.ts'

/** Ollama's native API is at the root, its OpenAI-compatible one under /v1. */
const underV1 = (base: Base): Base => (base.path === '' ? { ...base, path: '/v1' } : base)

/** What Mistral has not published of OpenAI's parameters, the ones aside that have a name of their own there. */
const NOT_AT_MISTRAL = [
  'logit_bias',
  'user',
  'store',
  'logprobs',
  'top_logprobs',
  'service_tier',
  'verbosity',
  'modalities',
  'audio',
  'web_search_options',
  'functions',
  'function_call',
  'safety_identifier',
] as const

/** Groq's words are `not supported with this model` and, of OpenAI's hints, `property … is unsupported`. */
const NOT_AT_GROQ = [
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'prediction',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'verbosity',
] as const

/** Short names are of its own account; a name with a deployment behind `#` is whole. */
const fireworksName = (model: string, { route }: Ask): string => {
  const named = route.name === 'chat.completions' || route.name === 'completions'
  if (!named || model === '' || model.startsWith('accounts/') || model.includes('#')) return model
  return `accounts/fireworks/${model.endsWith('-fast') ? 'routers' : 'models'}/${model}`
}

/** Models that think refuse what steers each word (xAI's guide, LiteLLM's lists, and its errors). */
const refusedByGrok = (model: string): readonly string[] => {
  if (model.includes('non-reasoning')) return []
  if (/grok-4|grok-code-fast/.test(model)) return ['stop', 'presence_penalty', 'frequency_penalty']
  return model.includes('grok-3-mini') ? ['stop', 'presence_penalty'] : []
}

const local = { keyOptional: true } as const

/** It has /responses: LiteLLM calls it natively, too. Whoever is not known for it is asked for chat completions. */
const native: KnownApis = { responses: true }
/** And /responses/compact with it. */
const atEndpoint: KnownApis = { ...native, compaction: ['endpoint'] }
/** Models of OpenAI's behind it refuse the older name of the limit. */
const likeOpenAi: ChatTraits = {}
/** Its models go on thinking between calls, and want what they thought (DeepSeek's and Moonshot's guides). */
const thinking: ChatTraits = { limitName: 'max_tokens', wantsReasoning: true }

/** The last message is marked as the beginning of the answer (Mistral's and DeepSeek's guides). */
const marked: Prefill = { message: { prefix: true } }
/** The chat template leaves the last message open (vLLM's and SGLang's OpenAI server). */
const openEnded: Prefill = { body: { continue_final_message: true, add_generation_prompt: false } }

/** One row per OpenAI-compatible provider. Bases and variable names are LiteLLM's. */
export const ROWS: readonly OpenAiCompatible[] = [
  {
    name: 'groq',
    baseUrl: 'https://api.groq.com/openai/v1',
    keyEnv: ['GROQ_API_KEY'],
    unsupported: NOT_AT_GROQ,
    chat: GROQ,
    apis: { chat: likeOpenAi },
  },
  {
    name: 'mistral',
    baseUrl: 'https://api.mistral.ai/v1',
    keyEnv: ['MISTRAL_API_KEY'],
    unsupported: NOT_AT_MISTRAL,
    chat: MISTRAL,
    prefill: marked,
  },
  {
    name: 'codestral',
    baseUrl: 'https://codestral.mistral.ai/v1',
    keyEnv: ['CODESTRAL_API_KEY'],
    unsupported: NOT_AT_MISTRAL,
    chat: MISTRAL,
    prefill: marked,
  },
  {
    name: 'deepseek',
    baseUrl: 'https://api.deepseek.com/beta',
    keyEnv: ['DEEPSEEK_API_KEY'],
    chat: DEEPSEEK,
    prefill: marked,
    apis: { chat: thinking },
  },
  {
    name: 'together_ai',
    baseUrl: 'https://api.together.xyz/v1',
    keyEnv: ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_TOKEN'],
    chat: OLDER_LIMIT,
  },
  {
    name: 'fireworks_ai',
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyEnv: ['FIREWORKS_API_KEY', 'FIREWORKS_AI_API_KEY', 'FIREWORKSAI_API_KEY', 'FIREWORKS_AI_TOKEN'],
    modelName: fireworksName,
    chat: FIREWORKS,
  },
  {
    name: 'perplexity',
    baseUrl: 'https://api.perplexity.ai',
    keyEnv: ['PERPLEXITYAI_API_KEY', 'PERPLEXITY_API_KEY'],
  },
  {
    name: 'xai',
    baseUrl: 'https://api.x.ai/v1',
    keyEnv: ['XAI_API_KEY'],
    unsupportedBy: refusedByGrok,
    chat: XAI,
    apis: atEndpoint,
  },
  {
    name: 'openrouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    keyEnv: ['OPENROUTER_API_KEY', 'OR_API_KEY'],
    headers: env => [
      ...(env.OR_SITE_URL ? [['http-referer', env.OR_SITE_URL] as const] : []),
      ...(env.OR_APP_NAME ? [['x-title', env.OR_APP_NAME] as const] : []),
    ],
    apis: { ...native, keepsNothing: true, chat: likeOpenAi },
  },
  {
    name: 'cerebras',
    baseUrl: 'https://api.cerebras.ai/v1',
    keyEnv: ['CEREBRAS_API_KEY'],
    unsupported: ['logit_bias'],
    chat: CEREBRAS,
  },
  { name: 'nvidia_nim', baseUrl: 'https://integrate.api.nvidia.com/v1', keyEnv: ['NVIDIA_NIM_API_KEY'] },
  { name: 'sambanova', baseUrl: 'https://api.sambanova.ai/v1', keyEnv: ['SAMBANOVA_API_KEY'] },
  { name: 'deepinfra', baseUrl: 'https://api.deepinfra.com/v1/openai', keyEnv: ['DEEPINFRA_API_KEY'] },
  {
    name: 'ai21_chat',
    baseUrl: 'https://api.ai21.com/studio/v1',
    baseEnv: ['AI21_API_BASE'],
    keyEnv: ['AI21_API_KEY'],
  },
  {
    name: 'volcengine',
    baseUrl: 'https://ark.cn-beijing.volces.com/api/v3',
    keyEnv: ['VOLCENGINE_API_KEY', 'ARK_API_KEY'],
    apis: native,
  },
  { name: 'empower', baseUrl: 'https://app.empower.dev/api/v1', keyEnv: ['EMPOWER_API_KEY'] },
  {
    name: 'meta_llama',
    baseUrl: 'https://api.llama.com/compat/v1',
    baseEnv: ['LLAMA_API_BASE'],
    keyEnv: ['LLAMA_API_KEY'],
  },
  {
    name: 'github',
    baseUrl: 'https://models.inference.ai.azure.com',
    keyEnv: ['GITHUB_API_KEY'],
    apis: { chat: likeOpenAi },
  },
  {
    name: 'friendliai',
    baseUrl: 'https://api.friendli.ai/serverless/v1',
    baseEnv: ['FRIENDLI_API_BASE'],
    keyEnv: ['FRIENDLIAI_API_KEY', 'FRIENDLI_TOKEN'],
  },
  { name: 'galadriel', baseUrl: 'https://api.galadriel.com/v1', keyEnv: ['GALADRIEL_API_KEY'] },
  {
    name: 'moonshot',
    baseUrl: 'https://api.moonshot.ai/v1',
    keyEnv: ['MOONSHOT_API_KEY'],
    chat: NO_DEVELOPER,
    apis: { chat: thinking },
  },
  {
    name: 'dashscope',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    keyEnv: ['DASHSCOPE_API_KEY'],
    chat: NO_DEVELOPER,
    apis: native,
  },
  { name: 'featherless_ai', baseUrl: 'https://api.featherless.ai/v1', keyEnv: ['FEATHERLESS_AI_API_KEY'] },
  { name: 'nscale', baseUrl: 'https://inference.api.nscale.com/v1', keyEnv: ['NSCALE_API_KEY'] },
  { name: 'nebius', baseUrl: 'https://api.studio.nebius.ai/v1', keyEnv: ['NEBIUS_API_KEY'] },
  { name: 'lambda_ai', baseUrl: 'https://api.lambda.ai/v1', keyEnv: ['LAMBDA_API_KEY'] },
  { name: 'hyperbolic', baseUrl: 'https://api.hyperbolic.xyz/v1', keyEnv: ['HYPERBOLIC_API_KEY'] },
  { name: 'v0', baseUrl: 'https://api.v0.dev/v1', keyEnv: ['V0_API_KEY'] },
  { name: 'morph', baseUrl: 'https://api.morphllm.com/v1', keyEnv: ['MORPH_API_KEY'] },
  {
    name: 'vercel_ai_gateway',
    baseUrl: 'https://ai-gateway.vercel.sh/v1',
    keyEnv: ['VERCEL_AI_GATEWAY_API_KEY'],
    apis: { chat: likeOpenAi },
  },
  { name: 'wandb', baseUrl: 'https://api.inference.wandb.ai/v1', keyEnv: ['WANDB_API_KEY'] },
  {
    name: 'helicone',
    baseUrl: 'https://ai-gateway.helicone.ai',
    keyEnv: ['HELICONE_API_KEY'],
    apis: { chat: likeOpenAi },
  },
  { name: 'chutes', baseUrl: 'https://llm.chutes.ai/v1', keyEnv: ['CHUTES_API_KEY'] },
  { name: 'publicai', baseUrl: 'https://api.publicai.co/v1', keyEnv: ['PUBLICAI_API_KEY'] },
  { name: 'poe', baseUrl: 'https://api.poe.com/v1', keyEnv: ['POE_API_KEY'], apis: { chat: likeOpenAi } },
  { name: 'anyscale', baseUrl: 'https://api.endpoints.anyscale.com/v1', keyEnv: ['ANYSCALE_API_KEY'] },
  { name: 'databricks', keyEnv: ['DATABRICKS_API_KEY'] },
  {
    name: 'litellm_proxy',
    keyEnv: ['LITELLM_PROXY_API_KEY'],
    apis: { ...atEndpoint, chat: likeOpenAi },
    original: true,
    relays: true,
  },
  { name: 'openai_like', keyEnv: ['OPENAI_LIKE_API_KEY'], ...local },
  {
    name: 'custom_openai',
    baseEnv: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
    keyEnv: ['CUSTOM_OPENAI_API_KEY', 'OPENAI_API_KEY'],
  },
  {
    name: 'text-completion-openai',
    baseUrl: 'https://api.openai.com/v1',
    baseEnv: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
    keyEnv: ['OPENAI_API_KEY'],
    apis: { ...native, compaction: ['endpoint', 'trigger'], chat: { customTools: true, mostStops: 4 } },
    original: true,
  },
  {
    name: 'ollama',
    baseUrl: 'http://localhost:11434',
    keyEnv: ['OLLAMA_API_KEY'],
    chat: OLDER_LIMIT,
    root: underV1,
    ...local,
  },
  {
    name: 'ollama_chat',
    baseUrl: 'http://localhost:11434',
    baseEnv: ['OLLAMA_API_BASE'],
    keyEnv: ['OLLAMA_API_KEY'],
    chat: OLDER_LIMIT,
    root: underV1,
    ...local,
  },
  {
    name: 'hosted_vllm',
    keyEnv: ['HOSTED_VLLM_API_KEY'],
    chat: VLLM,
    placeholderKey: 'fake-api-key',
    prefill: openEnded,
    ...local,
    apis: native,
  },
  { name: 'lm_studio', keyEnv: ['LM_STUDIO_API_KEY'], placeholderKey: 'fake-api-key', ...local },
  {
    name: 'llamafile',
    baseUrl: 'http://127.0.0.1:8080/v1',
    keyEnv: ['LLAMAFILE_API_KEY'],
    placeholderKey: 'fake-api-key',
    ...local,
  },
]

/**
 * Names that LiteLLM knows: the provider of a bare model name or of an address, and the prefixes it accepts.
 * The only vendor names in this folder besides the key tables; they are data of the file format.
 */

const BARE_NAMES: readonly (readonly [pattern: RegExp, provider: string])[] = [
  [
    /^(?:gpt-|o1|o3|o4|text-embedding-|dall-e|gpt-image|whisper|tts-|chatgpt-|omni-moderation|text-moderation)/,
    'openai',
  ],
  [/^claude-/, 'anthropic'],
]

const HOSTS: Readonly<Record<string, string>> = {
  'api.openai.com': 'openai',
  'api.anthropic.com': 'anthropic',
  'generativelanguage.googleapis.com': 'gemini',
  'api.groq.com': 'groq',
  'api.mistral.ai': 'mistral',
  'codestral.mistral.ai': 'codestral',
  'api.deepseek.com': 'deepseek',
  'api.together.xyz': 'together_ai',
  'api.fireworks.ai': 'fireworks_ai',
  'api.perplexity.ai': 'perplexity',
  'api.x.ai': 'xai',
  'openrouter.ai': 'openrouter',
  'api.cerebras.ai': 'cerebras',
  'integrate.api.nvidia.com': 'nvidia_nim',
  'api.sambanova.ai': 'sambanova',
  'api.deepinfra.com': 'deepinfra',
  'api.ai21.com': 'ai21_chat',
  'ark.cn-beijing.volces.com': 'volcengine',
  'app.empower.dev': 'empower',
  'api.llama.com': 'meta_llama',
  'models.inference.ai.azure.com': 'github',
  'api.friendli.ai': 'friendliai',
  'api.galadriel.com': 'galadriel',
  'api.moonshot.ai': 'moonshot',
  'dashscope-intl.aliyuncs.com': 'dashscope',
  'api.featherless.ai': 'featherless_ai',
  'inference.api.nscale.com': 'nscale',
  'api.studio.nebius.ai': 'nebius',
  'api.lambda.ai': 'lambda_ai',
  'api.hyperbolic.xyz': 'hyperbolic',
  'api.v0.dev': 'v0',
  'api.morphllm.com': 'morph',
  'ai-gateway.vercel.sh': 'vercel_ai_gateway',
  'api.inference.wandb.ai': 'wandb',
  'api.cohere.com': 'cohere',
}

/** Every prefix of LiteLLM's provider table, supported here or not. */
export const KNOWN_PROVIDERS: ReadonlySet<string> = new Set([
  ...Object.values(HOSTS),
  ...`azure azure_ai azure_text text-completion-openai vertex_ai vertex_ai_beta bedrock bedrock_converse cohere_chat
  ollama ollama_chat vllm hosted_vllm lm_studio llamafile litellm_proxy huggingface replicate databricks snowflake
  watsonx watsonx_text sagemaker sagemaker_chat cloudflare github_copilot chatgpt helicone chutes publicai poe anyscale
  aleph_alpha petals nlp_cloud ai21 baseten maritalk voyage jina_ai xinference infinity predibase clarifai topaz
  assemblyai deepgram elevenlabs custom custom_openai openai_like aiohttp_openai triton oobabooga palm
  text-completion-codestral gradient_ai novita nebius recraft datarobot heroku oci cometapi aiml bytez lemonade
  dotprompt gigachat docker_model_runner amazon_nova minimax zai ovhcloud compactifai`.split(/\s+/),
])

/** The provider LiteLLM's price list gives for a name without prefix. */
export const providerOfBareName = (name: string): string | undefined =>
  BARE_NAMES.find(([pattern]) => pattern.test(name))?.[1]

export const providerOfAddress = (address: string): string | undefined => {
  const host = URL.parse(address)?.hostname
  return host !== undefined && Object.hasOwn(HOSTS, host) ? HOSTS[host] : undefined
}

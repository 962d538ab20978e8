import { CAST } from '../../src/stage/cast.ts'
import type { Flavour } from '../../src/stage/flavour.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { bedrockErrorBody } from './bedrock-errors.ts'

/** How a provider spells its answers and its errors. */
export type Tongue = Flavour

/** One kind of provider: what it speaks, and how a deployment of it is written down. */
export type Kind = {
  readonly name: string
  /** For readers of the page. */
  readonly words: string
  readonly speaks: Tongue
  /** Whose rules judge what it gets, where they are not those of the dialect's owner. */
  readonly plays?: Flavour
  /** LiteLLM's prefix. */
  readonly prefix: string
  /** Where its API begins, behind the origin. */
  readonly base: string
  /** Its own name of a model that converses. */
  readonly model: string
  readonly params?: JsonObject
  readonly info?: JsonObject
}

export const BEDROCK_MODEL = 'anthropic.claude-3-5-sonnet-20240620-v1:0'
const VERTEX = { vertex_project: 'matrix', vertex_location: 'us-east5' }

const kind = (
  name: string,
  words: string,
  of: Pick<Kind, 'speaks' | 'model'> & Partial<Kind>,
): readonly [string, Kind] => [name, { name, words, prefix: name, base: '', ...of }]

/** Every kind that the matrix asks. */
export const KINDS: Readonly<Record<string, Kind>> = Object.fromEntries([
  kind('openai', 'OpenAI, which serves everything that is of its dialect', {
    speaks: 'openai',
    base: '/v1',
    model: 'gpt-4.1',
  }),
  kind('chat', 'OpenAI’s dialect, chat completions only', {
    speaks: 'openai',
    prefix: 'groq',
    base: '/v1',
    model: 'gpt-4.1',
  }),
  kind('responses', 'OpenAI’s dialect, a model that only the Responses API serves', {
    speaks: 'openai',
    prefix: 'openai',
    base: '/v1',
    model: 'gpt-4.1',
    info: { mode: 'responses', supported_endpoints: ['/v1/responses', '/v1/responses/input_tokens'] },
  }),
  kind('azure', 'Azure’s v1 API: chat completions and responses', {
    speaks: 'azure',
    base: '/openai/v1',
    model: 'gpt-4.1',
    params: { api_version: 'v1' },
  }),
  kind('xai', 'xAI: chat completions, responses, and the compact endpoint without the trigger', {
    speaks: 'openai',
    base: '/v1',
    model: 'grok-4',
  }),
  kind('anthropic', 'Anthropic’s Messages', { speaks: 'anthropic', model: 'claude-sonnet-4-5' }),
  kind('gemini', 'Gemini’s generateContent', { speaks: 'gemini', model: 'gemini-2.5-flash' }),
  kind('vertex-claude', 'Claude at Vertex AI', {
    speaks: 'anthropic',
    plays: 'vertex_ai',
    prefix: 'vertex_ai',
    model: 'claude-sonnet-4-5@20250929',
    params: VERTEX,
  }),
  kind('vertex-gemini', 'Gemini at Vertex AI', {
    speaks: 'gemini',
    plays: 'vertex_ai',
    prefix: 'vertex_ai',
    model: 'gemini-2.5-flash',
    params: VERTEX,
  }),
  kind('cohere', 'Cohere’s own chat', { speaks: 'cohere', model: 'command-a-vision-07-2025' }),
  kind('bedrock', 'Bedrock’s Converse', { speaks: 'bedrock', model: BEDROCK_MODEL }),
])

/** Throws for a name that is none. */
export const kindNamed = (name: string): Kind => {
  const found = KINDS[name]
  if (found === undefined) throw new Error(`there is no kind of provider ${name}`)
  return found
}

/** What a provider writes for a status when nothing special is said. */
export const errorBodyOf = (speaks: Tongue, status: number): JsonObject =>
  speaks === 'bedrock' ? bedrockErrorBody(status) : CAST[speaks].errorFor(status).body

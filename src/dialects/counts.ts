import type { ShapeName } from '../routes.ts'
import type { JsonObject } from '../wire/json.ts'
import { messagesDoor, messagesUpstream } from './anthropic-messages.ts'
import { countMessages } from './anthropic-messages-count.ts'
import { MESSAGES_PARAMETERS } from './anthropic-parameters.ts'
import { geminiDoor, geminiUpstream } from './gemini.ts'
import { countGemini } from './gemini-count.ts'
import { at, objectAt } from './gemini-words.ts'
import type { Door, Upstream } from './neutral.ts'
import { PARAMETERS } from './openai-parameters.ts'
import { responsesDoor, responsesUpstream } from './responses.ts'
import { countResponses } from './responses-count.ts'

/**
 * Endpoints that count a prompt. A dialect that clients count in is a CountDoor, one that providers count in a
 * CountWire: any of the first leads to any of the second, and where there is none the gateway estimates.
 */

/** Dialects that providers count in. `vertex` is Gemini's, with the request itself in the place of its envelope. */
export type CountDialect = 'messages' | 'responses' | 'gemini' | 'vertex'

/**
 * Tokens of a prompt, from the client's request and with a tokenizer that is as good as the model is like an OpenAI one.
 * Throws Unsupported for a prompt that is not all in the request.
 */
export type Counter = (body: JsonObject, tokensOf: (text: string) => number) => number

export type CountDoor = {
  /** Dialects that take the client's bytes as they are. */
  readonly speaks: readonly CountDialect[]
  /** Reads the request as one for an answer. */
  readonly read: Door['read']
  readonly estimate: Counter
  /** The answer that its clients read. */
  readonly told: (tokens: number) => JsonObject
}

/** By the shape of the endpoint's answers. */
export const COUNT_DOORS: Readonly<Partial<Record<ShapeName, CountDoor>>> = {
  message_tokens: {
    speaks: ['messages'],
    read: messagesDoor.read,
    estimate: countMessages,
    told: tokens => ({ input_tokens: tokens }),
  },
  response_tokens: {
    speaks: ['responses'],
    read: responsesDoor.read,
    estimate: countResponses,
    told: tokens => ({ object: 'response.input_tokens', input_tokens: tokens }),
  },
  gemini_tokens: {
    speaks: ['gemini', 'vertex'],
    read: (body, losses) => geminiDoor.read(objectAt(body, 'generateContentRequest') ?? body, losses),
    estimate: countGemini,
    told: tokens => ({ totalTokens: tokens }),
  },
}

export type CountWire = {
  /** The endpoint's row: from there on the request is like any client's of it. */
  readonly route: string
  readonly upstream: Upstream
  /** The question for the count of this request. */
  readonly asked: (request: JsonObject, model: string) => JsonObject
  /** undefined: the answer tells no count. */
  readonly tokensIn: (answer: JsonObject) => number | undefined
}

/** Of a request for an answer, what is asked about in a count: the rest is about the answer. */
const about =
  (names: readonly string[]) =>
  (request: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(request).filter(([name]) => names.includes(name)))

const published = (parameters: Readonly<Record<string, unknown>> | undefined) =>
  about(Object.keys(parameters ?? {}))

const numberOr = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

const inputTokens: CountWire['tokensIn'] = answer => numberOr(answer.input_tokens)
const totalTokens: CountWire['tokensIn'] = answer => numberOr(at(answer, 'totalTokens'))

/** The collection is a part of a model's name in a body. */
const modelName = (model: string): string =>
  /^(?:models|tunedModels)\//.test(model) ? model : `models/${model}`

export const COUNT_WIRES: Readonly<Record<CountDialect, CountWire>> = {
  messages: {
    route: 'messages.count_tokens',
    upstream: messagesUpstream,
    asked: published(MESSAGES_PARAMETERS['POST /messages/count_tokens']?.parameters),
    tokensIn: inputTokens,
  },
  responses: {
    route: 'responses.input_tokens',
    upstream: responsesUpstream,
    asked: published(PARAMETERS['POST /responses/input_tokens']?.parameters),
    tokensIn: inputTokens,
  },
  gemini: {
    route: 'gemini.count_tokens',
    upstream: geminiUpstream,
    // Beside its envelope this API takes the contents alone.
    asked: (request, model) => ({ generateContentRequest: { model: modelName(model), ...request } }),
    tokensIn: totalTokens,
  },
  vertex: {
    route: 'gemini.count_tokens',
    upstream: geminiUpstream,
    asked: about(['contents', 'systemInstruction', 'tools', 'generationConfig']),
    tokensIn: totalTokens,
  },
}

import type { Json, JsonObject } from '../wire/json.ts'
import {
  answerFrames,
  type BedrockAnswer,
  type Performance,
  performed,
  wholeAnswer,
} from './bedrock-answer.ts'
import { directedAnswer } from './bedrock-directed.ts'
import { checkEmbedding, embeddingPerformance, makesEmbeddings } from './bedrock-embed.ts'
import { countOf, invokePerformance } from './bedrock-invoke.ts'
import { checkInvoke, countedBody } from './bedrock-invoke-rules.ts'
import { checkConverse } from './bedrock-rules.ts'
import { Breach } from './bedrock-shape.ts'
import { checkSignature } from './bedrock-signature.ts'
import type { Inspector } from './inspect.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Ask, Handler, Scene } from './scene.ts'
import type { Head } from './sockets.ts'
import type { ErrorAnswer, ErrorFor } from './steps.ts'

/** A strict simulated Bedrock: it verifies signatures and shapes as the service does. */

type Verb = 'converse' | 'converse-stream' | 'invoke' | 'invoke-with-response-stream' | 'count-tokens'

type Call = { readonly model: string; readonly verb: Verb; readonly json: Json }

const TARGET =
  /^\/model\/([^/?]+)\/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)$/

const safeDecode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The model that a path of this service names. */
export const bedrockModelIn = (path: string): string | undefined => {
  const model = TARGET.exec(path)?.[1]
  return model === undefined ? undefined : safeDecode(model)
}

const refused = (status: number, type: string, message: string): StageRefusal =>
  new StageRefusal(status, { type, message })

const invalid = (message: string): StageRefusal => refused(400, 'ValidationException', message)

const headerValues = ({ headers }: Head, name: string): readonly string[] =>
  headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)

/** Who may call: an API key, or a signature over exactly these bytes. */
const checkCaller = (scene: Scene, head: Head, hit: Hit): void => {
  const [authorization = ''] = headerValues(head, 'authorization')
  if (authorization.startsWith('Bearer ')) {
    if (authorization === `Bearer ${scene.key}`) return
    throw refused(403, 'AccessDeniedException', 'Invalid API Key format: Must start with pre-defined prefix')
  }
  const signer = { ...scene.aws, service: 'bedrock' }
  const fault = checkSignature({ ...head, body: hit.body }, signer, new Date(scene.now() * 1000))
  if (fault !== undefined) throw refused(403, fault.type, fault.message)
}

/** What belongs to a gateway, to another provider, or to the caller alone. */
const FOREIGN =
  /^(?:x-litellm-.*|litellm-.*|x-understudy.*|x-api-key|api-key|cookie|anthropic-.*|openai-.*|x-goog-.*)$/

const checkHeaders = ({ headers }: Head): void => {
  for (const [name] of headers)
    if (FOREIGN.test(name.toLowerCase())) throw invalid(`Unexpected header: '${name.toLowerCase()}'.`)
}

/** Models that are counted go by their own id; a profile of several regions is none. */
const COUNTED = /^(?:arn:.*\/)?anthropic\.claude/

/** Throws Breach. */
const checkBody = ({ verb, json, model }: Call, scene: Scene): void => {
  if (verb === 'converse' || verb === 'converse-stream') return void checkConverse(json, model)
  if (verb === 'count-tokens' && !COUNTED.test(model))
    throw new Breach("The provided model doesn't support counting tokens.")
  if (verb === 'invoke' && makesEmbeddings(model)) return checkEmbedding(json, model)
  checkInvoke(verb === 'count-tokens' ? countedBody(json) : json, model, scene)
}

const jsonOf = (body: Uint8Array): Json => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Json
  } catch {
    throw refused(400, 'SerializationException', 'The body is no JSON.')
  }
}

const checkType = (head: Head): void => {
  const types = headerValues(head, 'content-type')
  if (types.length !== 1 || types[0] !== 'application/json')
    throw refused(415, 'UnsupportedMediaTypeException', 'content-type must be application/json, once.')
}

const conversing = (answer: BedrockAnswer): Performance => ({
  whole: () => wholeAnswer(answer),
  frames: () => answerFrames(answer),
})

const performanceOf = (call: Call, ask: Ask): Performance => {
  const { verb, model, json } = call
  if (verb === 'count-tokens') return { whole: () => countOf(countedBody(json)), frames: () => [] }
  if (verb === 'invoke' && makesEmbeddings(model)) return embeddingPerformance(json, model)
  if (verb.startsWith('invoke')) return invokePerformance(ask)
  return conversing({ ...directedAnswer(ask.body, ask.scene.says), ...ask.scripted })
}

const answering =
  (call: Call): Handler =>
  ask =>
    performed(performanceOf(call, ask), call.verb.endsWith('-stream'))

/** Every check in the service's order: route, caller, request. Throws StageRefusal. */
export const inspectBedrock: Inspector = (scene, head, hit) => {
  const [, , verb] = TARGET.exec(hit.path) ?? []
  const model = bedrockModelIn(hit.path)
  if (hit.method !== 'POST' || model === undefined)
    throw refused(404, 'UnknownOperationException', 'Unknown operation.')
  checkCaller(scene, head, hit)
  checkType(head)
  if (!scene.models.includes('*') && !scene.models.includes(model))
    throw refused(
      404,
      'ResourceNotFoundException',
      'Could not resolve the foundation model from the model identifier.',
    )
  const call: Call = { model, verb: verb as Verb, json: jsonOf(hit.body) }
  checkHeaders(head)
  try {
    checkBody(call, scene)
  } catch (error) {
    throw error instanceof Breach ? invalid(error.message) : error
  }
  // A body that was checked is an object.
  const body = call.json as JsonObject
  return { ask: { scene, params: {}, query: hit.query, body, fields: [], model }, handler: answering(call) }
}

const named = (type: string): Readonly<Record<string, string>> => ({
  'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
})

/** A refusal as the service writes it: its name is in the head. */
export const bedrockRefusal = ({ type, message = '' }: JsonObject): ErrorAnswer => ({
  body: { message },
  headers: named(String(type ?? 'InternalServerException')),
})

const EXCEPTIONS: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ['ValidationException', 'The request is invalid.'],
  403: ['AccessDeniedException', "You don't have access to the model with the specified model ID."],
  404: ['ResourceNotFoundException', 'Could not resolve the foundation model from the model identifier.'],
  408: ['ModelTimeoutException', 'Model has timed out in processing the request. Try your request again.'],
  424: ['ModelErrorException', 'The model returned an error. Try your request again.'],
  429: ['ThrottlingException', 'Too many requests, please wait before trying again.'],
  500: [
    'InternalServerException',
    'The system encountered an unexpected error during processing. Try your request again.',
  ],
  503: ['ServiceUnavailableException', 'Bedrock is unable to process your request.'],
}

/** What the service writes for a status when a script names no body. */
export const bedrockErrorFor: ErrorFor = status => {
  const [type, message] = EXCEPTIONS[status] ?? [
    status >= 500 ? 'InternalServerException' : 'ValidationException',
    `The service answered ${status}.`,
  ]
  return bedrockRefusal({ type, message })
}

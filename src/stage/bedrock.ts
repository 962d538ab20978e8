import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Json, JsonObject } from '../wire/json.ts'
import { answerFrames, type BedrockAnswer, wholeAnswer } from './bedrock-answer.ts'
import { directedAnswer } from './bedrock-directed.ts'
import { checkEmbedding, embeddingPerformance, makesEmbeddings } from './bedrock-embed.ts'
import { claudeScene, countOf, type InvokeAnswer, invokePerformance } from './bedrock-invoke.ts'
import { checkInvoke, countedBody } from './bedrock-invoke-rules.ts'
import { type Break, type Performance, playStream, playWhole } from './bedrock-play.ts'
import { checkConverse } from './bedrock-rules.ts'
import { Breach, breach } from './bedrock-shape.ts'
import { checkSignature, type RawRequest, type Signer } from './bedrock-signature.ts'
import type { Scene } from './scene.ts'

/** A strict simulated Bedrock: it verifies signatures and shapes as the service does, and fails on cue. */

export type BedrockStageOptions = {
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
  /** Accepted as `Authorization: Bearer …` instead of a signature. */
  readonly bearerToken?: string
  readonly region?: string
  /** Model ids that exist; every other one is a ResourceNotFoundException. Default: any. */
  readonly models?: readonly string[]
  readonly now?: () => Date
  /** The text of every answer of Claude's, unless the prompt holds a direction. Default: the canonical line. */
  readonly says?: string
  /** Stages that can read each other's signatures. Default: each its own. */
  readonly organisation?: string
  /** Port to listen on, on loopback. Default: any free one. */
  readonly port?: number
}

/** One scripted turn; turns are used up in order, then the stage answers normally again. */
export type BedrockFault =
  /** To a Converse. */
  | { readonly kind: 'answer'; readonly answer: BedrockAnswer }
  /** To an InvokeModel of Claude. */
  | { readonly kind: 'message'; readonly answer: InvokeAnswer }
  /** An error status; `type` is the exception's name. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly type: string
      readonly message: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | Break

export type BedrockRequest = RawRequest & {
  /** The model id of the path, decoded. */
  readonly model: string
  readonly streamed: boolean
  /** undefined when the body is no JSON. */
  readonly json: Json | undefined
  /** The exception this request was answered with, when it was refused or scripted to fail. */
  readonly refused: string | undefined
}

export type BedrockStage = {
  readonly url: string
  readonly requests: readonly BedrockRequest[]
  readonly script: (fault: BedrockFault) => void
  readonly close: () => Promise<void>
}

type Refusal = {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}
type Verb = 'converse' | 'converse-stream' | 'invoke' | 'invoke-with-response-stream' | 'count-tokens'
type Call = {
  readonly raw: RawRequest
  readonly model: string
  /** undefined: no operation of this service. */
  readonly verb: Verb | undefined
  readonly streamed: boolean
  readonly json: Json | undefined
}

const MAX_BODY = 64 * 1024 * 1024
const TARGET =
  /^\/model\/([^/?]+)\/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)$/

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY) throw new Error('the body is too large')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

const rawOf = (request: IncomingMessage, body: Uint8Array): RawRequest => {
  const { rawHeaders } = request
  const headers = Array.from({ length: rawHeaders.length / 2 }, (_, index) => {
    return [rawHeaders[index * 2] ?? '', rawHeaders[index * 2 + 1] ?? ''] as const
  })
  return { method: request.method ?? '', target: request.url ?? '', headers, body }
}

const jsonOf = (body: Uint8Array): Json | undefined => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Json
  } catch {
    return undefined
  }
}

const callOf = (raw: RawRequest): Call => {
  const [, model = '', verb] = TARGET.exec(raw.target) ?? []
  return {
    raw,
    model: safeDecode(model),
    verb: verb as Verb | undefined,
    streamed: verb?.endsWith('-stream') === true,
    json: jsonOf(raw.body),
  }
}

const safeDecode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const headerValues = (raw: RawRequest, name: string): readonly string[] =>
  raw.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)

/** Who may call: the bearer token, or a signature over exactly these bytes. */
const checkCaller = (raw: RawRequest, options: BedrockStageOptions, now: Date): Refusal | undefined => {
  const [authorization = ''] = headerValues(raw, 'authorization')
  if (authorization.startsWith('Bearer ')) {
    if (options.bearerToken !== undefined && authorization === `Bearer ${options.bearerToken}`)
      return undefined
    return {
      status: 403,
      type: 'AccessDeniedException',
      message: 'Invalid API Key format: Must start with pre-defined prefix',
    }
  }
  const signer: Signer = {
    accessKeyId: options.accessKeyId ?? 'AKIASTAGE',
    secretAccessKey: options.secretAccessKey ?? 'stage-secret',
    ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
    region: options.region ?? 'us-east-1',
    service: 'bedrock',
  }
  const fault = checkSignature(raw, signer, now)
  return fault && { status: 403, ...fault }
}

/** What belongs to a gateway, to another provider, or to the caller alone. */
const FOREIGN =
  /^(?:x-litellm-.*|litellm-.*|x-understudy.*|x-api-key|api-key|cookie|anthropic-.*|openai-.*|x-goog-.*)$/

const checkHeaders = ({ headers }: RawRequest): void => {
  for (const [name] of headers)
    if (FOREIGN.test(name.toLowerCase())) breach(`Unexpected header: '${name.toLowerCase()}'.`)
}

/** Models that are counted go by their own id; a profile of several regions is none. */
const COUNTED = /^(?:arn:.*\/)?anthropic\.claude/

/** Throws Breach. */
const checkBody = ({ verb, json = null, model }: Call, scene: Scene): void => {
  if (verb === 'converse' || verb === 'converse-stream') {
    checkConverse(json)
    return
  }
  if (verb === 'count-tokens' && !COUNTED.test(model))
    breach("The provided model doesn't support counting tokens.")
  if (verb === 'invoke' && makesEmbeddings(model)) return checkEmbedding(json, model)
  checkInvoke(verb === 'count-tokens' ? countedBody(json) : json, model, scene)
}

const checkCall = (call: Call, { options, scene }: House): Refusal | undefined => {
  const validation = (message: string): Refusal => ({ status: 400, type: 'ValidationException', message })
  const types = headerValues(call.raw, 'content-type')
  if (types.length !== 1 || types[0] !== 'application/json') {
    return {
      status: 415,
      type: 'UnsupportedMediaTypeException',
      message: 'content-type must be application/json, once.',
    }
  }
  if (options.models !== undefined && !options.models.includes(call.model)) {
    return {
      status: 404,
      type: 'ResourceNotFoundException',
      message: 'Could not resolve the foundation model from the model identifier.',
    }
  }
  if (call.json === undefined)
    return { status: 400, type: 'SerializationException', message: 'The body is no JSON.' }
  try {
    checkHeaders(call.raw)
    checkBody(call, scene)
    return undefined
  } catch (error) {
    if (error instanceof Breach) return validation(error.message)
    throw error
  }
}

/** The first reason to refuse, in the service's order: route, caller, request. */
const refusalOf = (call: Call, house: House): Refusal | undefined => {
  const { options } = house
  if (call.raw.method !== 'POST' || call.verb === undefined) {
    return { status: 404, type: 'UnknownOperationException', message: 'Unknown operation.' }
  }
  return checkCaller(call.raw, options, options.now?.() ?? new Date()) ?? checkCall(call, house)
}

const refuse = (response: ServerResponse, refusal: Refusal): void => {
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'x-amzn-errortype': `${refusal.type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    ...refusal.headers,
  })
  response.end(JSON.stringify({ message: refusal.message }))
}

const performanceOf = (call: Call, scene: Scene, fault: BedrockFault | undefined): Performance => {
  const { verb, model, json } = call
  if (verb === 'count-tokens') return { whole: () => countOf(countedBody(json)), frames: () => [] }
  if (verb === 'invoke' && makesEmbeddings(model)) return embeddingPerformance(json, model)
  if (verb === 'invoke' || verb === 'invoke-with-response-stream')
    return invokePerformance(
      scene,
      { body: json, model },
      fault?.kind === 'message' ? fault.answer : undefined,
    )
  const answer = fault?.kind === 'answer' ? fault.answer : directedAnswer(json as JsonObject)
  return { whole: () => wholeAnswer(answer), frames: () => answerFrames(answer) }
}

const breakIn = (fault: BedrockFault | undefined): Break | undefined =>
  fault !== undefined && 'after' in fault ? fault : undefined

type House = { readonly options: BedrockStageOptions; readonly scene: Scene }

const listen = async (server: Server, port: number): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Starts a stage on loopback. Without options it takes the access key AKIASTAGE / stage-secret in us-east-1. */
export const startBedrockStage = async (options: BedrockStageOptions = {}): Promise<BedrockStage> => {
  const requests: BedrockRequest[] = []
  const faults: BedrockFault[] = []
  const house: House = { options, scene: claudeScene(options) }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = callOf(rawOf(request, await readBody(request)))
    response.setHeader('x-amzn-requestid', `stage-${requests.length + 1}`)
    const refusal = refusalOf(call, house)
    // A refused request uses up no cue: the script is about answers.
    const fault = refusal === undefined ? faults.shift() : undefined
    const failing = refusal ?? (fault?.kind === 'status' ? fault : undefined)
    requests.push({
      ...call.raw,
      model: call.model,
      streamed: call.streamed,
      json: call.json,
      refused: failing?.type,
    })
    if (failing !== undefined) return refuse(response, failing)
    const performance = performanceOf(call, house.scene, fault)
    await (call.streamed ? playStream : playWhole)(response, performance, breakIn(fault))
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  const url = await listen(server, options.port ?? 0)
  return {
    url,
    requests,
    script: fault => void faults.push(fault),
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close(error => (error === undefined ? resolve() : reject(error)))
        server.closeAllConnections()
      }),
  }
}

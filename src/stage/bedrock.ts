import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Json, JsonObject } from '../wire/json.ts'
import {
  answerFrames,
  type BedrockAnswer,
  defaultAnswer,
  exceptionFrame,
  wholeAnswer,
} from './bedrock-answer.ts'
import { checkConverse } from './bedrock-rules.ts'
import { Breach } from './bedrock-shape.ts'
import { checkSignature, type RawRequest, type Signer } from './bedrock-signature.ts'

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
  /** Port to listen on, on loopback. Default: any free one. */
  readonly port?: number
}

/** One scripted turn; turns are used up in order, then the stage answers normally again. */
export type BedrockFault =
  | { readonly kind: 'answer'; readonly answer: BedrockAnswer }
  /** An error status; `type` is the exception's name. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly type: string
      readonly message: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** An exception frame inside the stream, after so many content frames. 0: before any content. */
  | { readonly kind: 'exception'; readonly type: string; readonly message: string; readonly after: number }
  /** The connection breaks after so many content frames; without a stream, inside the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** The stream ends properly but early, after so many content frames. */
  | { readonly kind: 'short'; readonly after: number }
  /** One bit of the frame after so many content frames is wrong. */
  | { readonly kind: 'corrupt'; readonly after: number }

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
type Call = {
  readonly raw: RawRequest
  readonly model: string
  readonly streamed: boolean
  readonly json: Json | undefined
}

const MAX_BODY = 64 * 1024 * 1024
const TARGET = /^\/model\/([^/?]+)\/(converse|converse-stream)$/

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
  const [, model = '', verb = ''] = TARGET.exec(raw.target) ?? []
  return { raw, model: safeDecode(model), streamed: verb === 'converse-stream', json: jsonOf(raw.body) }
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

const checkCall = (call: Call, options: BedrockStageOptions): Refusal | undefined => {
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
    checkConverse(call.json)
    return undefined
  } catch (error) {
    if (error instanceof Breach) return validation(error.message)
    throw error
  }
}

/** The first reason to refuse, in the service's order: route, caller, request. */
const refusalOf = (call: Call, options: BedrockStageOptions): Refusal | undefined => {
  if (call.raw.method !== 'POST' || call.model === '') {
    return { status: 404, type: 'UnknownOperationException', message: 'Unknown operation.' }
  }
  return checkCaller(call.raw, options, options.now?.() ?? new Date()) ?? checkCall(call, options)
}

const refuse = (response: ServerResponse, refusal: Refusal): void => {
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'x-amzn-errortype': `${refusal.type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    ...refusal.headers,
  })
  response.end(JSON.stringify({ message: refusal.message }))
}

/** Cuts the connection without the end that HTTP asks for. */
const cut = (response: ServerResponse): void => void response.socket?.destroy()

const corrupted = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  // The last byte before the checksum belongs to the payload.
  const at = copy.length - 5
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

const write = (response: ServerResponse, bytes: Uint8Array): Promise<void> =>
  new Promise(resolve => response.write(bytes, () => resolve()))

const playStream = async (
  response: ServerResponse,
  answer: BedrockAnswer,
  fault: BedrockFault | undefined,
): Promise<void> => {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
  const cue = fault !== undefined && 'after' in fault ? fault : undefined
  let said = 0
  for (const [index, frame] of answerFrames(answer).entries()) {
    // Every fault waits at least for the first frame: a stream that says nothing at all is the `status` fault.
    if (cue !== undefined && index > 0 && said === cue.after) {
      if (cue.kind === 'exception') {
        response.end(exceptionFrame(cue.type, cue.message))
        return
      }
      if (cue.kind === 'cut') return cut(response)
      if (cue.kind === 'short') return void response.end()
      await write(response, corrupted(frame.bytes))
      said += 1
      continue
    }
    await write(response, frame.bytes)
    if (frame.content) said += 1
  }
  response.end()
}

const playWhole = async (
  response: ServerResponse,
  answer: BedrockAnswer,
  fault: BedrockFault | undefined,
): Promise<void> => {
  const body = new TextEncoder().encode(JSON.stringify(wholeAnswer(answer)))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  if (fault?.kind !== 'cut') return void response.end(body)
  await write(response, body.subarray(0, body.length >> 1))
  cut(response)
}

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
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = callOf(rawOf(request, await readBody(request)))
    response.setHeader('x-amzn-requestid', `stage-${requests.length + 1}`)
    const refusal = refusalOf(call, options)
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
    const answer = fault?.kind === 'answer' ? fault.answer : defaultAnswer(call.json as JsonObject)
    await (call.streamed ? playStream : playWhole)(response, answer, fault)
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

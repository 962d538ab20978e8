import type { Draft } from '../../src/providers/provider.ts'
import type { Frame } from '../../src/stage/answer.ts'
import { answerFrames, wholeAnswer } from '../../src/stage/bedrock-answer.ts'
import { directedAnswer } from '../../src/stage/bedrock-directed.ts'
import { countOf, invokePerformance } from '../../src/stage/bedrock-invoke.ts'
import { checkInvoke, countedBody } from '../../src/stage/bedrock-invoke-rules.ts'
import { checkConverse } from '../../src/stage/bedrock-rules.ts'
import { Breach } from '../../src/stage/bedrock-shape.ts'
import { CANONICAL } from '../../src/stage/lines.ts'
import { openScene } from '../../src/stage/open-scene.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { bedrockException } from './bedrock-errors.ts'
import { type Script, single } from './script.ts'

/** Bedrock without a socket: Converse, Claude's own Messages by InvokeModel, and the count of their tokens. */

const JSON_TYPE = { 'content-type': 'application/json' }
const PATH = /^\/model\/([^/]+)\/([a-z-]+)$/

const refused = (message: string): Script =>
  single(400, { ...JSON_TYPE, 'x-amzn-errortype': bedrockException(400) }, JSON.stringify({ message }))

const document = (value: JsonObject): Script => single(200, JSON_TYPE, JSON.stringify(value))

const framed = (parts: readonly Frame[]): Script => ({
  door: 'open',
  head: { status: 200, headers: { 'content-type': 'application/vnd.amazon.eventstream' }, length: undefined },
  parts,
  ending: 'end',
})

/** Throws Breach. */
const conversed = (body: Json, streams: boolean): Script => {
  checkConverse(body)
  const answer = directedAnswer(isObject(body) ? body : {}, CANONICAL)
  return streams ? framed(answerFrames(answer)) : document(wholeAnswer(answer))
}

const scene = openScene({
  flavour: 'bedrock',
  name: 'bedrock',
  issuer: 'bedrock',
  prefill: 'continue',
  models: ['*'],
})

/** Throws Breach. */
const invoked = (body: Json, model: string, streams: boolean): Script => {
  checkInvoke(body, model, scene)
  const ask = { scene, params: {}, query: new URLSearchParams(), body: body as JsonObject, fields: [], model }
  const { whole, frames } = invokePerformance(ask)
  return streams ? framed(frames()) : document(whole())
}

/** Throws Breach. */
const counted = (body: Json, model: string): Script => {
  const inside = countedBody(body)
  checkInvoke(inside, model, scene)
  return document(countOf(inside))
}

/** Throws Error for a path that the service does not have. */
export const bedrockProvider = (draft: Draft): Script => {
  const [, name = '', verb = ''] = PATH.exec(draft.path) ?? []
  const model = decodeURIComponent(name)
  const body = JSON.parse(Buffer.concat(draft.body).toString()) as Json
  try {
    if (verb.startsWith('converse')) return conversed(body, verb === 'converse-stream')
    if (verb.startsWith('invoke')) return invoked(body, model, verb !== 'invoke')
    if (verb === 'count-tokens') return counted(body, model)
  } catch (error) {
    if (error instanceof Breach) return refused(error.message)
    throw error
  }
  throw new Error(`Bedrock has nothing at ${draft.path}`)
}

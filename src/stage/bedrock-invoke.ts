import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Event } from './answer.ts'
import { eventsOf, messageOf, type Play, playOf, promptTokens } from './anthropic-answer.ts'
import { eventFrame, type StageFrame } from './bedrock-answer.ts'
import type { Performance } from './bedrock-play.ts'
import { CANONICAL } from './lines.ts'
import { emptyMemory, idMaker, vaultOf } from './memory.ts'
import type { Ask, Scene } from './scene.ts'

/** Claude's answers as InvokeModel brings them: the Messages API's document, or its events as base64 in frames. */

/** What the simulated Claude says, in its own words. */
export type InvokeAnswer = {
  readonly content: readonly JsonObject[]
  readonly stopReason: string
}

const METRICS = {
  inputTokenCount: 12,
  outputTokenCount: 5,
  invocationLatency: 3,
  firstByteLatency: 1,
}

/** The service pads its frames so that their lengths tell nothing. */
const PADDING = 'abcdefghijklmnopqrstuvwxyz'

const chunk = (event: JsonObject, at: number): Uint8Array =>
  eventFrame('chunk', {
    bytes: Buffer.from(JSON.stringify(event)).toString('base64'),
    p: PADDING.slice(0, 1 + (at % PADDING.length)),
  })

/** The last event carries the service's own counts. */
const measured = ({ data, weight }: Event): JsonObject => {
  const event = JSON.parse(data) as JsonObject
  return weight === 'terminal' ? { ...event, 'amazon-bedrock-invocationMetrics': METRICS } : event
}

const frameOf = (event: Event, at: number): StageFrame => ({
  bytes: chunk(measured(event), at),
  content: event.weight === 'content',
})

let scenes = 0

export type SceneOptions = {
  readonly models?: readonly string[]
  readonly says?: string
  readonly organisation?: string
  readonly now?: () => Date
}

/** Claude as this stage hosts it. */
export const claudeScene = (options: SceneOptions): Scene => {
  scenes += 1
  const issuer = `bedrock-${scenes}`
  return {
    flavour: 'anthropic',
    key: '',
    models: options.models ?? ['*'],
    says: options.says ?? CANONICAL,
    prefill: 'continue',
    accepts: [],
    memory: emptyMemory(),
    vault: vaultOf(options.organisation ?? issuer),
    id: idMaker(issuer),
    now: () => Math.floor((options.now?.() ?? new Date()).getTime() / 1000),
  }
}

const askOf = (scene: Scene, body: Json | undefined, model: string): Ask => ({
  scene,
  params: {},
  query: new URLSearchParams(),
  body: isObject(body) ? body : {},
  fields: [],
  model,
})

/** The answer to one request: what is scripted, else what the prompt directs. */
export const invokePerformance = (
  scene: Scene,
  { body, model }: { readonly body: Json | undefined; readonly model: string },
  scripted: InvokeAnswer | undefined,
): Performance => {
  const played = playOf(askOf(scene, body, model))
  const play: Play =
    scripted === undefined
      ? played
      : {
          ...played,
          blocks: scripted.content,
          stop: { stop_reason: scripted.stopReason, stop_sequence: null },
        }
  return {
    whole: () => messageOf(play, play.blocks),
    frames: () => eventsOf(play).map(frameOf),
  }
}

export const countOf = (body: Json): JsonObject => ({ inputTokens: isObject(body) ? promptTokens(body) : 0 })

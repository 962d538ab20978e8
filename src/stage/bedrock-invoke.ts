import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Event, Frame } from './answer.ts'
import { eventsOf, messageOf, type Play, playOf, promptTokens } from './anthropic-answer.ts'
import { eventFrame, type Performance } from './bedrock-answer.ts'
import type { Ask } from './scene.ts'

/** Claude's answers as InvokeModel brings them: the Messages API's document, or its events as base64 in frames. */

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

const frameOf = (event: Event, at: number): Frame => ({
  bytes: chunk(measured(event), at),
  content: event.weight === 'content',
})

export const invokePerformance = (ask: Ask): Performance => {
  const { scripted } = ask
  const played = playOf(ask)
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

import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, type Frame, json } from './answer.ts'

/** What the simulated model says. */
export type BedrockAnswer = {
  readonly content: readonly JsonObject[]
  readonly stopReason: string
  readonly usage: JsonObject
}

const codec = new EventStreamCodec(toUtf8, fromUtf8)

const frame = (headers: Readonly<Record<string, string>>, payload: JsonObject): Uint8Array =>
  codec.encode({
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, { type: 'string', value } as const]),
    ),
    body: new TextEncoder().encode(JSON.stringify(payload)),
  })

export const eventFrame = (type: string, payload: JsonObject): Uint8Array =>
  frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, payload)

export const exceptionFrame = (type: string, message: string): Uint8Array =>
  frame(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    { message },
  )

export const wholeAnswer = (answer: BedrockAnswer): JsonObject => ({
  output: { message: { role: 'assistant', content: answer.content } },
  stopReason: answer.stopReason,
  usage: answer.usage,
  metrics: { latencyMs: 1 },
})

/** Two or three pieces of a text, never in the middle of a character. */
const pieces = (text: string): readonly string[] => {
  const characters = [...text]
  const size = Math.max(1, Math.ceil(characters.length / 3))
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, index) =>
    characters.slice(index * size, (index + 1) * size).join(''),
  )
}

const deltas = (block: JsonObject): readonly Json[] => {
  if (typeof block.text === 'string') return pieces(block.text).map(text => ({ text }))
  if (isObject(block.toolUse)) {
    const input = JSON.stringify(block.toolUse.input ?? {})
    return input === '{}' ? [] : pieces(input).map(piece => ({ toolUse: { input: piece } }))
  }
  const reasoning = isObject(block.reasoningContent) ? block.reasoningContent : {}
  if (isObject(reasoning.reasoningText)) {
    const { text = '', signature } = reasoning.reasoningText
    const spoken = pieces(String(text)).map(piece => ({ reasoningContent: { text: piece } }))
    return signature === undefined ? spoken : [...spoken, { reasoningContent: { signature } }]
  }
  return [{ reasoningContent: { redactedContent: reasoning.redactedContent ?? '' } }]
}

const quiet = (type: string, payload: JsonObject): Frame => ({
  bytes: eventFrame(type, payload),
  content: false,
})

const blockFrames = (block: JsonObject, contentBlockIndex: number): readonly Frame[] => {
  const use = isObject(block.toolUse) ? block.toolUse : undefined
  // Only tool calls announce their block; text and reasoning begin with their first delta.
  const start =
    use === undefined
      ? []
      : [
          quiet('contentBlockStart', {
            contentBlockIndex,
            start: { toolUse: { toolUseId: use.toolUseId ?? '', name: use.name ?? '' } },
          }),
        ]
  const said = deltas(block).map(delta => ({
    bytes: eventFrame('contentBlockDelta', { contentBlockIndex, delta }),
    content: true,
  }))
  return [...start, ...said, quiet('contentBlockStop', { contentBlockIndex })]
}

/** The frames of a whole streamed answer. */
export const answerFrames = (answer: BedrockAnswer): readonly Frame[] => [
  quiet('messageStart', { role: 'assistant' }),
  ...answer.content.flatMap(blockFrames),
  quiet('messageStop', { stopReason: answer.stopReason }),
  quiet('metadata', { usage: answer.usage, metrics: { latencyMs: 1 } }),
]

/** One answer in both of its forms. */
export type Performance = {
  readonly whole: () => JsonObject
  readonly frames: () => readonly Frame[]
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined)

/** The answer as it was asked for. */
export const performed = ({ whole, frames }: Performance, streamed: boolean): Answer =>
  streamed
    ? {
        kind: 'frames',
        status: 200,
        headers: { 'content-type': 'application/vnd.amazon.eventstream' },
        frames: frames(),
        error: ({ type, message }) =>
          exceptionFrame(text(type) ?? 'internalServerException', text(message) ?? ''),
      }
    : json(whole())

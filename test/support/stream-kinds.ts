import assert from 'node:assert/strict'
import type { JsonObject } from '../../src/wire/json.ts'
import type { RawRequest } from './raw.ts'
import type { SeenEvent } from './sse.ts'

export type FormPart = {
  readonly name: string
  readonly value: string | Uint8Array
  readonly filename?: string
  readonly type?: string
}

const BOUNDARY = '----understudy-test-boundary'

/** A form as browsers write it, with a boundary that is always the same. */
export const formOf = (parts: readonly FormPart[]): { readonly type: string; readonly bytes: Buffer } => {
  const pieces = parts.flatMap(part => {
    const file = part.filename === undefined ? '' : `; filename="${part.filename}"`
    const type = part.type === undefined ? '' : `\r\nContent-Type: ${part.type}`
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${part.name}"${file}${type}\r\n\r\n`
    return [Buffer.from(head), Buffer.from(part.value), Buffer.from('\r\n')]
  })
  return {
    type: `multipart/form-data; boundary=${BOUNDARY}`,
    bytes: Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  }
}

/** One endpoint that streams events. */
export type StreamKind = {
  readonly name: string
  /** The provider's own name of a model that can do it. */
  readonly model: string
  /** Path, content type and body of a streaming request to `group`. */
  readonly request: (group: string) => Required<Pick<RawRequest, 'path' | 'headers' | 'body'>>
  /** The same without a stream. */
  readonly plain: (group: string) => Required<Pick<RawRequest, 'path' | 'headers' | 'body'>>
  /** Splits a broken stream into what the provider said and the error; throws unless it ends as the dialect ends. */
  readonly broken: (events: readonly SeenEvent[]) => {
    readonly before: readonly SeenEvent[]
    readonly error: JsonObject
  }
  /** The provider says that the answer is whole: nobody else may. */
  readonly claimsWhole: (event: SeenEvent) => boolean
}

const JSON_TYPE = [['content-type', 'application/json']] as const

const jsonKind = (path: string, body: JsonObject, stream: JsonObject) => ({
  request: (group: string) => ({ path, headers: JSON_TYPE, body: { model: group, ...body, ...stream } }),
  plain: (group: string) => ({ path, headers: JSON_TYPE, body: { model: group, ...body } }),
})

const objectIn = (event: SeenEvent | undefined): JsonObject => {
  assert.ok(event, 'an event was expected')
  return JSON.parse(event.data) as JsonObject
}

const chunkEnding: Pick<StreamKind, 'broken' | 'claimsWhole'> = {
  broken: events => {
    const { error } = objectIn(events.at(-1))
    assert.ok(error, 'the last event is the error: [DONE] would say that the answer is whole')
    return { before: events.slice(0, -1), error: error as JsonObject }
  },
  claimsWhole: ({ data }) => data === '[DONE]' || /"finish_reason": ?"/.test(data),
}

const typedEnding = (end: string): Pick<StreamKind, 'broken' | 'claimsWhole'> => ({
  broken: events => {
    const last = events.at(-1)
    assert.equal(last?.event, 'error')
    const { type, error } = objectIn(last)
    assert.equal(type, 'error')
    return { before: events.slice(0, -1), error: error as JsonObject }
  },
  claimsWhole: ({ data }) => data.includes(`"${end}"`),
})

const responsesEnding: Pick<StreamKind, 'broken' | 'claimsWhole'> = {
  broken: events => {
    const last = events.at(-1)
    assert.equal(last?.event, 'response.failed')
    const { type, response } = objectIn(last)
    assert.equal(type, 'response.failed')
    assert.equal((response as JsonObject).status, 'failed')
    return { before: events.slice(0, -1), error: (response as JsonObject).error as JsonObject }
  },
  claimsWhole: ({ event }) => event === 'response.completed' || event === 'response.incomplete',
}

const spoken = (group: string, stream: boolean) => {
  const form = formOf([
    { name: 'model', value: group },
    ...(stream ? [{ name: 'stream', value: 'true' }] : []),
    { name: 'file', value: Buffer.from([0, 1, 2, 0xff, 13, 10]), filename: 'a.mp3', type: 'audio/mpeg' },
  ])
  return {
    path: '/v1/audio/transcriptions',
    headers: [['content-type', form.type]] as const,
    body: form.bytes,
  }
}

/** Every endpoint that streams events. */
export const STREAM_KINDS: readonly StreamKind[] = [
  {
    name: 'chat',
    model: 'gpt-4.1',
    ...jsonKind(
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'Hello' }] },
      { stream: true, stream_options: { include_usage: true } },
    ),
    ...chunkEnding,
  },
  {
    name: 'completions',
    model: 'gpt-3.5-turbo-instruct',
    ...jsonKind(
      '/v1/completions',
      { prompt: 'Hello' },
      { stream: true, stream_options: { include_usage: true } },
    ),
    ...chunkEnding,
  },
  {
    name: 'responses',
    model: 'gpt-4.1',
    ...jsonKind('/v1/responses', { input: 'Hello' }, { stream: true }),
    ...responsesEnding,
  },
  {
    name: 'images',
    model: 'gpt-image-1',
    ...jsonKind('/v1/images/generations', { prompt: 'A stage' }, { stream: true, partial_images: 3 }),
    ...typedEnding('image_generation.completed'),
  },
  {
    name: 'transcription',
    model: 'gpt-4o-transcribe',
    request: group => spoken(group, true),
    plain: group => spoken(group, false),
    ...typedEnding('transcript.text.done'),
  },
  {
    name: 'speech',
    model: 'gpt-4o-mini-tts',
    ...jsonKind('/v1/audio/speech', { input: 'Hello', voice: 'alloy' }, { stream_format: 'sse' }),
    ...typedEnding('speech.audio.done'),
  },
]

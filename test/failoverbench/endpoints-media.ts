import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { formBody } from '../support/requests.ts'
import { ANSWER, PROMPT, tokensOf, WORDS } from './answer.ts'
import {
  type Ask,
  dataFrame,
  documentScript,
  type Endpoint,
  eventsScript,
  type Heard,
  hearJson,
  jsonAsk,
  NO_PREFILL_IN_BODY,
  NO_SENTINEL_IN_BODY,
  namedFrame,
  objectsIn,
  type Reading,
  type Script,
  textIn,
} from './endpoint.ts'
import { readDocument, readEvents } from './reading.ts'

/** Pictures and sound of the bench are its sixty words in base64: what came of them can be counted. */
const coded = (text: string): string => Buffer.from(text).toString('base64')
const decoded = (text: string): string => Buffer.from(text, 'base64').toString()

const noPrefill = 'no request of this dialect can carry the beginning of an answer: S08 is the same'
const endsWith = (type: string): string => `this dialect ends with \`${type}\`, and nothing follows it`

const usage: JsonObject = { input_tokens: 12, output_tokens: WORDS, total_tokens: 12 + WORDS }

const ofType = (events: readonly JsonObject[], type: string): readonly JsonObject[] =>
  events.filter(event => event.type === type)

const PARTIALS = 3
const brokenEvent = (type: string): Buffer => Buffer.from(`event: ${type}\ndata: {"type":"${type}",\n\n`)

const imageEvents = (): Script => ({
  ...eventsScript({
    pieces: Array.from({ length: PARTIALS }, (_, index) => {
      const soFar = tokensOf(ANSWER).slice(0, (WORDS / (PARTIALS + 1)) * (index + 1))
      return namedFrame({
        type: 'image_generation.partial_image',
        b64_json: coded(soFar.join('')),
        partial_image_index: index,
        created_at: 1_750_000_000,
      })
    }),
    closing: [
      namedFrame({
        type: 'image_generation.completed',
        b64_json: coded(ANSWER),
        created_at: 1_750_000_001,
        usage,
      }),
    ],
    broken: brokenEvent('image_generation.partial_image'),
  }),
})

const images = (streams: boolean): Endpoint => ({
  id: streams ? 'images-stream' : 'images',
  title: streams ? 'images/generations, stream' : 'images/generations',
  path: '/v1/images/generations',
  streams,
  incremental: streams,
  ask: model =>
    jsonAsk({ model, prompt: PROMPT, ...(streams ? { stream: true, partial_images: PARTIALS } : {}) }),
  hear: hearJson(),
  script: () =>
    streams
      ? imageEvents()
      : documentScript({ created: 1_750_000_000, data: [{ b64_json: coded(ANSWER) }], usage }),
  read: streams
    ? readEvents(events => {
        const completed = ofType(events, 'image_generation.completed')
        const last = [...ofType(events, 'image_generation.partial_image'), ...completed].at(-1)
        return {
          content: decoded(textIn(last?.b64_json)),
          finished: completed.length > 0,
          usage: isObject(completed[0]?.usage),
          model: undefined,
          ...(completed.length > 1 ? { flaw: 'the image is completed twice' } : {}),
        }
      })
    : readDocument(answer => ({
        content: decoded(textIn(objectsIn(answer.data)[0]?.b64_json)),
        finished: true,
        usage: isObject(answer.usage),
        model: undefined,
      })),
  tellsUsage: true,
  noSentinel: streams ? endsWith('image_generation.completed') : NO_SENTINEL_IN_BODY,
  noPrefill: streams ? noPrefill : NO_PREFILL_IN_BODY,
})

const soundEvents = (): Script =>
  eventsScript({
    pieces: tokensOf(ANSWER).map(word => dataFrame({ type: 'speech.audio.delta', audio: coded(word) })),
    closing: [dataFrame({ type: 'speech.audio.done', usage })],
    broken: Buffer.from('data: {"type":"speech.audio.delta",\n\n'),
  })

/** What a program without `stream_format` gets: bytes of sound as they are made. */
const sound = (): Script => ({
  type: 'audio/mpeg',
  framing: 'chunked',
  opening: [],
  pieces: tokensOf(ANSWER).map(word => Buffer.from(word)),
  closing: [],
  sentinel: [],
  broken: undefined,
})

const speech = (streams: boolean): Endpoint => ({
  id: streams ? 'speech-stream' : 'speech',
  title: streams ? 'audio/speech, stream' : 'audio/speech',
  path: '/v1/audio/speech',
  streams,
  incremental: true,
  ask: model =>
    jsonAsk({ model, input: PROMPT, voice: 'alloy', ...(streams ? { stream_format: 'sse' } : {}) }),
  hear: hearJson(),
  script: streams ? soundEvents : sound,
  read: streams
    ? readEvents(events => ({
        content: ofType(events, 'speech.audio.delta')
          .map(({ audio }) => decoded(textIn(audio)))
          .join(''),
        finished: ofType(events, 'speech.audio.done').length === 1,
        usage: isObject(ofType(events, 'speech.audio.done')[0]?.usage),
        model: undefined,
      }))
    : bytes => ({ content: bytes.toString(), finished: true, usage: false, model: undefined }),
  tellsUsage: streams,
  noSentinel: streams ? endsWith('speech.audio.done') : 'bytes of sound have no sentinel',
  noPrefill,
})

const askTranscript = (model: string, streams: boolean): Ask => {
  const fields = [
    ['model', model],
    ['response_format', 'json'],
    ...(streams ? [['stream', 'true'] as const] : []),
    [
      'file',
      { filename: 'line.mp3', contentType: 'audio/mpeg', content: Buffer.from([0xff, 0xfb, 0x90, 0, 1, 2]) },
    ],
  ] as const
  const body = formBody(fields)
  const boundary = body.subarray(2, body.indexOf('\r\n')).toString()
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body,
    members: new Set(fields.map(([name]) => name)),
  }
}

const hearForm = (bytes: Buffer): Heard => {
  const text = bytes.toString('latin1')
  const model = /name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)/i.exec(text)?.[1] ?? ''
  const members = [...text.matchAll(/form-data;(?:[^\r\n]*;)? ?name="?([^";\r\n]+)"?/gi)].map(
    ([, name = '']) => name,
  )
  return { model, members, begun: '', wantsUsage: false }
}

const transcriptEvents = (): Script =>
  eventsScript({
    pieces: tokensOf(ANSWER).map(delta => dataFrame({ type: 'transcript.text.delta', delta })),
    closing: [dataFrame({ type: 'transcript.text.done', text: ANSWER, usage })],
    broken: Buffer.from('data: {"type":"transcript.text.delta",\n\n'),
  })

const readTranscript = (events: readonly JsonObject[]): Reading => {
  const [done, again] = ofType(events, 'transcript.text.done')
  const content = ofType(events, 'transcript.text.delta')
    .map(({ delta }) => textIn(delta))
    .join('')
  const differs = done !== undefined && done.text !== content
  return {
    content,
    finished: done !== undefined,
    usage: isObject(done?.usage),
    model: undefined,
    ...(differs ? { flaw: 'transcript.text.done holds another text than the deltas' } : {}),
    ...(again === undefined ? {} : { flaw: 'the transcript is done twice' }),
  }
}

const transcriptions = (streams: boolean): Endpoint => ({
  id: streams ? 'transcriptions-stream' : 'transcriptions',
  title: streams ? 'audio/transcriptions, stream' : 'audio/transcriptions',
  path: '/v1/audio/transcriptions',
  streams,
  incremental: streams,
  ask: model => askTranscript(model, streams),
  hear: hearForm,
  script: () => (streams ? transcriptEvents() : documentScript({ text: ANSWER, usage })),
  read: streams
    ? readEvents(readTranscript)
    : readDocument(answer => ({
        content: textIn(answer.text),
        finished: true,
        usage: isObject(answer.usage),
        model: undefined,
      })),
  tellsUsage: true,
  noSentinel: streams ? endsWith('transcript.text.done') : NO_SENTINEL_IN_BODY,
  noPrefill: streams ? noPrefill : NO_PREFILL_IN_BODY,
})

export const MEDIA_ENDPOINTS: readonly Endpoint[] = [
  images(true),
  images(false),
  speech(true),
  speech(false),
  transcriptions(true),
  transcriptions(false),
]

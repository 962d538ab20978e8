import { isObject, type Json } from '../wire/json.ts'
import { type Continuation, editedEvent, type Said, setting, usageEdits } from './continuation.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { typedStream } from './openai-images.ts'
import { listOf, parseJson, textOf, unsaid, usageFrom } from './read-json.ts'
import { ALWAYS, type Shape, type StreamEvent } from './shape.ts'

/** Answers with audio bytes, or with events when `stream_format` is `sse`; a JSON body can only be an error. */
export const speech: Shape = {
  name: 'speech',
  errorInside: answer => saidError(answer) ?? errorObjectOf(answer),
  hedge: ALWAYS,
  usageOf: answer => usageFrom(answer.usage),
  stream: typedStream(
    ['speech.audio.done'],
    { 'speech.audio.delta': 'audio' },
    {
      speaksSoon: true,
      // Asked when no event brought a sound.
      emptyEnd: () => unsaid('The provider ended the stream without a sound.', 'empty_answer'),
    },
  ),
  flows: true,
}

const NOTHING: readonly Said[] = []

/** A segment is told by its place in the recording. */
const segmentName = (event: Readonly<Record<string, Json>>): string =>
  `segment ${JSON.stringify([event.id ?? null, event.start ?? null])}`

const saidInTranscript = (event: StreamEvent): readonly Said[] | 'other' => {
  const parsed = event.data === undefined || event.data === '' ? undefined : parseJson(event.data)
  if (!isObject(parsed)) return NOTHING
  const type = textOf(parsed.type) ?? event.event
  if (type === 'transcript.text.done') return NOTHING
  if (type === 'transcript.text.segment')
    return [{ channel: segmentName(parsed), text: JSON.stringify(parsed), whole: true }]
  if (type !== 'transcript.text.delta' || (listOf(parsed.logprobs) ?? []).length > 0) return 'other'
  const text = textOf(parsed.delta)
  return text === undefined ? NOTHING : [{ channel: 'text', text }]
}

/** The same recording read again: most often the same words. */
const transcriptContinuation: Continuation = {
  allows: () => true,
  said: saidInTranscript,
  saying: (event, [piece]) =>
    piece === undefined || piece.whole === true
      ? event
      : editedEvent(event, [setting(['delta'], piece.text)]),
  graft: () => ({ learn: () => {}, fit: event => event }),
  withUsage: (event, more) => {
    const parsed = event.data?.includes('"usage"') === true ? parseJson(event.data) : undefined
    return isObject(parsed) ? editedEvent(event, usageEdits(parsed.usage, more, ['usage'])) : event
  },
}

/** Usage counts tokens, or seconds of audio for the models that are priced by length. */
export const transcription: Shape = {
  name: 'transcription',
  // An empty text is an answer: silence was sent.
  errorInside: answer =>
    saidError(answer) ??
    (typeof answer.text === 'string' || listOf(answer.segments) !== undefined
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a transcript.', 'empty_answer'))),
  hedge: ALWAYS,
  usageOf: answer => usageFrom(answer.usage),
  stream: typedStream(
    ['transcript.text.done'],
    { 'transcript.text.delta': 'delta', 'transcript.text.segment': 'text' },
    { speaksSoon: true, continuation: transcriptContinuation },
  ),
}

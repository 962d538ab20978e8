import { errorObjectOf, saidError } from './error-object.ts'
import { typedStream } from './openai-images.ts'
import { unsaid, usageFrom } from './read-json.ts'
import type { Shape } from './shape.ts'

/** Answers with audio bytes, or with events when `stream_format` is `sse`; a JSON body can only be an error. */
export const speech: Shape = {
  name: 'speech',
  errorInside: answer => saidError(answer) ?? errorObjectOf(answer),
  usageOf: answer => usageFrom(answer.usage),
  stream: typedStream(['speech.audio.done'], { 'speech.audio.delta': 'audio' }),
}

/** Usage counts tokens, or seconds of audio for the models that are priced by length. */
export const transcription: Shape = {
  name: 'transcription',
  // An empty text is an answer: silence was sent.
  errorInside: answer =>
    saidError(answer) ??
    (Object.hasOwn(answer, 'text') || Object.hasOwn(answer, 'segments')
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a transcript.', 'empty_answer'))),
  usageOf: answer => usageFrom(answer.usage),
  stream: typedStream(['transcript.text.done'], {
    'transcript.text.delta': 'delta',
    'transcript.text.segment': 'text',
  }),
}

import type { JsonObject } from '../wire/json.ts'
import { flatTest, leading, leadingTo, someText, trailing } from './flat-event.ts'
import {
  calmChoices,
  chunkErrorFrame,
  emptyEndOfChunks,
  errorInsideChoices,
  filteredChoice,
  sightOfChunk,
} from './openai-chat.ts'
import { completionsContinuation } from './openai-chat-continuation.ts'
import { content, someEvent, textOf, usageFrom } from './read-json.ts'
import { ALWAYS, type Shape } from './shape.ts'

const isPlainText = flatTest(
  `\\{${leading}"choices": ?\\[\\{${leadingTo('text')}"text": ?${someText}${trailing}\\}\\]${trailing}\\}`,
)

const speaks = (choice: JsonObject): boolean => textOf(choice.text) !== undefined

/** The older text completions: as chat, but a choice says `text`. */
export const completions: Shape = {
  name: 'completions',
  errorInside: errorInsideChoices(speaks, ({ text }) => typeof text === 'string'),
  calm: calmChoices('text', '"'),
  filtered: filteredChoice,
  hedge: ALWAYS,
  usageOf: answer => usageFrom(answer.usage),
  stream: {
    sight: event =>
      event.event === '' && event.data !== undefined && isPlainText(event.data)
        ? content
        : sightOfChunk(event, speaks),
    errorFrame: chunkErrorFrame,
    emptyEnd: emptyEndOfChunks(speaks),
    filtered: someEvent(filteredChoice),
    endsWithoutTerminal: true,
    endsByReason: true,
    speaksSoon: true,
    continuation: completionsContinuation,
  },
}

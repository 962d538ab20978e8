import { asBuffer } from '../wire/bytes.ts'
import type { JsonIndex, Span } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { bareError, errorOfNamed, sightOfOther } from './event-failure.ts'
import { flatTest, leading, leadingTo, member, someText, trailing } from './flat-event.ts'
import { carries, chatContinuation, silent } from './openai-chat-continuation.ts'
import {
  content,
  isDone,
  isPing,
  lifecycle,
  listOf,
  listsObjects,
  objectOf,
  parseJson,
  seen,
  someEvent,
  terminal,
  textOf,
  unsaid,
  usageFrom,
} from './read-json.ts'
import type { ErrorBody, Shape, Sight, StreamEvent } from './shape.ts'

/** One choice whose delta brings text, reasoning or tool arguments, nothing finished, nothing wrong. */
const toolCall = `\\{${leading}"function": ?\\{${member}${trailing}\\}${trailing}\\}`
const spoken = 'content|refusal|reasoning|reasoning_content'
const bearing = `(?:"(?:${spoken})": ?${someText}|"tool_calls": ?\\[${toolCall}\\])`
const plainDelta = `\\{${leadingTo(spoken)}${bearing}${trailing}\\}`
const isPlainDelta = flatTest(
  `\\{${leading}"choices": ?\\[\\{${leading}"delta": ?${plainDelta}${trailing}\\}\\]${trailing}\\}`,
)

const speaks = (choice: JsonObject): boolean => {
  const delta = objectOf(choice.delta) ?? objectOf(choice.message)
  return (
    delta !== undefined && Object.entries(delta).some(([key, value]) => !silent.has(key) && carries(value))
  )
}

/** The error of a choice that ended with finish_reason "error" (OpenRouter puts the object beside it). */
export const choiceError = (choices: readonly Json[]): JsonObject | undefined => {
  for (const choice of choices) {
    if (!isObject(choice)) continue
    const said = saidError(choice)
    if (said !== undefined) return said
    if (choice.finish_reason !== 'error') continue
    const native = textOf(choice.native_finish_reason)
    return unsaid(
      `The provider ended the answer with an error${native === undefined ? '.' : ` (${native}).`}`,
      'server_error',
    )
  }
  return undefined
}

/** Rules shared by chat and completions: only what a choice says differs. */
export const sightOfChunk = (event: StreamEvent, saysSomething: (choice: JsonObject) => boolean): Sight => {
  const data = event.data
  if (data === undefined || isPing(event)) return lifecycle
  if (isDone(data)) return terminal
  const chunk = parseJson(data)
  if (!isObject(chunk)) return sightOfOther(event, chunk)
  const error = event.event === 'error' ? errorOfNamed(chunk, data) : saidError(chunk)
  if (error !== undefined) return { kind: 'error', error }
  const usage = usageFrom(chunk.usage) ?? usageFrom(objectOf(chunk.x_groq)?.usage)
  const choices = listOf(chunk.choices)?.filter(isObject)
  if (choices === undefined) {
    const bare = bareError(chunk)
    if (bare !== undefined) return { kind: 'error', error: bare }
    // A chunk of nothing says nothing; what has a type of its own is passed on.
    return seen(Object.hasOwn(chunk, 'type') ? 'content' : 'lifecycle', usage)
  }
  // A count alone ends nothing: servers send it on the way, too, and only a reason says that a choice is whole.
  if (choices.length === 0) return seen('lifecycle', usage)
  const failed = choiceError(choices)
  if (failed !== undefined) return { kind: 'error', error: failed }
  const finished = finishedOf(choices)
  const ends = finished.length === 0 ? {} : { finished }
  const said = choices.some(saysSomething)
  // With several choices the answer is whole only when each one in sight has finished.
  if (finished.length === choices.length)
    return { ...seen('final', usage), ...ends, ...(said ? { speaks: true } : {}) }
  return { ...seen(said ? 'content' : 'lifecycle', usage), ...ends }
}

/** Which of them end here: a choice may say so twice, and two of them in any order. */
const finishedOf = (choices: readonly JsonObject[]): readonly number[] =>
  choices.flatMap(({ index, finish_reason: reason }, at) =>
    textOf(reason) === undefined ? [] : [typeof index === 'number' ? index : at],
  )

/**
 * The error is the last event. No `[DONE]` follows: it is the terminator of a whole answer, and the upstream did not
 * send it. Client libraries of this dialect raise at the error.
 */
export const chunkErrorFrame = (error: ErrorBody): string => `data: ${JSON.stringify({ error })}\n\n`

const NO_CHOICE = unsaid('The provider answered without any choice.', 'empty_answer')
const NO_TOKEN = unsaid('The provider ended the answer without a single token.', 'empty_answer')
const NO_MESSAGE = unsaid('The provider answered with no message in any choice.', 'empty_answer')
/** Of an answer that said nothing and gave no reason for it. */
export const NO_REASON = unsaid('The provider ended the answer without a word or a reason.', 'empty_answer')

type SaysSomething = (choice: JsonObject) => boolean

/**
 * An empty text is an answer: a model may have nothing to say. It is none when the provider itself counts not one
 * token of output: every model that runs gives at least the token that ends its turn. A filter or a limit that left
 * nothing over has its own reason, and is told to the client as it is.
 */
const withoutToken = (
  choices: readonly JsonObject[],
  usage: Json | undefined,
  says: SaysSomething,
): boolean =>
  objectOf(usage)?.completion_tokens === 0 &&
  choices.every(choice => (choice.finish_reason ?? 'stop') === 'stop' && !says(choice))

/** Ends behind which there may be nothing at all. */
const CUT_SHORT: ReadonlySet<Json | undefined> = new Set(['length', 'content_filter'])

/** Chat and completions: what is wrong with a whole answer. `holds`: there is room for words in it, whatever they are. */
export const errorInsideChoices =
  (says: SaysSomething, holds: (choice: JsonObject) => boolean) =>
  (answer: JsonObject): JsonObject | undefined => {
    const said = saidError(answer)
    if (said !== undefined) return said
    const choices = listOf(answer.choices)?.filter(isObject)
    if (choices === undefined || choices.length === 0) return errorObjectOf(answer) ?? NO_CHOICE
    const hollow = !choices.some(choice => holds(choice) || CUT_SHORT.has(choice.finish_reason))
    if (hollow) return choiceError(choices) ?? NO_MESSAGE
    return choiceError(choices) ?? (withoutToken(choices, answer.usage, says) ? NO_TOKEN : undefined)
  }

/** The same for a stream that ended before any content. */
export const emptyEndOfChunks =
  (says: SaysSomething) =>
  (events: readonly StreamEvent[]): JsonObject | undefined => {
    const chunks = events
      .map(({ data }) => objectOf(parseJson(data ?? '')))
      .filter(chunk => chunk !== undefined)
    const choices = chunks.flatMap(chunk => listOf(chunk.choices) ?? []).filter(isObject)
    // `[DONE]` and nothing before it.
    if (choices.length === 0) return NO_CHOICE
    const ended = choices.some(choice => textOf(choice.finish_reason) !== undefined)
    // A role and `[DONE]` are no more of an answer than `[DONE]` is.
    if (!ended && !choices.some(says)) return NO_REASON
    return chunks.some(({ usage }) => withoutToken(choices, usage, says)) ? NO_TOKEN : undefined
  }

const ALARMS = ['"error', '"content_filter"'].map(word => Buffer.from(word))
const COUNT = Buffer.from('"completion_tokens"')
/** Choices without a word, with every member that providers write: at most so many bytes. */
const LONGEST_EMPTY = 1_024

/** `"completion_tokens": 0`, however it is spaced. */
const countsNoToken = (bytes: Buffer, usage: Span | undefined): boolean => {
  if (usage === undefined) return false
  let at = bytes.indexOf(COUNT, usage.start)
  if (at === -1 || at >= usage.end) return false
  at += COUNT.length
  // The colon and white space around it.
  while (at < usage.end && ((bytes[at] ?? 0) <= 0x20 || bytes[at] === 0x3a)) at += 1
  return bytes[at] === 0x30
}

const begins = (member: string): readonly Buffer[] => [
  Buffer.from(`"${member}":`),
  Buffer.from(`"${member}": `),
]

/** `"message":{`: a member of a choice, and how its value begins. */
const holdsIn = (look: Buffer, { start, end }: Span, member: readonly Buffer[], first: number): boolean =>
  member.some(word => {
    const at = look.indexOf(word, start)
    return at !== -1 && at < end && look[at + word.length] === first
  })

/**
 * Choices are there with the member that holds their words, and no word that an error or an empty end is told with (an
 * escaped one is no news). `first`: the letter with which that member's value begins.
 */
export const calmChoices = (member: string, first: string): NonNullable<Shape['calm']> => {
  const words = begins(member)
  const letter = first.charCodeAt(0)
  return index => isCalm(index, words, letter)
}

const isCalm = ({ bytes, members }: JsonIndex, member: readonly Buffer[], first: number): boolean => {
  const choices = members.get('choices')
  if (choices === undefined || !listsObjects(bytes, choices)) return false
  const look = asBuffer(bytes)
  if (!holdsIn(look, choices, member, first)) return false
  for (const word of ALARMS) if (look.indexOf(word) !== -1) return false
  // A longer list says something.
  return choices.end - choices.start > LONGEST_EMPTY || !countsNoToken(look, members.get('usage'))
}

/** LiteLLM: an answer that ends with finish_reason content_filter is a content-policy violation. */
export const filteredChoice = ({ choices }: JsonObject): boolean =>
  Array.isArray(choices) &&
  choices.some((choice: Json) => isObject(choice) && choice.finish_reason === 'content_filter')

export const chat: Shape = {
  name: 'chat',
  errorInside: errorInsideChoices(speaks, ({ message }) => isObject(message ?? null)),
  calm: calmChoices('message', '{'),
  filtered: filteredChoice,
  hedge: {
    without: [
      'tools',
      'functions',
      'web_search_options',
      // Searches and tools by the names of other providers, which charge for each.
      'search_parameters',
      'enable_search',
      'plugins',
      'compound_custom',
      'store',
      'deferred',
    ],
  },
  usageOf: answer => usageFrom(answer.usage),
  stream: {
    sight: event =>
      event.event === '' && event.data !== undefined && isPlainDelta(event.data)
        ? content
        : sightOfChunk(event, speaks),
    errorFrame: chunkErrorFrame,
    emptyEnd: emptyEndOfChunks(speaks),
    filtered: someEvent(filteredChoice),
    endsWithoutTerminal: true,
    endsByReason: true,
    speaksSoon: true,
    continuation: chatContinuation,
  },
}

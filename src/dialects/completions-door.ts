import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { chatDoor } from './chat.ts'
import { eventWith } from './continuation.ts'
import type { Losses } from './losses.ts'
import { isMedia, mediaTeller, toldEvents, toldPart } from './media-words.ts'
import type { Asked, Door, NeutralAnswer, NeutralRequest, StreamWriter } from './neutral.ts'
import { isDone, listOf, objectOf, parseJson, textOf } from './read-json.ts'
import type { StreamEvent } from './shape.ts'

/**
 * The older text completions for providers of chat: the prompt is what the user says, and what is said to it is the
 * text. Their own providers go on from a prompt as it stands, and get the request as it was written.
 */

const COMPLETIONS = 'text completions'

/**
 * Members that have no meaning in a conversation (`logprobs` is a number here and lists words in another form), and
 * those of a conversation whose answers no text holds.
 */
const LOST: ReadonlySet<string> = new Set([
  'best_of',
  'logprobs',
  'suffix',
  'messages',
  'tools',
  'tool_choice',
  'functions',
  'function_call',
])

const promptOf = (prompt: Json | undefined): string => {
  const only = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt
  if (typeof only === 'string' && only !== '') return only
  throw new Unsupported(
    "'prompt' has to be one text: several prompts, and tokens of OpenAI's vocabulary, are for providers of text completions",
    'prompt',
  )
}

/** One answer, no list of words, and nothing behind the text: what everybody gives anyway. */
const isUsual = (key: string, value: Json | undefined): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (key === 'best_of' && value === 1) ||
  (Array.isArray(value) && value.length === 0)

const read = (body: JsonObject, losses: Losses): NeutralRequest => {
  const { prompt, echo, ...rest } = body
  if (echo === true) throw new Unsupported("'echo' is for providers of text completions", 'echo')
  for (const key of LOST) if (!isUsual(key, rest[key])) losses.lose(key)
  const plain = Object.entries(rest).filter(([key]) => !LOST.has(key))
  return chatDoor.read(
    { ...Object.fromEntries(plain), messages: [{ role: 'user', content: promptOf(prompt) }] },
    losses,
  )
}

const idOf = (id: Json | undefined): string => `cmpl-${(textOf(id) ?? '').replace(/^chatcmpl-/, '')}`

/** A refusal in words is said like any other text: there is no other place for it. */
const saidIn = (said: JsonObject | undefined): string => textOf(said?.content) ?? textOf(said?.refusal) ?? ''

const choiceOf = (choice: Json, said: 'message' | 'delta'): Json => {
  if (!isObject(choice)) return choice
  return {
    text: saidIn(objectOf(choice[said])),
    index: choice.index ?? 0,
    logprobs: null,
    finish_reason: choice.finish_reason ?? null,
  }
}

const told = (answer: JsonObject, said: 'message' | 'delta'): JsonObject => ({
  ...answer,
  id: idOf(answer.id),
  object: 'text_completion',
  choices: (listOf(answer.choices) ?? []).map(choice => choiceOf(choice, said)),
})

/** A chunk with neither a word, an end nor a count says nothing here: the role, and thoughts. */
const says = ({ choices, usage }: JsonObject): boolean =>
  isObject(usage ?? null) ||
  (listOf(choices) ?? []).some(
    choice => isObject(choice) && (choice.text !== '' || choice.finish_reason !== null),
  )

const chunkOf = (event: StreamEvent): readonly StreamEvent[] => {
  if (event.data === undefined || isDone(event.data)) return [event]
  const chunk = parseJson(event.data)
  if (!isObject(chunk) || chunk.error !== undefined) return [event]
  const text = told(chunk, 'delta')
  return says(text) ? [eventWith(event, JSON.stringify(text))] : []
}

const answer = (said: NeutralAnswer, asked: Asked): JsonObject => {
  const tell = mediaTeller(COMPLETIONS, asked.losses)
  const parts = said.parts.flatMap(part => (isMedia(part) ? toldPart(part, tell) : [part]))
  return told(chatDoor.answer({ ...said, parts }, asked), 'message')
}

const writer = (asked: Asked): StreamWriter => {
  const chat = chatDoor.writer(asked)
  const tell = mediaTeller(COMPLETIONS, asked.losses)
  return {
    write: event =>
      (event.kind === 'media' ? toldEvents(event, tell) : [event]).flatMap(chat.write).flatMap(chunkOf),
  }
}

export const completionsDoor: Door = {
  dialect: 'chat',
  read,
  answer,
  writer,
  goesOn: false,
}

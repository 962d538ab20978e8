import { asBuffer } from '../wire/bytes.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject, valueAt } from '../wire/index.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { sseDecoder, withData } from '../wire/sse.ts'
import { saidIn } from './chat-answer.ts'
import { listOf, objectOf } from './read-json.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'

/**
 * Answers of Chat Completions whose content is a list of parts, as models of Mistral's that think have it. OpenAI's is a
 * text, and its clients take nothing else: the thoughts among the parts are `reasoning_content`, as LiteLLM has it.
 */

/** One search of the bytes settles every answer that has none. */
const MARKS = [Buffer.from('"content":['), Buffer.from('"content": [')]

const isMarked = (bytes: Uint8Array): boolean => MARKS.some(mark => asBuffer(bytes).includes(mark))

const set = (path: readonly string[], value: string | null): Edit => ({
  op: 'set',
  path,
  value,
  why: 'provider-rename',
})

const editsOf = (choice: JsonObject, at: number): readonly Edit[] =>
  ['message', 'delta'].flatMap(name => {
    const said = objectOf(choice[name])
    if (said === undefined || listOf(said.content) === undefined) return []
    const { text, thought } = saidIn(said.content)
    const path = ['choices', String(at), name]
    return [
      set([...path, 'content'], text === '' ? null : text),
      ...(thought === '' ? [] : [set([...path, 'reasoning_content'], thought)]),
    ]
  })

/** The same answer or chunk with its content as text; every other byte stays. */
export const withTextContent = (bytes: Uint8Array): Uint8Array => {
  if (!isMarked(bytes)) return bytes
  try {
    const index = indexObject(bytes)
    const choices = listOf(valueAt(index, 'choices')) ?? []
    const edits = choices.flatMap((choice, at) => (isObject(choice) ? editsOf(choice, at) : []))
    return edits.length === 0 ? bytes : joinSegments(applyEdits(index, edits))
  } catch {
    // Bytes that are no JSON object stay what they are: whoever reads them says so.
    return bytes
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const eventWithText = (event: StreamEvent): StreamEvent => {
  if (event.data === undefined || !isMarked(event.bytes)) return event
  const data = decoder.decode(withTextContent(encoder.encode(event.data)))
  return { bytes: encoder.encode(withData(event, data)), event: event.event, data }
}

export const textContentDecoder = (): StreamDecoder => {
  const events = sseDecoder()
  return {
    push: chunk => events.push(chunk).map(eventWithText),
    end: () => events.end().map(eventWithText),
  }
}

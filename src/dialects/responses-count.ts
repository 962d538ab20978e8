import type { Json, JsonObject } from '../wire/json.ts'
import type { Counter } from './counts.ts'
import { addTools, documentTokens, type Found, promptWalk } from './prompt-walk.ts'
import { listOf, objectOf } from './read-json.ts'
import { refuseKeptParts } from './responses-request.ts'

/** The input of a response counted here: texts by the tokenizer, media by what they usually cost. */

/** What surrounds each item, in tokens. */
const PER_ITEM = 4
/** A picture of 1024 by 1024 pixels: 85, and 170 for each of its four tiles; 85 alone where only those are looked at. */
const PER_PICTURE = 765
const PER_SMALL_PICTURE = 85
/** Sound costs 10 tokens a second: about 16 KB of MP3, 22 KB of base64. */
const SECOND_BASE64 = 22_000
const PER_SECOND = 10

/** Members that are no prompt: names of things, and what only the provider reads. */
const SILENT: ReadonlySet<string> = new Set([
  'type',
  'id',
  'call_id',
  'role',
  'status',
  'phase',
  'caller',
  'metadata',
  'internal_chat_message_metadata_passthrough',
  'annotations',
  'logprobs',
  'encrypted_content',
])

const TEXT_FILE = /^data:(?:text\/|application\/(?:json|xml|yaml)\b)[^,]*;base64,/i

const file = ({ filename: name, file_data: data }: JsonObject, found: Found): void => {
  if (typeof data !== 'string' || !TEXT_FILE.test(data)) found.other += documentTokens(data)
  else found.texts.push(Buffer.from(data.slice(data.indexOf(',') + 1), 'base64').toString('utf8'))
  if (typeof name === 'string') found.texts.push(name)
}

const sound = ({ input_audio: audio }: JsonObject, found: Found): void => {
  const data = objectOf(audio)?.data
  const length = typeof data === 'string' ? data.length : 0
  found.other += PER_SECOND * Math.max(1, Math.ceil(length / SECOND_BASE64))
}

const picture = ({ detail }: JsonObject, found: Found): void => {
  found.other += detail === 'low' ? PER_SMALL_PICTURE : PER_PICTURE
}

const MEDIA: ReadonlyMap<Json | undefined, (part: JsonObject, found: Found) => void> = new Map([
  ['input_image', picture],
  ['computer_screenshot', picture],
  ['input_file', file],
  ['input_audio', sound],
])

const gather = promptWalk(SILENT, (value, found) => {
  const media = MEDIA.get(value.type)
  media?.(value, found)
  return media !== undefined
})

/** Instructions, input, tools and the schema of the answer. Throws Unsupported for what is not in the request. */
export const countResponses: Counter = (body, tokensOf) => {
  refuseKeptParts(body)
  const found: Found = { texts: [], other: 0 }
  for (const item of [body.instructions, ...(listOf(body.input) ?? [body.input])]) {
    if (item === undefined || item === null) continue
    found.other += PER_ITEM
    gather(item, found)
  }
  addTools(body.tools, found)
  const schema = objectOf(objectOf(body.text)?.format)?.schema
  if (schema !== undefined) found.texts.push(JSON.stringify(schema))
  return tokensOf(found.texts.join('\n')) + found.other
}

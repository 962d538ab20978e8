import { createHash } from 'node:crypto'
import type { Capsule } from '../capsule.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { openCallsIn } from './compaction-calls.ts'
import type { Asked } from './neutral.ts'

/** The objects that clients of the Responses API know a compaction by. */

const developerMessage = (text: string): JsonObject => ({
  type: 'message',
  role: 'developer',
  content: [{ type: 'input_text', text }],
})

/** What a model reads in place of the messages that were compacted. */
export const summaryMessage = (summary: string): JsonObject =>
  developerMessage(`Summary of the earlier conversation, which it replaces:\n\n${summary}`)

/** The same, where there is no summary that it could read. */
export const transcriptMessage = (transcript: string): JsonObject =>
  developerMessage(`The earlier conversation, as far as it fits here:\n\n${transcript}`)

/** As much of what the user said comes back verbatim: about 20,000 tokens. Bytes of JSON. */
const KEPT_BYTES = 80_000

const partsOf = (content: Json | undefined): readonly Json[] =>
  typeof content === 'string'
    ? [{ type: 'input_text', text: content }]
    : Array.isArray(content)
      ? content
      : []

const isUserMessage = (item: Json): item is JsonObject =>
  isObject(item) && (item.type === undefined || item.type === 'message') && item.role === 'user'

/**
 * The newest messages of the user, in their order, as the compact endpoint gives them back: the conversation goes on
 * with them and the compaction behind them.
 */
export const keptMessages = (input: Json | undefined, unique: string): readonly JsonObject[] => {
  const items =
    typeof input === 'string' ? [{ role: 'user', content: input }] : Array.isArray(input) ? input : []
  const kept: JsonObject[] = []
  let left = KEPT_BYTES
  for (const [at, item] of [...items.entries()].reverse()) {
    if (!isUserMessage(item)) continue
    const content = partsOf(item.content)
    left -= Buffer.byteLength(JSON.stringify(content))
    if (left < 0) break
    const id = typeof item.id === 'string' ? item.id : `msg_${unique}_${at}`
    kept.unshift({ type: 'message', id, status: 'completed', role: 'user', content })
  }
  return kept
}

/**
 * The item, still readable: `encrypted_content` is the capsule as JSON text. It is sealed on its way out, where it is
 * known for whom; nobody reads this form.
 */
export const plainItem = (
  summary: string,
  { body, model, unique, created }: Asked,
): { readonly type: 'compaction' } & JsonObject => {
  const transcript = createHash('sha256')
    .update(JSON.stringify(body.input ?? null))
    .digest('hex')
  // Whatever the model has made of them: their results will come.
  const capsule: Capsule = { summary: summary + openCallsIn(body.input), created, model, transcript }
  return { type: 'compaction', id: `cmp_${unique}`, encrypted_content: JSON.stringify(capsule) }
}

/** The document of `POST /responses/compact`. */
export const compactionObject = (
  item: JsonObject,
  usage: Json,
  { body, unique, created }: Pick<Asked, 'body' | 'unique' | 'created'>,
): JsonObject => ({
  id: `resp_${unique}`,
  object: 'response.compaction',
  created_at: created,
  output: [...keptMessages(body.input, unique), item],
  usage,
})

import { Unsupported } from '../providers/provider.ts'
import { isObject } from '../wire/json.ts'
import type { Counter } from './counts.ts'
import { addTools, documentTokens, type Found, promptWalk } from './prompt-walk.ts'
import { listOf } from './read-json.ts'

/** What surrounds each message, in tokens. */
const PER_MESSAGE = 4
/** A picture costs its pixels divided by 750, and is scaled down to about this. */
const PER_PICTURE = 1568
/** Members that are no prompt: names of things, and what only the provider reads. */
const SILENT: ReadonlySet<string> = new Set([
  'type',
  'cache_control',
  'signature',
  'tool_use_id',
  'id',
  'citations',
  'media_type',
  'encrypted_content',
])

const gather = promptWalk(SILENT, (value, found) => {
  const source = isObject(value.source) ? value.source : undefined
  if (value.type === 'image' && source !== undefined) found.other += PER_PICTURE
  else if (value.type === 'document' && source?.type !== 'text' && source?.type !== 'content')
    found.other += documentTokens(source?.data)
  else return value.type === 'redacted_thinking'
  return true
})

/** System, messages and tools of a request. Throws Unsupported where there are no messages. */
export const countMessages: Counter = (body, tokensOf) => {
  const messages = listOf(body.messages)
  if (messages === undefined) throw new Unsupported("'messages' has to be a list", 'messages')
  const found: Found = { texts: [], other: 0 }
  gather(body.system, found)
  for (const message of messages) {
    found.other += PER_MESSAGE
    gather(isObject(message) ? message.content : undefined, found)
  }
  addTools(body.tools, found)
  return tokensOf(found.texts.join('\n')) + found.other
}

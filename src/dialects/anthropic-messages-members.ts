import type { JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'
import { spelled } from './read-json.ts'

/** Which members of messages and their blocks are read; every other one is told by its name. */

const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  text: ['text', 'citations'],
  image: ['source'],
  document: ['source', 'title', 'context', 'citations'],
  search_result: ['source', 'title', 'content', 'citations'],
  tool_use: ['id', 'name', 'input'],
  tool_result: ['tool_use_id', 'content', 'is_error'],
  tool_reference: ['tool_name'],
  thinking: ['thinking', 'signature'],
  redacted_thinking: ['data'],
  // What its issuer wants back beside the text is for its issuer.
  compaction: ['content', 'encrypted_content', 'signature', 'tool_changes'],
}

const known = new Map(
  Object.entries(BLOCKS).map(([type, members]) => [type, new Set([...members, 'type', 'cache_control'])]),
)

const MESSAGE: ReadonlySet<string> = new Set(['role', 'content', 'clear_at', 'output_config'])

/** A call that the model itself made, which every call elsewhere is. */
const isDirect = (key: string, value: JsonObject[string]): boolean =>
  key === 'caller' &&
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  value.type === 'direct'

const BECAUSE = 'only Anthropic knows it'

/** Blocks of other types are told, or refused, as a whole. */
export const tellBlock = (block: JsonObject, losses: Losses): void => {
  const members = known.get(spelled(block.type))
  if (members === undefined) return
  for (const [key, value] of Object.entries(block))
    if (!members.has(key) && value !== null && !isDirect(key, value))
      losses.warn(`messages[].content[].${key}`, BECAUSE)
}

export const tellMessage = (message: JsonObject, losses: Losses): void => {
  for (const [key, value] of Object.entries(message))
    if (!MESSAGE.has(key) && value !== null) losses.warn(`messages[].${key}`, BECAUSE)
}

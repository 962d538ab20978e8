import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'
import { listOf, objectOf } from './read-json.ts'

/** Which members of parts, calls and tools are read; every other one is told by its name. */

const READ = {
  'messages[].content[]': [
    'type',
    'text',
    'refusal',
    'image_url',
    'file',
    'input_audio',
    'cache_control',
    'prompt_cache_breakpoint',
  ],
  'messages[].content[].image_url': ['url', 'detail'],
  'messages[].content[].file': ['filename', 'file_data', 'file_id'],
  'messages[].content[].input_audio': ['data', 'format'],
  'messages[].tool_calls[]': [
    'id',
    'type',
    'index',
    'function',
    'custom',
    // Where the seals of calls travel.
    'provider_specific_fields',
    'extra_content',
  ],
  'messages[].tool_calls[].function': ['name', 'arguments', 'provider_specific_fields'],
  'messages[].tool_calls[].custom': ['name', 'input'],
  'tools[]': ['type', 'function', 'custom', 'cache_control'],
  'tools[].function': ['name', 'description', 'parameters', 'strict', 'cache_control'],
  'tools[].custom': ['name', 'description', 'format', 'cache_control'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const known: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(READ).map(([place, members]) => [place, new Set(members)]),
)

/** The object, and the objects in it that have a place of their own. */
const tell = (value: Json | undefined, place: string, losses: Losses): void => {
  const members = known.get(place)
  if (members === undefined || !isObject(value)) return
  for (const [key, inner] of Object.entries(value)) {
    if (!members.has(key) && inner !== null) losses.warn(`${place}.${key}`, 'only chat has it')
    tell(inner, `${place}.${key}`, losses)
  }
}

export const tellMessageMembers = (message: JsonObject, losses: Losses): void => {
  for (const part of listOf(message.content) ?? []) tell(part, 'messages[].content[]', losses)
  for (const call of listOf(message.tool_calls) ?? []) tell(call, 'messages[].tool_calls[]', losses)
}

export const tellToolMembers = (body: JsonObject, losses: Losses): void => {
  for (const tool of listOf(body.tools) ?? []) tell(tool, 'tools[]', losses)
  for (const made of listOf(body.functions) ?? []) tell(objectOf(made), 'tools[].function', losses)
}

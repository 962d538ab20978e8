import { isObject, type Json } from '../wire/json.ts'
import type { Counter } from './counts.ts'
import { listOf } from './read-json.ts'

/** What surrounds each message, in tokens. */
const PER_MESSAGE = 4
/** A picture costs its pixels divided by 750, and is scaled down to about this. */
const PER_PICTURE = 1568
/** A page of a PDF is read as a picture and as text; how many there are only its bytes tell: about 50 KB each. */
const PER_PAGE = 2000
const PAGE_BASE64 = 68_000

/** Tokens of a document by its base64. */
export const documentTokens = (data: Json | undefined): number =>
  PER_PAGE * Math.max(1, Math.ceil((typeof data === 'string' ? data.length : 0) / PAGE_BASE64))

type Found = { readonly texts: string[]; other: number }

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

const gather = (value: Json | undefined, found: Found): void => {
  if (typeof value === 'string') return void found.texts.push(value)
  if (Array.isArray(value)) {
    for (const one of value as readonly Json[]) gather(one, found)
    return
  }
  if (!isObject(value)) return
  const source = isObject(value.source) ? value.source : undefined
  if (value.type === 'image' && source !== undefined) {
    found.other += PER_PICTURE
    return
  }
  if (value.type === 'document' && source?.type !== 'text' && source?.type !== 'content') {
    found.other += documentTokens(source?.data)
    return
  }
  if (value.type === 'redacted_thinking') return
  for (const [key, inner] of Object.entries(value)) if (!SILENT.has(key)) gather(inner, found)
}

/** System, messages and tools of a request. */
export const countMessages: Counter = (body, tokensOf) => {
  const found: Found = { texts: [], other: 0 }
  gather(body.system, found)
  for (const message of listOf(body.messages) ?? []) {
    found.other += PER_MESSAGE
    gather(isObject(message) ? message.content : undefined, found)
  }
  // Tools are told to the model as the JSON they are.
  for (const tool of listOf(body.tools) ?? []) found.texts.push(JSON.stringify(tool))
  return tokensOf(found.texts.join('\n')) + found.other
}

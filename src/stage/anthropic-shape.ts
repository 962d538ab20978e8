import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { refuse, StageRefusal } from './refusal.ts'

/** Steps of a strict reading of the Messages dialect: each one throws with the API's kind of message. */

export const refused = (message: string, status = 400, type = 'invalid_request_error'): StageRefusal =>
  refuse(status, message, { type })

/** A refusal whose `details` tell clients what to do. */
export const refusedWith = (
  details: JsonObject,
  message: string,
  status: number,
  type: string,
): StageRefusal => new StageRefusal(status, { type, message, code: null, details })

export const objectAt = (value: Json | undefined, path: string): JsonObject => {
  if (!isObject(value)) throw refused(`${path}: Input should be a valid dictionary`)
  return value
}

export const listAt = (value: Json | undefined, path: string): readonly Json[] => {
  if (!Array.isArray(value)) throw refused(`${path}: Input should be a valid list`)
  return value
}

const textAt = (value: Json | undefined, path: string): string => {
  if (typeof value !== 'string') throw refused(`${path}: Input should be a valid string`)
  return value
}

/** Refuses every member that is not in the published shape. */
export const onlyKeys = (value: JsonObject, allowed: readonly string[], path: string): void => {
  for (const key of Object.keys(value))
    if (!allowed.includes(key)) throw refused(`${path}.${key}: Extra inputs are not permitted`)
}

const CALL_ID = /^[a-zA-Z0-9_-]+$/

const idAt = (value: Json | undefined, path: string): void => {
  if (!CALL_ID.test(textAt(value, path)))
    throw refused(`${path}: String should match pattern '${CALL_ID.source}'`)
}

const MIMES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']

const SOURCES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  image: { base64: ['media_type', 'data'], url: ['url'], file: ['file_id'] },
  document: {
    base64: ['media_type', 'data'],
    text: ['media_type', 'data'],
    content: ['content'],
    url: ['url'],
    file: ['file_id'],
  },
}

const checkSource = (kind: 'image' | 'document', value: Json | undefined, path: string): void => {
  const source = objectAt(value, path)
  const members = SOURCES[kind]?.[String(source.type)]
  if (members === undefined)
    throw refused(`${path}: Input tag '${String(source.type)}' found using 'type' does not match`)
  onlyKeys(source, ['type', ...members], path)
  for (const member of members)
    if (member !== 'content') textAt(source[member], `${path}.${source.type}.${member}`)
  if (source.type !== 'base64') return
  const mime = String(source.media_type)
  const fits = kind === 'image' ? MIMES.includes(mime) : mime === 'application/pdf'
  if (!fits) throw refused(`${path}.base64.media_type: '${mime}' is not permitted`)
}

/** How blocks are read. */
export type Reading = {
  /** Was this signature given by this provider? */
  readonly reads: (signature: string) => boolean
  /** What is cached may say for whom. */
  readonly scopes: boolean
}

export const checkCache = ({ cache_control: control }: JsonObject, path: string, scopes: boolean): void => {
  if (control === undefined || control === null) return
  const mark = objectAt(control, `${path}.cache_control`)
  onlyKeys(mark, scopes ? ['type', 'ttl', 'scope'] : ['type', 'ttl'], `${path}.cache_control`)
  if (mark.type !== 'ephemeral') throw refused(`${path}.cache_control.type: Input should be 'ephemeral'`)
  if (mark.ttl !== undefined && mark.ttl !== '5m' && mark.ttl !== '1h')
    throw refused(`${path}.cache_control.ttl: Input should be '5m' or '1h'`)
}

const cached = (...members: readonly string[]): readonly string[] => ['type', 'cache_control', ...members]

/** Members by type, and who may write such a block. */
const BLOCKS: Readonly<Record<string, readonly [roles: string, members: readonly string[]]>> = {
  text: ['user assistant system', cached('text', 'citations')],
  image: ['user', cached('source', 'transformations')],
  document: ['user', cached('source', 'title', 'context', 'citations')],
  search_result: ['user', cached('source', 'title', 'content', 'citations')],
  tool_result: ['user', cached('tool_use_id', 'content', 'is_error', 'toolset_name')],
  tool_use: ['assistant', cached('id', 'name', 'input', 'caller', 'toolset_name')],
  thinking: ['assistant', ['type', 'thinking', 'signature']],
  redacted_thinking: ['assistant', ['type', 'data']],
}

const checkSaid = (block: JsonObject, path: string, reading: Reading): void => {
  switch (block.type) {
    case 'text':
      if (textAt(block.text, `${path}.text`) === '')
        throw refused('messages: text content blocks must be non-empty')
      if (String(block.text).trim() === '')
        throw refused('messages: text content blocks must contain non-whitespace text')
      return
    case 'image':
    case 'document':
      return checkSource(block.type, block.source, `${path}.${block.type}.source`)
    case 'tool_use':
      idAt(block.id, `${path}.tool_use.id`)
      textAt(block.name, `${path}.tool_use.name`)
      objectAt(block.input, `${path}.tool_use.input`)
      return
    case 'tool_result':
      idAt(block.tool_use_id, `${path}.tool_result.tool_use_id`)
      if (block.content === undefined || typeof block.content === 'string') return
      for (const [at, inner] of listAt(block.content, `${path}.tool_result.content`).entries())
        checkBlock(inner, `${path}.tool_result.content.${at}`, 'user', reading)
      return
    case 'thinking':
      textAt(block.thinking, `${path}.thinking.thinking`)
      if (!reading.reads(textAt(block.signature, `${path}.thinking.signature`)))
        throw refused(`${path}: Invalid \`signature\` in \`thinking\` block`)
      return
    case 'redacted_thinking':
      if (!reading.reads(textAt(block.data, `${path}.redacted_thinking.data`)))
        throw refused(`${path}: Invalid \`data\` in \`redacted_thinking\` block`)
  }
}

/** One content block, its members and what is in them. */
export const checkBlock = (value: Json, path: string, role: string, reading: Reading): void => {
  const block = objectAt(value, path)
  const [roles, members] = BLOCKS[String(block.type)] ?? []
  if (roles === undefined || members === undefined)
    throw refused(
      `${path}: Input tag '${String(block.type)}' found using 'type' does not match any of the expected tags`,
    )
  if (!roles.split(' ').includes(role))
    throw refused(`${path}: \`${String(block.type)}\` blocks are not permitted in ${role} messages`)
  onlyKeys(block, members, `${path}.${String(block.type)}`)
  checkCache(block, path, reading.scopes)
  checkSaid(block, path, reading)
}

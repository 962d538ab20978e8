import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { StageRefusal } from './refusal.ts'

/** What a published chat completion of Mistral's API may hold, and the two ways in which it says no. */

export const CHAT: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'temperature', 'top_p', 'max_tokens', 'stream', 'stop', 'random_seed', 'metadata'],
  ...['response_format', 'tools', 'tool_choice', 'presence_penalty', 'frequency_penalty', 'n', 'prediction'],
  ...[
    'parallel_tool_calls',
    'reasoning_effort',
    'prompt_mode',
    'guardrails',
    'prompt_cache_key',
    'safe_prompt',
  ],
])
export const EMBEDDINGS: ReadonlySet<string> = new Set([
  ...['model', 'input', 'metadata', 'output_dimension', 'output_dtype', 'encoding_format'],
])

/** Members of a message, by who speaks. Nobody else does. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  system: ['role', 'content'],
  user: ['role', 'content'],
  assistant: ['role', 'content', 'tool_calls', 'prefix'],
  tool: ['role', 'content', 'tool_call_id', 'name'],
}
const CALL = ['id', 'type', 'function', 'index']

/** Members of a part of content, by its type. */
const CHUNKS: Readonly<Record<string, readonly string[]>> = {
  text: ['type', 'text'],
  image_url: ['type', 'image_url'],
  document_url: ['type', 'document_url', 'document_name'],
  reference: ['type', 'reference_ids'],
  file: ['type', 'file_id'],
  thinking: ['type', 'thinking', 'closed', 'signature'],
  input_audio: ['type', 'input_audio'],
}

const CHOICES = ['auto', 'none', 'any', 'required']
const EFFORTS = ['none', 'high']
const CALL_ID = /^[a-zA-Z0-9]{9}$/

type Fault = {
  readonly type: string
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly input: Json
}

const envelope = (status: number, message: Json, type: string, code: string | null): StageRefusal =>
  new StageRefusal(status, { object: 'error', message, type, param: null, code, raw_status_code: status })

export const mistralError = (status: number, message: string, code: string | null = null): StageRefusal =>
  envelope(status, message, status === 401 ? 'unauthorized' : 'invalid_request_error', code)

const extra = (loc: Fault['loc'], input: Json): Fault => ({
  type: 'extra_forbidden',
  loc,
  msg: 'Extra inputs are not permitted',
  input,
})

const extrasOf = (value: JsonObject, known: readonly string[], loc: Fault['loc']): readonly Fault[] =>
  Object.entries(value).flatMap(([key, input]) => (known.includes(key) ? [] : [extra([...loc, key], input)]))

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])

const faultsOfChunk = (chunk: Json, loc: Fault['loc']): readonly Fault[] => {
  const type = isObject(chunk) ? String(chunk.type) : ''
  const known = Object.hasOwn(CHUNKS, type) ? CHUNKS[type] : undefined
  if (!isObject(chunk) || known === undefined)
    return [
      {
        type: 'union_tag_invalid',
        loc,
        msg: `Input tag '${type}' found using 'type' does not match any of the expected tags: ${Object.keys(
          CHUNKS,
        )
          .map(tag => `'${tag}'`)
          .join(', ')}`,
        input: chunk,
      },
    ]
  const sound = chunk.input_audio
  return [
    ...extrasOf(chunk, known, [...loc, type]),
    ...(isObject(sound)
      ? [
          {
            type: 'string_type',
            loc: [...loc, type, 'input_audio'],
            msg: 'Input should be a valid string',
            input: sound,
          },
        ]
      : []),
  ]
}

const faultsOfMessage = (message: Json, at: number): readonly Fault[] => {
  const loc = ['body', 'messages', at]
  const role = isObject(message) ? String(message.role) : ''
  const known = Object.hasOwn(MESSAGES, role) ? MESSAGES[role] : undefined
  if (!isObject(message) || known === undefined)
    return [
      {
        type: 'union_tag_invalid',
        loc,
        msg: `Input tag '${role}' found using 'role' does not match any of the expected tags: 'system', 'user', 'assistant', 'tool'`,
        input: message,
      },
    ]
  const calls = listOf(message.tool_calls)
  return [
    ...extrasOf(message, known, [...loc, role]),
    ...listOf(message.content).flatMap((chunk, index) =>
      faultsOfChunk(chunk, [...loc, role, 'content', index]),
    ),
    ...calls.flatMap((call, index) =>
      isObject(call) ? extrasOf(call, CALL, [...loc, role, 'tool_calls', index]) : [],
    ),
  ]
}

const outside = (body: JsonObject, key: string, words: readonly string[]): readonly Fault[] => {
  const value = body[key]
  if (typeof value !== 'string' || words.includes(value)) return []
  const msg = `Input should be ${words.map(word => `'${word}'`).join(', ')}`
  return [{ type: 'enum', loc: ['body', key], msg, input: value }]
}

const refuseAll = (detail: readonly Fault[]): void => {
  if (detail.length > 0) throw envelope(422, { detail }, 'invalid_request_error', null)
}

const checkIds = (message: Json): void => {
  if (!isObject(message)) return
  const ids = [...listOf(message.tool_calls).map(call => isObject(call) && call.id), message.tool_call_id]
  for (const id of ids)
    if (typeof id === 'string' && !CALL_ID.test(id))
      throw envelope(
        400,
        `Tool call id was ${id} but must be a-z, A-Z, 0-9, with a length of 9.`,
        'invalid_function_call',
        '3280',
      )
}

/** Throws every member that nobody has published at once, as the API does; ids are looked at when all else is right. */
export const checkChat = (body: JsonObject, accepts: readonly string[]): void => {
  const messages = listOf(body.messages)
  refuseAll([
    ...extrasOf(body, [...CHAT, ...accepts], ['body']),
    ...outside(body, 'tool_choice', CHOICES),
    ...outside(body, 'reasoning_effort', EFFORTS),
    ...messages.flatMap(faultsOfMessage),
  ])
  for (const message of messages) checkIds(message)
}

export const checkEmbeddings = (body: JsonObject, accepts: readonly string[]): void =>
  refuseAll(extrasOf(body, [...EMBEDDINGS, ...accepts], ['body']))

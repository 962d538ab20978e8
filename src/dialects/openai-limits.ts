import { createHash } from 'node:crypto'
import type { Json, JsonObject } from '../wire/json.ts'
import { fitsStrict } from './bound-schema.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Part, Turn } from './neutral.ts'

/** What OpenAI's two APIs for text refuse alike, and other dialects do not know of. */

const MIMES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
}

/** The type of a file by its name. */
export const mimeOf = (name: Json | undefined): string =>
  MIMES[typeof name === 'string' ? (name.split('.').at(-1)?.toLowerCase() ?? '') : ''] ??
  'application/octet-stream'

const ENDING = /\.[A-Za-z0-9]{1,5}$/

/** The bytes of a file want a name beside them, and its ending decides how they are read. */
export const fileName = (name: string | undefined, mime: string): string => {
  if (name !== undefined && ENDING.test(name)) return name
  const subtype = /^[a-z]+\/([a-z0-9]{1,5})$/.exec(mime)?.[1]
  const ending = Object.keys(MIMES).find(end => MIMES[end] === mime) ?? subtype ?? 'bin'
  return `${name ?? 'file'}.${ending}`
}

/** Characters of `user`: "string too long. Expected a string with maximum length 64". */
const LONGEST_USER = 64

/** A longer name is told by its hash, which is the same in every call. */
export const shortUser = (user: string | undefined, losses: Losses): string | undefined => {
  if (user === undefined || user.length <= LONGEST_USER) return user
  losses.warn('user', `longer than ${LONGEST_USER} characters: its hash is sent`)
  return createHash('sha256').update(user).digest('hex')
}

/** `strict` as it was asked for; off, where it would have the schema refused. */
export const strictness = (
  strict: boolean | undefined,
  schema: Json,
  name: string,
  losses: Losses,
): JsonObject => {
  if (strict !== true || fitsStrict(schema)) return strict === undefined ? {} : { strict }
  losses.warn(name, 'OpenAI binds a model only to closed objects whose every property is required')
  return { strict: false }
}

const JSON_ONLY: Turn = {
  role: 'system',
  parts: [{ kind: 'text', text: 'Answer with one JSON object and nothing else.' }],
}

const says = (part: Part): boolean =>
  part.kind === 'result' ? part.content.some(says) : 'text' in part && /json/i.test(part.text)

/** The turns; with the word in them where an answer as JSON is asked for: without it the mode is refused. */
export const withJsonSaid = ({ turns, format }: NeutralRequest, losses: Losses): readonly Turn[] => {
  if (format?.kind !== 'json' || turns.some(({ parts }) => parts.some(says))) return turns
  losses.warn('response_format', 'JSON is asked for in words as well: no message names it')
  return [JSON_ONLY, ...turns]
}

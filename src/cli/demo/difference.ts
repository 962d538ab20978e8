import { parseForm } from '../../stage/form.ts'
import { isObject, type Json } from '../../wire/json.ts'

type Fields = ReadonlyMap<string, string>

const short = (text: string): string => (text.length <= 24 ? text : `${text.slice(0, 21)}…`)

const jsonFields = (bytes: Uint8Array): Fields => {
  const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Json
  return new Map(
    isObject(value) ? Object.entries(value).map(([key, item]) => [key, JSON.stringify(item)]) : [],
  )
}

const formFields = (bytes: Uint8Array, contentType: string): Fields => {
  const fields = parseForm(bytes, contentType)
  if (typeof fields === 'string') throw new Error(fields)
  return new Map(fields.map(field => [field.name, Buffer.from(field.bytes).toString('latin1')]))
}

const fieldsOf = (bytes: Uint8Array, contentType: string): Fields =>
  contentType.startsWith('multipart/') ? formFields(bytes, contentType) : jsonFields(bytes)

export type SentBody = { readonly bytes: Uint8Array; readonly contentType: string }

/** How an upstream body differs from the client's, field by field: '' when the bytes are the same. */
export const difference = (client: SentBody, upstream: SentBody): string => {
  if (Buffer.compare(client.bytes, upstream.bytes) === 0) return ''
  const before = fieldsOf(client.bytes, client.contentType)
  const after = fieldsOf(upstream.bytes, upstream.contentType)
  const changes: string[] = []
  for (const [key, value] of before) {
    const now = after.get(key)
    if (now === undefined) changes.push(`−${key}`)
    else if (now !== value) changes.push(`${key}: ${short(value)} → ${short(now)}`)
  }
  for (const key of after.keys()) if (!before.has(key)) changes.push(`+${key}`)
  return changes.join(', ')
}

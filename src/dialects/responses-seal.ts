import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Dialect, Sealed } from './neutral.ts'
import { parseJson } from './read-json.ts'

/**
 * How opaque pieces of other dialects travel through Responses clients: as `encrypted_content` of a reasoning item,
 * which clients send back unread. OpenAI's own ciphertext never begins like this.
 */
export const FOREIGN_SEAL = 'understudy.r1.'

/** Ids of items that were made here: nobody has them stored, so they go to nobody as references. */
export const FOREIGN_REASONING = 'rs_understudy_'
/** What stands behind the kind in all of them. */
export const FOREIGN_ITEM = 'understudy_'

/** What one reasoning item holds for its issuer. */
export type Parcel = Sealed & {
  /** The call that it belongs to, by the call_id that the client knows; undefined: the thought beside it. */
  readonly call?: string
}

const ISSUERS: readonly string[] = [
  'chat',
  'responses',
  'messages',
  'gemini',
  'converse',
] satisfies readonly Dialect[]

const isDialect = (value: Json | undefined): value is Dialect =>
  typeof value === 'string' && ISSUERS.includes(value)

export const sealText = ({ issuer, payload, redacted, call }: Parcel): string => {
  const members = {
    issuer,
    payload,
    ...(redacted === undefined ? {} : { redacted }),
    ...(call === undefined ? {} : { call }),
  }
  return FOREIGN_SEAL + Buffer.from(JSON.stringify(members)).toString('base64url')
}

/** Undefined when the text is no seal of ours, or is damaged. A payload of '' holds nothing but its mark. */
export const openSeal = (text: string): Parcel | undefined => {
  if (!text.startsWith(FOREIGN_SEAL)) return undefined
  const value = parseJson(Buffer.from(text.slice(FOREIGN_SEAL.length), 'base64url').toString('utf8'))
  if (!isObject(value) || !isDialect(value.issuer) || typeof value.payload !== 'string') return undefined
  return {
    issuer: value.issuer,
    payload: value.payload,
    ...(value.redacted === true ? { redacted: true } : {}),
    ...(typeof value.call === 'string' ? { call: value.call } : {}),
  }
}

/** Native ciphertext with the id of its item, which wants to come back with it. */
export const nativeSeal = (id: Json | undefined, encrypted: string): Sealed => ({
  issuer: 'responses',
  payload:
    typeof id === 'string' && id.startsWith('rs_') && !id.startsWith(FOREIGN_REASONING)
      ? `${id}:${encrypted}`
      : encrypted,
})

export const nativeParts = ({
  payload,
}: Sealed): { readonly id: string | undefined; readonly encrypted: string } => {
  const cut = payload.startsWith('rs_') ? payload.indexOf(':') : -1
  return cut === -1
    ? { id: undefined, encrypted: payload }
    : { id: payload.slice(0, cut), encrypted: payload.slice(cut + 1) }
}

/** A reasoning item that an answer of another dialect became: no provider of this one can read or find it. */
export const isForeignReasoning = (item: Json): boolean => {
  if (!isObject(item) || item.type !== 'reasoning') return false
  const { id, encrypted_content: encrypted }: JsonObject = item
  return (
    (typeof encrypted === 'string' && encrypted.startsWith(FOREIGN_SEAL)) ||
    (typeof id === 'string' && id.startsWith(FOREIGN_REASONING))
  )
}

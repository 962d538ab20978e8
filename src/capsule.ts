import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto'
import { isObject, type Json } from './wire/json.ts'

/** What a capsule holds: the words that stand for a conversation, readable for every model. */
export type Capsule = {
  readonly summary: string
  /** Seconds since the epoch. */
  readonly created: number
  /** Upstream model that wrote the summary. */
  readonly model: string
  /** SHA-256 hex of the history that it stands for. */
  readonly transcript: string
}

/** unknown: sealed with a key that is not known here. broken: changed, cut, or another tenant's. */
export type OpenedCapsule =
  | { readonly kind: 'opened'; readonly capsule: Capsule }
  | { readonly kind: 'unknown' | 'broken' }

/** How every capsule begins; what begins otherwise was not made here. */
export const CAPSULE_PREFIX = 'gwc1.'
/** The published limit of `encrypted_content`, in characters. */
export const MOST_CAPSULE_CHARS = 20_971_520

const KEY_ID = 4
const NONCE = 12
const TAG = 16
const OVERHEAD = KEY_ID + NONCE + TAG

type Key = { readonly id: Buffer; readonly encrypt: Buffer; readonly nonce: Buffer }

const derived = (material: string, use: string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', material, 'understudy', `capsule/${use}`, length))

const keyOf = (material: string): Key => ({
  id: derived(material, 'key-id', KEY_ID),
  encrypt: derived(material, 'encrypt', 32),
  nonce: derived(material, 'nonce', 32),
})

/** Authenticated, not stored: a capsule opens for the tenant it was sealed for and for nobody else. */
const boundTo = (tenant: string, keyId: Buffer): Buffer =>
  Buffer.concat([Buffer.from(CAPSULE_PREFIX), keyId, hash('sha256', `tenant:${tenant}`, 'buffer')])

const readPlain = (text: string): Capsule | undefined => {
  const value = JSON.parse(text) as Json
  if (!isObject(value)) return undefined
  const { summary, created, model, transcript } = value
  return typeof summary === 'string' &&
    typeof created === 'number' &&
    typeof model === 'string' &&
    typeof transcript === 'string'
    ? { summary, created, model, transcript }
    : undefined
}

/**
 * Summaries that travel with the client and that only the gateway can read:
 * `gwc1.` + base64url(key id ‖ nonce ‖ AES-256-GCM(capsule) ‖ tag), bound to the tenant as additional data.
 * The nonce is derived from tenant and content (HMAC), so one capsule is one text in every event of a stream, and no
 * nonce is ever used for two contents. New ones are made with the first key; every key opens what it made.
 */
export class Capsules {
  readonly #keys: readonly Key[]
  readonly #first: Key

  /** `material` is the salt key, else the master key; `previous` what that was before. */
  constructor(material: string, previous: readonly string[] = []) {
    this.#first = keyOf(material)
    this.#keys = [this.#first, ...previous.map(keyOf)]
  }

  /** Throws RangeError for a capsule over the published limit. */
  seal(capsule: Capsule, tenant: string): string {
    const { id, encrypt, nonce: nonceKey } = this.#first
    const plain = Buffer.from(JSON.stringify(capsule))
    const bound = boundTo(tenant, id)
    const nonce = createHmac('sha256', nonceKey).update(bound).update(plain).digest().subarray(0, NONCE)
    const cipher = createCipheriv('aes-256-gcm', encrypt, nonce).setAAD(bound)
    const sealed = Buffer.concat([id, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    const text = CAPSULE_PREFIX + sealed.toString('base64url')
    if (text.length > MOST_CAPSULE_CHARS)
      throw new RangeError(`A capsule of ${text.length} characters is over the limit.`)
    return text
  }

  /** Never throws, whatever the client sent. */
  open(text: string, tenant: string): OpenedCapsule {
    const letters = text.slice(CAPSULE_PREFIX.length)
    if (!text.startsWith(CAPSULE_PREFIX) || text.length > MOST_CAPSULE_CHARS) return { kind: 'broken' }
    if (!/^[A-Za-z0-9_-]*$/.test(letters)) return { kind: 'broken' }
    const bytes = Buffer.from(letters, 'base64url')
    if (bytes.length < OVERHEAD) return { kind: 'broken' }
    const keys = this.#keys.filter(key => bytes.subarray(0, KEY_ID).equals(key.id))
    if (keys.length === 0) return { kind: 'unknown' }
    for (const key of keys) {
      const capsule = decipher(bytes, key, tenant)
      if (capsule !== undefined) return { kind: 'opened', capsule }
    }
    return { kind: 'broken' }
  }
}

const decipher = (bytes: Buffer, { id, encrypt }: Key, tenant: string): Capsule | undefined => {
  try {
    const nonce = bytes.subarray(KEY_ID, KEY_ID + NONCE)
    const opener = createDecipheriv('aes-256-gcm', encrypt, nonce, { authTagLength: TAG })
    opener.setAAD(boundTo(tenant, id)).setAuthTag(bytes.subarray(-TAG))
    const plain = [opener.update(bytes.subarray(KEY_ID + NONCE, -TAG)), opener.final()]
    return readPlain(Buffer.concat(plain).toString('utf8'))
  } catch {
    return undefined
  }
}

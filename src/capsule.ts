import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto'
import { isObject, type Json, type JsonObject } from './wire/json.ts'

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

/** What the gateway keeps of a conversation whose compaction only its provider can read. */
export type Shadow = {
  /** The conversation in words. */
  readonly text: string
  /** Who can read the provider's own item. */
  readonly boundary: string
}

/** One response: what was asked, what was answered, and what it went on from. */
export type Transcript = {
  /** The provider's own id of the response: nothing that is kept stands in for something else. */
  readonly id: string
  /** The client's `input` and the provider's `output`, as they were written. */
  readonly input: string
  readonly output: string
  /** The provider's own id of the response before it; '': it is the first. */
  readonly previous: string
  /** Who made it: Deployment.id and its boundary. */
  readonly deployment: string
  readonly boundary: string
}

/** An item of an answer. */
export type ItemCopy = {
  /** As its maker, or this gateway, has named it. */
  readonly id: string
  /** JSON; of reasoning, which nobody else can use, only what it is. */
  readonly item: string
  /** Deployment.boundary of its maker. */
  readonly boundary: string
}

/** Who made something that binds a call. */
export type Maker = {
  /** Deployment.id and its boundary; '': nobody saw it being made. */
  readonly deployment: string
  readonly boundary: string
  /** Boundaries that have said that they cannot read it. */
  readonly refusedBy: readonly string[]
}

/** unknown: sealed with a key that is not known here. broken: changed, cut, or another tenant's. */
export type Opened<Content> =
  | { readonly kind: 'opened'; readonly content: Content }
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

const keyFor =
  (purpose: string) =>
  (material: string): Key => {
    const derived = (use: string, length: number): Buffer =>
      Buffer.from(hkdfSync('sha256', material, 'understudy', `${purpose}/${use}`, length))
    return { id: derived('key-id', KEY_ID), encrypt: derived('encrypt', 32), nonce: derived('nonce', 32) }
  }

/** Authenticated, not stored: a capsule opens for the tenant it was sealed for and for nobody else. */
const boundTo = (tenant: string, keyId: Buffer): Buffer =>
  Buffer.concat([Buffer.from(CAPSULE_PREFIX), keyId, hash('sha256', `tenant:${tenant}`, 'buffer')])

type Purpose<Content> = {
  /** Keys of one purpose open nothing of another. */
  readonly name: string
  /** undefined: it is no such content. */
  readonly read: (value: JsonObject) => Content | undefined
}

/**
 * Texts that only the gateway can read: `gwc1.` + base64url(key id ‖ nonce ‖ AES-256-GCM(content) ‖ tag), bound to the
 * tenant as additional data. The nonce is derived from tenant and content (HMAC), so one content is one text in every
 * event of a stream, and no nonce is ever used for two contents. New ones are made with the first key; every key opens
 * what it made.
 */
export class Vault<Content extends JsonObject> {
  readonly #purpose: Purpose<Content>
  readonly #keys: readonly Key[]
  readonly #first: Key

  /** `material` is the salt key, else the master key; `previous` what that was before. */
  constructor(purpose: Purpose<Content>, material: string, previous: readonly string[]) {
    const keyOf = keyFor(purpose.name)
    this.#purpose = purpose
    this.#first = keyOf(material)
    this.#keys = [this.#first, ...previous.map(keyOf)]
  }

  /** Throws RangeError for a text over the published limit. */
  seal(content: Content, tenant: string): string {
    const { id, encrypt, nonce: nonceKey } = this.#first
    const plain = Buffer.from(JSON.stringify(content))
    const bound = boundTo(tenant, id)
    const nonce = createHmac('sha256', nonceKey).update(bound).update(plain).digest().subarray(0, NONCE)
    const cipher = createCipheriv('aes-256-gcm', encrypt, nonce).setAAD(bound)
    const sealed = Buffer.concat([id, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    const text = CAPSULE_PREFIX + sealed.toString('base64url')
    if (text.length > MOST_CAPSULE_CHARS)
      throw new RangeError(`A sealed text of ${text.length} characters is over the limit.`)
    return text
  }

  /** Never throws, whatever the client sent. */
  open(text: string, tenant: string): Opened<Content> {
    const letters = text.slice(CAPSULE_PREFIX.length)
    if (!text.startsWith(CAPSULE_PREFIX) || text.length > MOST_CAPSULE_CHARS) return { kind: 'broken' }
    if (!/^[A-Za-z0-9_-]*$/.test(letters)) return { kind: 'broken' }
    const bytes = Buffer.from(letters, 'base64url')
    // What decodes to the same bytes and is written otherwise was changed on its way.
    if (bytes.length < OVERHEAD || bytes.toString('base64url') !== letters) return { kind: 'broken' }
    const keys = this.#keys.filter(key => bytes.subarray(0, KEY_ID).equals(key.id))
    if (keys.length === 0) return { kind: 'unknown' }
    for (const key of keys) {
      const value = decipher(bytes, key, tenant)
      const content = value === undefined ? undefined : this.#purpose.read(value)
      if (content !== undefined) return { kind: 'opened', content }
    }
    return { kind: 'broken' }
  }
}

const readCapsule = ({ summary, created, model, transcript }: JsonObject): Capsule | undefined =>
  typeof summary === 'string' &&
  typeof created === 'number' &&
  typeof model === 'string' &&
  typeof transcript === 'string'
    ? { summary, created, model, transcript }
    : undefined

const readShadow = ({ text, boundary }: JsonObject): Shadow | undefined =>
  typeof text === 'string' && typeof boundary === 'string' ? { text, boundary } : undefined

const readTranscript = (value: JsonObject): Transcript | undefined => {
  const { id, input, output, previous, deployment, boundary } = value
  return typeof id === 'string' &&
    typeof input === 'string' &&
    typeof output === 'string' &&
    typeof previous === 'string' &&
    typeof deployment === 'string' &&
    typeof boundary === 'string'
    ? { id, input, output, previous, deployment, boundary }
    : undefined
}

const readItemCopy = ({ id, item, boundary }: JsonObject): ItemCopy | undefined =>
  typeof id === 'string' && typeof item === 'string' && typeof boundary === 'string'
    ? { id, item, boundary }
    : undefined

const readMaker = ({ deployment, boundary, refusedBy }: JsonObject): Maker | undefined =>
  typeof deployment === 'string' && typeof boundary === 'string' && Array.isArray(refusedBy)
    ? { deployment, boundary, refusedBy: refusedBy.filter(one => typeof one === 'string') }
    : undefined

/** Summaries that travel with their client. */
export class Capsules extends Vault<Capsule> {
  constructor(material: string, previous: readonly string[] = []) {
    super({ name: 'capsule', read: readCapsule }, material, previous)
  }
}

/** What is kept here of conversations. */
export class Shadows extends Vault<Shadow> {
  constructor(material: string, previous: readonly string[] = []) {
    super({ name: 'shadow', read: readShadow }, material, previous)
  }
}

/** Responses that are kept here. */
export class Transcripts extends Vault<Transcript> {
  constructor(material: string, previous: readonly string[] = []) {
    super({ name: 'transcript', read: readTranscript }, material, previous)
  }
}

/** Items of answers that are kept here. */
export class ItemCopies extends Vault<ItemCopy> {
  constructor(material: string, previous: readonly string[] = []) {
    super({ name: 'item-copy', read: readItemCopy }, material, previous)
  }
}

/** Who made what. In the place of a tenant stands what it is about: no entry says something of another thing. */
export class Makers extends Vault<Maker> {
  constructor(material: string, previous: readonly string[] = []) {
    super({ name: 'maker', read: readMaker }, material, previous)
  }
}

const decipher = (bytes: Buffer, { id, encrypt }: Key, tenant: string): JsonObject | undefined => {
  try {
    const nonce = bytes.subarray(KEY_ID, KEY_ID + NONCE)
    const opener = createDecipheriv('aes-256-gcm', encrypt, nonce, { authTagLength: TAG })
    opener.setAAD(boundTo(tenant, id)).setAuthTag(bytes.subarray(-TAG))
    const plain = [opener.update(bytes.subarray(KEY_ID + NONCE, -TAG)), opener.final()]
    const value = JSON.parse(Buffer.concat(plain).toString('utf8')) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

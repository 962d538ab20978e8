import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import { Capsules, ItemCopies, Makers, Shadows, Transcripts } from './capsule.ts'
import type { Config, Deployment } from './config/config.ts'

/** What a sealed id carries. */
export type Bound = {
  readonly deployment: Deployment
  readonly upstreamId: string
  /** True when the caller is the one it was made for. */
  readonly mine: boolean
}

export type Unsealed =
  | { readonly kind: 'bound'; readonly bound: Bound }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'gone' }

const VERSION = 1
const TAG = 8
/** What stands before the first underscore tells clients the kind of an object, and is kept. */
const PREFIX = /^[A-Za-z]{1,16}_/
/** Characters of a sealed id; a provider's own may be half as long. */
const LONGEST = 4096
const derived = (material: string, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', material, 'understudy', `response-id/${use}`, 32))

const encryptionKey = (material: string): Buffer => derived(material, 'encrypt')

const decipher = (bytes: Buffer, key: Buffer): Buffer | undefined => {
  try {
    const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 13))
    opener.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([opener.update(bytes.subarray(13, -16)), opener.final()])
  } catch {
    return undefined
  }
}

const tagOf = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, TAG)

/**
 * Ids that only their owner may use and that say where their object lives, without a database.
 * `resp_abc` becomes `resp_` + base64url(version ‖ nonce ‖ AES-256-GCM(deployment, boundary, owner, id)).
 * The nonce is derived from the content (HMAC), so the same object always has the same id: in every event of a
 * stream, after a restart, and on every instance that shares the key.
 */
export class Seal {
  /** Summaries that travel with their client, sealed with the same material. */
  readonly capsules: Capsules
  /** Conversations that are kept here, sealed with it, too. */
  readonly shadows: Shadows
  readonly transcripts: Transcripts
  readonly itemCopies: ItemCopies
  readonly makers: Makers
  readonly #key: Buffer
  readonly #nonceKey: Buffer
  /** What ids may have been sealed with, the key in force first. */
  readonly #keys: readonly Buffer[]
  readonly #tags = new WeakMap<Config, Map<string, Deployment>>()

  /**
   * `material` is the salt key, else the master key: any string both instances share. `previous` is what it was before
   * a rotation: nothing is sealed with it any more, and what was can still be opened.
   */
  constructor(material: string, previous: readonly string[] = []) {
    this.#key = encryptionKey(material)
    this.#nonceKey = derived(material, 'nonce')
    this.#keys = [this.#key, ...previous.map(encryptionKey)]
    this.capsules = new Capsules(material, previous)
    this.shadows = new Shadows(material, previous)
    this.transcripts = new Transcripts(material, previous)
    this.itemCopies = new ItemCopies(material, previous)
    this.makers = new Makers(material, previous)
  }

  seal(upstreamId: string, deployment: Deployment, owner: string): string {
    const prefix = PREFIX.exec(upstreamId)?.[0] ?? ''
    const plain = Buffer.concat([
      tagOf(deployment.id),
      tagOf(deployment.boundary),
      tagOf(`owner:${owner}`),
      Buffer.from(upstreamId),
    ])
    const nonce = createHmac('sha256', this.#nonceKey).update(plain).digest().subarray(0, 12)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
    return (
      prefix + Buffer.concat([Buffer.of(VERSION), nonce, sealed, cipher.getAuthTag()]).toString('base64url')
    )
  }

  /** foreign: not made by this gateway. gone: ours, but no deployment of its trust boundary is configured now. */
  open(id: string, owner: string, config: Config): Unsealed {
    const plain = this.#decrypt(id)
    if (plain === undefined) return { kind: 'foreign' }
    const known = this.#tagsOf(config)
    const deployment =
      known.get(plain.subarray(0, TAG).toString('hex')) ??
      known.get(plain.subarray(TAG, 2 * TAG).toString('hex'))
    if (deployment === undefined) return { kind: 'gone' }
    const upstreamId = plain.subarray(3 * TAG).toString('utf8')
    const mine = plain.subarray(2 * TAG, 3 * TAG).equals(tagOf(`owner:${owner}`))
    return { kind: 'bound', bound: { deployment, upstreamId, mine } }
  }

  /** An id without a prefix may hold the sign that ends one: whichever reading is authentic is the right one. */
  #decrypt(id: string): Buffer | undefined {
    if (id.length > LONGEST) return undefined
    const prefix = PREFIX.exec(id)?.[0] ?? ''
    return this.#decipher(id.slice(prefix.length)) ?? (prefix === '' ? undefined : this.#decipher(id))
  }

  #decipher(text: string): Buffer | undefined {
    if (text.length < 70 || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
    const bytes = Buffer.from(text, 'base64url')
    if (bytes[0] !== VERSION || bytes.length < 13 + 3 * TAG + 16) return undefined
    for (const key of this.#keys) {
      const plain = decipher(bytes, key)
      if (plain !== undefined) return plain
    }
    return undefined
  }

  #tagsOf(config: Config): Map<string, Deployment> {
    const cached = this.#tags.get(config)
    if (cached !== undefined) return cached
    const tags = new Map<string, Deployment>()
    // Boundaries first, so that a deployment's own tag wins where both name the same key.
    for (const deployment of [...config.deployments].reverse())
      tags.set(tagOf(deployment.boundary).toString('hex'), deployment)
    for (const deployment of config.deployments) tags.set(tagOf(deployment.id).toString('hex'), deployment)
    this.#tags.set(config, tags)
    return tags
  }
}

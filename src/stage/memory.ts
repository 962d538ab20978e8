import { createHash, createHmac } from 'node:crypto'
import type { JsonObject } from '../wire/json.ts'
import type { Event } from './answer.ts'

export type StoredResponse = {
  readonly response: JsonObject
  readonly inputItems: readonly JsonObject[]
  readonly events: readonly Event[]
  /** How many more GETs find a background response unfinished. */
  readonly looksLeft?: number
}

export type StoredFile = { readonly object: JsonObject; readonly bytes: Uint8Array }

export type StoredVectorStore = {
  readonly object: JsonObject
  readonly files: Map<string, JsonObject>
  readonly batches: Map<string, { readonly object: JsonObject; readonly files: readonly string[] }>
}

/** Everything a stage remembers. It knows the ids it issued and nothing else: a foreign id is answered as such. */
export type Memory = {
  readonly responses: Map<string, StoredResponse>
  readonly conversations: Map<string, { object: JsonObject; items: JsonObject[] }>
  readonly files: Map<string, StoredFile>
  readonly batches: Map<string, JsonObject>
  readonly vectorStores: Map<string, StoredVectorStore>
  readonly jobs: Map<string, JsonObject>
  /** Ids of what its owner made elsewhere: prompts, containers. A rehearsal puts them in. */
  readonly others: Set<string>
}

export const emptyMemory = (): Memory => ({
  responses: new Map(),
  conversations: new Map(),
  files: new Map(),
  batches: new Map(),
  vectorStores: new Map(),
  jobs: new Map(),
  others: new Set(),
})

/** Ids that no other stage issues: the issuer (name and port) is hashed into each. */
export const idMaker = (issuer: string): ((prefix: string) => string) => {
  let count = 0
  return prefix => {
    count += 1
    return `${prefix}${createHash('sha256').update(`${issuer}#${count}`).digest('hex').slice(0, 32)}`
  }
}

/** Ciphertext that only its own organisation can read: what `encrypted_content` is to a client. */
export type Vault = {
  readonly seal: (plain: string) => string
  /** undefined: sealed by another organisation, or never sealed at all. */
  readonly open: (sealed: string) => string | undefined
}

export const vaultOf = (organisation: string): Vault => {
  const tag = (plain: string) => createHmac('sha256', organisation).update(plain).digest('base64url')
  return {
    seal: plain => `gAAAAAB${Buffer.from(plain).toString('base64url')}.${tag(plain)}`,
    open: sealed => {
      const [body = '', given = ''] = sealed.slice('gAAAAAB'.length).split('.')
      const plain = Buffer.from(body, 'base64url').toString()
      return sealed.startsWith('gAAAAAB') && tag(plain) === given ? plain : undefined
    },
  }
}

import { randomUUID } from 'node:crypto'
import { bytesOf, objectIn } from '../dialects/bridge.ts'
import { cohereUpstream } from '../dialects/cohere.ts'
import { readEmbed, writeEmbed } from '../dialects/cohere-embed.ts'
import { collectLosses } from '../dialects/losses.ts'
import { listsObjects } from '../dialects/read-json.ts'
import { type Base, joinQuery, parseBase, printBase } from './address.ts'
import { bridge, bridgedReading, requestOf, settledLosses } from './bridged.ts'
import { findKey, firstOf } from './credential.ts'
import type { Ask, Connection, Draft, HeaderPair, Provider, ProviderParams, Reading } from './provider.ts'
import { draftHeaders, encodeBody, hasKey, unlessGiven } from './same-dialect.ts'

/**
 * Cohere's own API: chat and embeddings of version 2 by translation, rerank in the client's own bytes, because the
 * gateway's rerank endpoints are Cohere's. LiteLLM's two prefixes mean the same API here.
 */

const NAME = 'cohere'
const DEFAULT_BASE = 'https://api.cohere.com'

/** The base as written may name the version, or one endpoint, as LiteLLM's api_base does. */
const rootOf = (base: Base): string => base.path.replace(/(?:\/v[12])?(?:\/(?:chat|embed|rerank))?$/, '')

type Made = Pick<Draft, 'body' | 'edits' | 'warnings'> & { readonly path: string }

const chat = (ask: Ask): Made => {
  const target = { model: ask.model, allowedParams: ask.allowedParams }
  const { body, warnings } = bridge(ask, cohereUpstream, target, NAME)
  return { path: '/v2/chat', body: [body], edits: ask.edits, warnings }
}

const embed = (ask: Ask): Made => {
  const losses = collectLosses()
  const body = writeEmbed(requestOf(ask, NAME), ask, losses)
  return {
    path: '/v2/embed',
    body: [bytesOf(body)],
    edits: ask.edits,
    warnings: settledLosses(ask, losses, { provider: NAME, dialect: NAME }),
  }
}

/** Members that only the first version of rerank has. */
const FIRST_ONLY = ['rank_fields', 'return_documents', 'max_chunks_per_doc'] as const

/** Documents with fields of their own, which only the first version takes. */
const hasFields = ({ body }: Ask): boolean => {
  const documents = body.kind === 'json' ? body.index.members.get('documents') : undefined
  return body.kind === 'json' && documents !== undefined && listsObjects(body.bytes, documents)
}

/** The first version is asked where it is needed: whatever else was made for it, the second takes as well. */
const rerank = (ask: Ask): Made => {
  const first = ask.route.name === 'rerank' && (FIRST_ONLY.some(name => hasKey(ask, name)) || hasFields(ask))
  const { body, edits } = encodeBody(ask, ask.model)
  return { path: first ? '/v1/rerank' : '/v2/rerank', body, edits, warnings: [] }
}

const madeFor = (ask: Ask): Made => {
  if (ask.route.shape === 'rerank') return rerank(ask)
  return ask.route.shape === 'embeddings' ? embed(ask) : chat(ask)
}

const SAME_DIALECT: Reading = {}

const vectors = (ask: Ask): Reading => ({
  translate: bytes => {
    try {
      return bytesOf(readEmbed(objectIn(bytes), ask))
    } catch {
      // Whoever reads embeddings sees that these are none.
      return bytes
    }
  },
})

/** Headers that clients mean for providers of their own dialect. */
const FOREIGN = /^(?:openai|anthropic)-|^x-goog-/

const connect = (params: ProviderParams): Connection => {
  const base = parseBase(params.apiBase?.trim() || firstOf(params.env, ['COHERE_API_BASE']) || DEFAULT_BASE)
  const root = rootOf(base)
  const found = findKey(params.apiKey, params.env, ['COHERE_API_KEY', 'CO_API_KEY'])
  const credential: HeaderPair[] =
    found.key === undefined ? [] : [['authorization', `Bearer ${found.key.reveal()}`]]
  return {
    baseUrl: printBase(base),
    credentialId: found.key?.id ?? '',
    missing: found.missing,
    draft: (ask: Ask): Draft => {
      const { path, ...made } = madeFor(ask)
      const headers = ask.headers.filter(([name]) => !FOREIGN.test(name))
      return {
        method: 'POST',
        origin: base.origin,
        path: root + path + joinQuery(base.query, ''),
        headers: draftHeaders({ ...ask, headers }, 'application/json'),
        ...made,
      }
    },
    authorize: draft => unlessGiven(draft, credential),
    reading: (ask, stamp) => {
      if (ask.route.shape === 'rerank') return SAME_DIALECT
      if (ask.route.shape === 'embeddings') return vectors(ask)
      return bridgedReading(ask, cohereUpstream, NAME, stamp?.() ?? { unique: randomUUID(), created: 0 })
    },
  }
}

export const cohere: Provider = {
  name: NAME,
  exception: 'CohereException',
  readsEndpoint: true,
  ownsResources: false,
  params: [],
  connect,
}

/** LiteLLM's other prefix for its chat. */
export const cohereChat: Provider = { ...cohere, name: 'cohere_chat' }

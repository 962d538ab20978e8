import type { EmbeddingWire } from '../dialects/embeddings.ts'
import { batchEmbedding } from '../dialects/gemini-embeddings.ts'
import { type Base, joinQuery, parseBase, printBase, segment } from './address.ts'
import { findKey, firstOf } from './credential.ts'
import { embeddingBody, embeddingReading, wantsEmbeddings } from './embedding.ts'
import {
  fullName,
  geminiBody,
  geminiReading,
  queryOf,
  streamQuery,
  verbOf,
  withoutForeign,
} from './gemini-dialect.ts'
import type { Ask, Connection, Draft, HeaderPair, Provider, ProviderParams } from './provider.ts'
import { draftHeaders, unlessGiven } from './same-dialect.ts'

const DEFAULT_BASE = 'https://generativelanguage.googleapis.com'
const DEFAULT_VERSION = 'v1beta'
const VERSION = /^v\d+(?:alpha|beta)?\d*$/

/** The base as written names the version (`…/v1beta`), or the deployment does (`api_version`), or nobody. */
const rootOf = (base: Base, version: string | undefined): string => {
  const last = base.path.split('/').at(-1) ?? ''
  return VERSION.test(last) ? base.path : `${base.path}/${version ?? DEFAULT_VERSION}`
}

/** `models/<name>`, or the collection that the name itself begins with. */
export const modelPath = (model: string): string => {
  const [collection, name] = /^(models|tunedModels)\/(.+)$/.exec(model)?.slice(1) ?? []
  return name === undefined ? `models/${segment(model, 'model')}` : `${collection}/${segment(name, 'model')}`
}

const versionOf = (params: ProviderParams): string | undefined => {
  const version = params.apiVersion?.trim()
  if (version === undefined || version === '') return undefined
  if (!VERSION.test(version)) throw new Error('api_version is none of this API: write v1beta, v1alpha or v1')
  return version
}

/** Every text of a batch names the model as the path does, unencoded. */
const embeddingWire = (ask: Ask): EmbeddingWire => batchEmbedding(fullName(ask))

const spoken = (ask: Ask): Pick<Draft, 'body' | 'edits' | 'warnings'> & { readonly verb: string } => {
  if (!wantsEmbeddings(ask)) return { verb: verbOf(ask), ...geminiBody(ask, 'gemini') }
  const { body, warnings } = embeddingBody(ask, embeddingWire(ask), 'gemini')
  return { verb: 'batchEmbedContents', body: [body], edits: ask.edits, warnings }
}

const connect = (params: ProviderParams): Connection => {
  const base = parseBase(params.apiBase?.trim() || firstOf(params.env, ['GEMINI_API_BASE']) || DEFAULT_BASE)
  const root = rootOf(base, versionOf(params))
  const found = findKey(params.apiKey, params.env, ['GEMINI_API_KEY', 'GOOGLE_API_KEY'])
  const credential: HeaderPair[] = found.key === undefined ? [] : [['x-goog-api-key', found.key.reveal()]]
  return {
    baseUrl: printBase(base),
    credentialId: found.key?.id ?? '',
    missing: found.missing,
    draft: (ask: Ask): Draft => {
      const { verb, body, edits, warnings } = spoken(ask)
      const fixed = [base.query, streamQuery(ask)].filter(Boolean).join('&')
      return {
        method: 'POST',
        origin: base.origin,
        path: `${root}/${modelPath(ask.model)}:${verb}${joinQuery(fixed, queryOf(ask))}`,
        headers: draftHeaders(withoutForeign(ask), 'application/json'),
        body,
        edits,
        warnings,
      }
    },
    authorize: draft => unlessGiven(draft, credential),
    reading: (ask, stamp) =>
      wantsEmbeddings(ask) ? embeddingReading(ask, embeddingWire(ask)) : geminiReading(ask, 'gemini', stamp),
    counts: () => 'gemini',
  }
}

export const gemini: Provider = {
  name: 'gemini',
  exception: 'GeminiException',
  ownsResources: false,
  params: [],
  connect,
}

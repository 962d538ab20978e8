import type { Secret } from '../config/secret.ts'
import { type Base, joinQuery, parseBase, printBase } from './address.ts'
import { findKey, firstOf } from './credential.ts'
import {
  COMPACTION_BETA,
  compactsItself,
  messagesBody,
  messagesReading,
  speaksMessages,
  VERSION_HEADER,
  withoutForeign,
} from './messages-dialect.ts'
import type { Connection, HeaderPair, Provider, ProviderParams } from './provider.ts'
import { draftHeaders, unlessGiven } from './same-dialect.ts'

const DEFAULT_BASE = 'https://api.anthropic.com'
/** Tokens of a sign-in: they go as bearers, and only with this beta. */
const OAUTH_TOKEN = /^sk-ant-oat/
const OAUTH_BETA = 'oauth-2025-04-20'

/** People write the host, the version, or the whole address of the route. */
const rootOf = (base: Base): Base => ({ ...base, path: base.path.replace(/\/v1(?:\/messages)?$/, '') })

type Credential = {
  readonly header: HeaderPair | undefined
  readonly id: string
  readonly missing: string | undefined
  readonly oauth: boolean
}

const credentialOf = (key: Secret, bearer: boolean): Credential => {
  const value = key.reveal()
  const oauth = OAUTH_TOKEN.test(value)
  const header: HeaderPair = bearer || oauth ? ['authorization', `Bearer ${value}`] : ['x-api-key', value]
  return { header, id: key.id, missing: undefined, oauth }
}

/** The deployment's own key, then the environment's key, then its token. */
const readCredential = (params: ProviderParams): Credential => {
  const found = findKey(params.apiKey, params.env, ['ANTHROPIC_API_KEY'])
  if (found.key !== undefined) return credentialOf(found.key, false)
  const token = findKey(undefined, params.env, ['ANTHROPIC_AUTH_TOKEN'])
  if (token.key !== undefined) return credentialOf(token.key, true)
  return { header: undefined, id: '', missing: found.missing, oauth: false }
}

const withBeta = (headers: readonly HeaderPair[], beta: string): readonly HeaderPair[] => {
  const own = headers.find(([name]) => name === 'anthropic-beta')
  if (own === undefined) return [...headers, ['anthropic-beta', beta]]
  if (own[1].split(',').some(one => one.trim() === beta)) return headers
  return headers.map(pair => (pair === own ? (['anthropic-beta', `${own[1]},${beta}`] as const) : pair))
}

const connect = (params: ProviderParams): Connection => {
  const text =
    params.apiBase?.trim() ||
    firstOf(params.env, ['ANTHROPIC_API_BASE', 'ANTHROPIC_BASE_URL']) ||
    DEFAULT_BASE
  const base = rootOf(parseBase(text))
  const credential = readCredential(params)
  return {
    baseUrl: printBase(base),
    credentialId: credential.id,
    missing: credential.missing,
    compactsItself: true,
    draft: asked => {
      const own = speaksMessages(asked)
      const compacts = compactsItself(asked)
      const ask = withoutForeign(compacts ? { ...asked, stream: false } : asked)
      const { body, edits, warnings } = messagesBody(ask, ask.model, 'anthropic')
      const plain = draftHeaders(ask, 'application/json', [VERSION_HEADER])
      const headers = compacts ? withBeta(plain, COMPACTION_BETA) : plain
      return {
        method: ask.method,
        origin: base.origin,
        path: `${base.path}/v1${own ? ask.route.upstream : '/messages'}${joinQuery(base.query, own ? ask.query : '')}`,
        headers: credential.oauth ? withBeta(headers, OAUTH_BETA) : headers,
        body,
        edits,
        warnings,
      }
    },
    authorize: draft => (credential.header === undefined ? [] : unlessGiven(draft, [credential.header])),
    reading: (ask, stamp) => messagesReading(ask, 'anthropic', stamp),
    counts: () => 'messages',
  }
}

export const anthropic: Provider = {
  name: 'anthropic',
  exception: 'AnthropicException',
  ownsResources: false,
  params: [],
  connect,
}

import type { Prefill } from '../dialects/continuation.ts'
import type { Edit } from '../wire/edit.ts'
import { type Base, fillPath, joinQuery, parseBase, printBase } from './address.ts'
import { type ChatDifferences, chatDifferences, chatReading } from './chat-differences.ts'
import type { Differing } from './chat-messages.ts'
import { type Env, findKey, firstOf, fitsHeader } from './credential.ts'
import { foreignKeys } from './foreign-keys.ts'
import { foreignReasoning, foreignThoughts } from './foreign-reasoning.ts'
import { dropUnsupported } from './parameters.ts'
import type { Ask, Connection, Draft, HeaderPair, Provider, ProviderParams } from './provider.ts'
import { draftHeaders, encodeBody, unlessGiven } from './same-dialect.ts'
import { acrossApis, type KnownApis, plainModel, readApis, TEXT_PARAMS } from './text-apis.ts'
import { unkept } from './unkept.ts'

/** One OpenAI-compatible provider as data. */
export type OpenAiCompatible = {
  readonly name: string
  /** LiteLLM's tag in messages; default `{Name}Exception`. */
  readonly exception?: string
  /** Default base URL; without one the deployment or the environment must give it. */
  readonly baseUrl?: string
  /** Environment variables for the base URL, in order. `<NAME>_API_BASE` is read after them. */
  readonly baseEnv?: readonly string[]
  /** Environment variables for the key, in order. */
  readonly keyEnv: readonly string[]
  /** The server may run without a key: then no authorization header is sent, or the placeholder. */
  readonly keyOptional?: boolean
  readonly placeholderKey?: string
  /** Chat parameters it is known to refuse. Only what is certain: everything else passes untouched. */
  readonly unsupported?: readonly string[]
  /** More of them that only some of its models refuse. */
  readonly unsupportedBy?: (model: string) => readonly string[]
  readonly headers?: (env: Env) => readonly HeaderPair[]
  /** How its chat completions differ from OpenAI's: edits, made after the model. */
  readonly chat?: ChatDifferences
  /** A model's whole name, where people write a part of it. */
  readonly modelName?: (model: string, ask: Ask) => string
  /** Keys that clients write for the provider whose dialect this is are for this one, or for somebody behind it. */
  readonly original?: true
  /** It passes on to others, and reads what gateways write for them. */
  readonly relays?: true
  readonly prefill?: Prefill
  /** Where the API begins under the base as written. */
  readonly root?: (base: Base) => Base
  /** Which APIs it has for text; default: chat completions only. */
  readonly apis?: KnownApis
}

export const exceptionName = (name: string): string =>
  `${name.charAt(0).toUpperCase()}${name.slice(1)}Exception`

export const prefixBaseEnv = (name: string): string => `${name.toUpperCase().replaceAll('-', '_')}_API_BASE`

/** /v2/rerank stands beside /v1, not under it. */
const upstreamPath = (base: Base, ask: Ask): string => {
  if (ask.route.name === 'rerank.v2') return `${base.path.replace(/\/v1$/, '')}/v2/rerank`
  return base.path + fillPath(ask.route.upstream, ask.params)
}

const findBase = (row: OpenAiCompatible, params: ProviderParams): Base => {
  const names = [...(row.baseEnv ?? []), prefixBaseEnv(row.name)]
  const text = params.apiBase?.trim() || firstOf(params.env, names) || row.baseUrl
  if (text === undefined) {
    throw new Error(
      `${row.name} has no default address: set litellm_params.api_base or ${names.join(' or ')}`,
    )
  }
  const base = parseBase(text)
  return row.root ? row.root(base) : base
}

/** OpenAI itself, and its regions: a server of one's own behind the same dialect may want what it has thought. */
const OPENAI = /^https:\/\/(?:\w{1,8}\.)?api\.openai\.com$/

const NO_EDITS: readonly Edit[] = []
const NOTHING: readonly string[] = []
const AS_IT_IS: Differing = { edits: NO_EDITS, warnings: [] }

const refusedBy = ({ unsupported = NOTHING, unsupportedBy }: OpenAiCompatible, model: string) =>
  unsupportedBy === undefined ? unsupported : [...unsupported, ...unsupportedBy(model)]

/** What this provider changes in the client's body, the model aside. */
const changesOf = (row: OpenAiCompatible, ask: Ask, base: Base): Differing => {
  const dropped = dropUnsupported(ask, row.name, refusedBy(row, ask.model))
  const own = row.chat === undefined ? AS_IT_IS : chatDifferences(ask, row.chat)
  const keys = row.original === true ? NO_EDITS : foreignKeys(ask)
  const reasoning = foreignReasoning(ask)
  const readable = row.chat?.refusesThoughts === true || OPENAI.test(base.origin)
  const thoughts = row.relays === true ? NO_EDITS : foreignThoughts(ask, readable)
  const store = row.apis?.keepsNothing === true ? unkept(ask) : AS_IT_IS
  return {
    edits: [...dropped, ...own.edits, ...keys, ...reasoning, ...thoughts, ...store.edits],
    warnings: [...own.warnings, ...store.warnings],
  }
}

const connect = (row: OpenAiCompatible, params: ProviderParams): Connection => {
  const base = findBase(row, params)
  const found = findKey(params.apiKey, params.env, row.keyEnv)
  const bearer = found.key?.reveal() ?? row.placeholderKey
  const own = (row.headers?.(params.env) ?? []).filter(([, value]) => fitsHeader(value))
  const organization = params.organization?.trim()
  if (organization !== undefined && !fitsHeader(organization)) {
    throw new Error('organization holds characters that no header can carry')
  }
  const credential: HeaderPair[] = []
  if (bearer !== undefined) credential.push(['authorization', `Bearer ${bearer}`])
  if (organization !== undefined) credential.push(['openai-organization', organization])
  const plain = (ask: Ask): Draft => {
    const named = plainModel(ask.model)
    const model = row.modelName === undefined ? named : row.modelName(named, ask)
    const changes = changesOf(row, ask, base)
    const { body, edits, contentType } = encodeBody(ask, model, changes.edits)
    return {
      method: ask.method,
      origin: base.origin,
      path: upstreamPath(base, ask) + joinQuery(base.query, ask.query),
      headers: draftHeaders(ask, contentType, own),
      body,
      edits,
      warnings: changes.warnings,
    }
  }
  return {
    baseUrl: printBase(base),
    credentialId: found.key?.id ?? '',
    missing: row.keyOptional ? undefined : found.missing,
    ...acrossApis({
      name: row.name,
      apis: readApis({ ...row.apis, counts: row.original === true && OPENAI.test(base.origin) }, params),
      plain,
      reading: ask => chatReading(ask, row.chat),
    }),
    authorize: draft => unlessGiven(draft, credential),
  }
}

/** A provider that speaks OpenAI's dialect: the client's bytes, the deployment's model name, a bearer key. */
export const openAiCompatible = (row: OpenAiCompatible): Provider => ({
  name: row.name,
  exception: row.exception ?? exceptionName(row.name),
  params: TEXT_PARAMS,
  ...(row.prefill === undefined ? {} : { prefill: row.prefill }),
  connect: params => connect(row, params),
})

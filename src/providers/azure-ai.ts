import { asBuffer } from '../wire/bytes.ts'
import type { Edit } from '../wire/edit.ts'
import { valueAt } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { parseBase, printBase } from './address.ts'
import { azureCredential, SIGN_IN_PARAMS } from './azure-sign-in.ts'
import { withoutScope } from './cache-scope.ts'
import { firstOf } from './credential.ts'
import { foreignKeys } from './foreign-keys.ts'
import { foreignReasoning, foreignThoughts } from './foreign-reasoning.ts'
import {
  claudePath,
  type FoundryPlace,
  foundryModel,
  foundryPath,
  hasResponses,
  isClaude,
  readFoundryPlace,
} from './foundry-place.ts'
import { indexInForce } from './in-force.ts'
import {
  messagesBody,
  messagesReading,
  speaksMessages,
  VERSION_HEADER,
  withoutForeign,
} from './messages-dialect.ts'
import {
  type Ask,
  type Connection,
  type Draft,
  type HeaderPair,
  type Provider,
  type ProviderParams,
  Unsupported,
} from './provider.ts'
import { bearerOf } from './recipe.ts'
import { draftHeaders, encodeBody, unlessGiven } from './same-dialect.ts'
import { acrossApis, readApis, TEXT_PARAMS } from './text-apis.ts'

/** Models of many makers on Microsoft Foundry: OpenAI's dialect, Cohere's rerank, and Messages for Claude. */

const NAME = 'azure_ai'
const KEY_ENV = ['AZURE_AI_API_KEY']
const BASE_ENV = 'AZURE_AI_API_BASE'

const claudeDraft = (asked: Ask, place: FoundryPlace): Draft => {
  const own = speaksMessages(asked)
  const ask = withoutForeign(asked)
  return {
    method: ask.method,
    origin: place.origin,
    path: claudePath(place, own ? ask.route.upstream : '/messages', own ? ask.query : ''),
    headers: draftHeaders(ask, 'application/json', [VERSION_HEADER]),
    ...withoutScope(messagesBody(ask, ask.model, NAME)),
  }
}

const isPicture = (value: Json): value is string =>
  typeof value === 'string' && value.startsWith('data:image/')

const wrapped = (path: readonly string[], value: Json): Edit => ({
  op: 'set',
  path,
  value,
  why: 'provider-rename',
})

/** Pictures are embedded by an endpoint of their own, which wants each in an object. Throws Unsupported for a mixture. */
const pictureEdits = (ask: Ask): readonly Edit[] => {
  if (ask.route.shape !== 'embeddings' || ask.body.kind !== 'json') return []
  const index = indexInForce(ask, ask.body.index, ['input'])
  const span = index.members.get('input')
  if (span === undefined || !asBuffer(index.bytes).subarray(span.start, span.end).includes('data:image'))
    return []
  const input = valueAt(index, 'input')
  if (input !== undefined && isPicture(input)) return [wrapped(['input'], [{ image: input }])]
  if (!Array.isArray(input)) return []
  const list: readonly Json[] = input
  const pictures = list.filter(isPicture)
  if (pictures.length === 0) return []
  if (pictures.length < list.length)
    throw new Unsupported(`'input' holds pictures and texts: ${NAME} embeds them by two calls`, 'input')
  return pictures.map((image, at) => wrapped(['input', String(at)], { image }))
}

const plainDraft = (ask: Ask, place: FoundryPlace): Draft => {
  const pictures = pictureEdits(ask)
  const path = foundryPath(place, ask, pictures.length > 0)
  const more = [...pictures, ...foreignKeys(ask), ...foreignReasoning(ask), ...foreignThoughts(ask, false)]
  const { body, edits, contentType } = encodeBody(ask, foundryModel(ask.model), more)
  return {
    method: ask.method,
    origin: place.origin,
    path,
    headers: draftHeaders(ask, contentType),
    body,
    edits,
    warnings: [],
  }
}

/** A key's header: Claude's own, the resource's own, a bearer elsewhere. A token is a bearer everywhere. */
const keyHeader = ([name, value]: HeaderPair, draft: Draft, place: FoundryPlace): HeaderPair => {
  if (name !== 'api-key') return [name, value]
  if (draft.path.startsWith(claudePath(place, '', '').split('?', 1)[0] ?? '')) return ['x-api-key', value]
  return place.resource ? [name, value] : ['authorization', `Bearer ${value}`]
}

const connect = (params: ProviderParams): Connection => {
  const text = params.apiBase?.trim() || firstOf(params.env, [BASE_ENV])
  if (text === undefined)
    throw new Error(`${NAME} has no default address: set litellm_params.api_base or ${BASE_ENV}`)
  const written = parseBase(text)
  const place = readFoundryPlace(written, params.apiVersion)
  const credential = azureCredential(params, KEY_ENV)
  const plain = (ask: Ask): Draft => plainDraft(ask, place)
  const chatOnly = acrossApis({ name: NAME, apis: readApis({}, params), plain })
  const both = acrossApis({ name: NAME, apis: readApis({ responses: true }, params), plain })
  const apisFor = (ask: Ask) => (hasResponses(place, ask.model) ? both : chatOnly)
  return {
    ...chatOnly,
    baseUrl: printBase(written),
    credentialId: credential.id,
    missing: credential.missing,
    ...(credential.recipe === undefined ? {} : { recipe: credential.recipe }),
    draft: ask => (isClaude(ask) ? claudeDraft(ask, place) : apisFor(ask).draft(ask)),
    counts: ask => (isClaude(ask) ? undefined : apisFor(ask).counts?.(ask)),
    reading: (ask, stamp) =>
      isClaude(ask) ? messagesReading(ask, NAME, stamp) : apisFor(ask).reading(ask, stamp),
    authorize: (draft, _now, held) => {
      const { header } = credential
      return unlessGiven(draft, header === undefined ? bearerOf(held) : [keyHeader(header, draft, place)])
    },
  }
}

export const azureAi: Provider = {
  name: NAME,
  exception: 'Azure_aiException',
  readsEndpoint: true,
  params: [...TEXT_PARAMS, ...SIGN_IN_PARAMS],
  connect,
}

import type { Secret } from '../config/secret.ts'
import type { EmbeddingWire } from '../dialects/embeddings.ts'
import { predictEmbedding, singleEmbedding } from '../dialects/gemini-embeddings.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import { joinQuery, printBase } from './address.ts'
import { withoutScope } from './cache-scope.ts'
import { findKey } from './credential.ts'
import { embeddingBody, embeddingReading, wantsEmbeddings } from './embedding.ts'
import { geminiBody, geminiReading, queryOf, streamQuery, verbOf, withoutForeign } from './gemini-dialect.ts'
import { GOOGLE_SIGN_IN_PARAMS, googleSignIn } from './google-credentials.ts'
import { withoutForeign as forMessages, messagesBody, messagesReading } from './messages-dialect.ts'
import type {
  Ask,
  Connection,
  Draft,
  HeaderPair,
  Provider,
  ProviderParams,
  Reading,
  Stamp,
} from './provider.ts'
import { bearerOf, type Recipe } from './recipe.ts'
import { draftHeaders, unlessGiven } from './same-dialect.ts'
import { withTakenBetas } from './vertex-betas.ts'
import { modelPathOf, PLACE_PARAMS, readPlace, readVertexModel, type VertexPlace } from './vertex-place.ts'

/** Gemini and Claude on Google Cloud. Each model is spoken to in its own dialect; address and credential are one. */

/** What Claude's requests say here instead of the header that Anthropic's own API wants. */
const CLAUDE_VERSION = 'vertex-2023-10-16'

type Credential = {
  readonly id: string
  readonly project: string | undefined
  readonly missing: string | undefined
  readonly fixed: readonly HeaderPair[]
  readonly recipe: Recipe | undefined
}

/** An API key of the express mode, or an access token: which of the two, its form tells. */
const fixedHeader = (key: Secret): HeaderPair => {
  const value = key.reveal()
  return /^(?:AIza|AQ\.)/.test(value) ? ['x-goog-api-key', value] : ['authorization', `Bearer ${value}`]
}

const readCredential = (params: ProviderParams): Credential => {
  if (params.apiKey !== undefined) {
    const { key, missing } = findKey(params.apiKey, {}, [])
    return {
      id: key?.id ?? '',
      project: undefined,
      missing,
      fixed: key === undefined ? [] : [fixedHeader(key)],
      recipe: undefined,
    }
  }
  const { recipe, project } = googleSignIn(params)
  return { id: recipe.identity, project, missing: undefined, fixed: [], recipe }
}

const usesKey = ({ fixed }: Credential): boolean => fixed.some(([name]) => name === 'x-goog-api-key')

const isClaude = (model: string): boolean => /^claude-/.test(model)

type Parts = Pick<Draft, 'headers' | 'body' | 'edits' | 'warnings'> & {
  readonly verb: string
  readonly fixed: string
  readonly query: string
}

const geminiParts = (ask: Ask): Parts => ({
  verb: verbOf(ask),
  fixed: streamQuery(ask),
  query: queryOf(ask),
  headers: draftHeaders(withoutForeign(ask), 'application/json'),
  ...geminiBody(ask, 'vertex_ai', true),
})

/** The newest model is asked text by text, every other one by instances. */
const byContent = ({ model }: Ask): boolean => /(?:^|\/)gemini-embedding-[2-9]/.test(model)

const embeddingWire = (ask: Ask): EmbeddingWire => (byContent(ask) ? singleEmbedding : predictEmbedding)

const embeddingParts = (ask: Ask): Parts => {
  const { body, warnings } = embeddingBody(ask, embeddingWire(ask), 'vertex_ai')
  return {
    verb: byContent(ask) ? 'embedContent' : 'predict',
    fixed: '',
    query: '',
    headers: draftHeaders(withoutForeign(ask), 'application/json'),
    body: [body],
    edits: ask.edits,
    warnings,
  }
}

/** The model is in the path, and the version in the body. */
const CLAUDE_EDITS: readonly Edit[] = [
  { op: 'drop', path: ['model'], why: 'model' },
  { op: 'set', path: ['anthropic_version'], value: CLAUDE_VERSION, why: 'provider-rename' },
]

const namesModel = ({ op, path }: Edit): boolean => op === 'set' && path.length === 1 && path[0] === 'model'

const claudeParts = (asked: Ask, id: string): Parts => {
  const ask = forMessages(asked)
  const { body, edits, warnings } = withoutScope(messagesBody(ask, id, 'vertex_ai'))
  const drafted = draftHeaders(ask, 'application/json').filter(([name]) => name !== 'anthropic-version')
  const betas = withTakenBetas(drafted, ask)
  return {
    verb: ask.stream ? 'streamRawPredict' : 'rawPredict',
    fixed: '',
    query: '',
    headers: betas.headers,
    body: applyEdits(indexObject(joinSegments(body)), CLAUDE_EDITS),
    edits: [...edits.filter(edit => !namesModel(edit)), ...CLAUDE_EDITS],
    warnings: [...warnings, ...betas.warnings],
  }
}

const partsOf = (ask: Ask, id: string): Parts => {
  if (isClaude(ask.model)) return claudeParts(ask, id)
  return wantsEmbeddings(ask) ? embeddingParts(ask) : geminiParts(ask)
}

const readingOf = (ask: Ask, stamp: (() => Stamp) | undefined): Reading => {
  if (isClaude(ask.model)) return messagesReading(ask, 'vertex_ai', stamp)
  return wantsEmbeddings(ask)
    ? embeddingReading(ask, embeddingWire(ask))
    : geminiReading(ask, 'vertex_ai', stamp)
}

const draftOf = (ask: Ask, place: VertexPlace): Draft => {
  const model = readVertexModel(ask.model)
  const { verb, fixed, query, ...parts } = partsOf(ask, model.id)
  const own = [place.base.query, fixed].filter(Boolean).join('&')
  return {
    method: 'POST',
    origin: place.base.origin,
    path: `${modelPathOf(place, model)}:${verb}${joinQuery(own, query)}`,
    ...parts,
  }
}

const NO_PROJECT = 'no project: set vertex_project or VERTEXAI_PROJECT'

const connect = (params: ProviderParams): Connection => {
  const credential = readCredential(params)
  const place = readPlace(params, credential.project)
  const homeless = place.project === undefined && !usesKey(credential) ? NO_PROJECT : undefined
  return {
    baseUrl: printBase(place.base),
    credentialId: credential.id,
    missing: credential.missing ?? homeless,
    draft: ask => draftOf(ask, place),
    ...(credential.recipe === undefined ? {} : { recipe: credential.recipe }),
    authorize: (draft, _now, held) =>
      unlessGiven(draft, credential.recipe === undefined ? credential.fixed : bearerOf(held)),
    reading: readingOf,
    // Claude's own way of counting is not served here.
    counts: ({ model }) => (isClaude(model) ? undefined : 'vertex'),
  }
}

export const vertexAi: Provider = {
  name: 'vertex_ai',
  exception: 'VertexAIException',
  ownsResources: false,
  params: [...PLACE_PARAMS, ...GOOGLE_SIGN_IN_PARAMS],
  connect,
}

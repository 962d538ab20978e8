import { answerOfCompletion, chat } from './answers/chat.ts'
import {
  imageEdits,
  imageGenerations,
  imageVariations,
  speech,
  transcriptions,
  translations,
} from './answers/media.ts'
import { RESOURCES } from './answers/resources.ts'
import {
  cancelResponse,
  compact,
  countInput,
  createResponse,
  deleteResponse,
  getResponse,
  inputItems,
} from './answers/responses.ts'
import { embeddings, moderations, rerank } from './answers/vectors.ts'
import type { Flavour } from './flavour.ts'
import type { Handler } from './scene.ts'

export type StageRoute = {
  /** `METHOD /path/:id`, relative to the base URL: the key of the parameter tables. */
  readonly key: string
  readonly handler: Handler
  /** The model when the body leaves it out; undefined: the body must name one; null: the route has none. */
  readonly model: string | null | undefined
}

type Row = readonly [key: string, handler: Handler, model?: string | null | undefined]

const ROWS: readonly Row[] = [
  ['POST /chat/completions', chat],
  ['POST /completions', answerOfCompletion],
  ['POST /embeddings', embeddings],
  ['POST /moderations', moderations, 'omni-moderation-latest'],
  ['POST /images/generations', imageGenerations, 'dall-e-2'],
  ['POST /images/edits', imageEdits, 'dall-e-2'],
  ['POST /images/variations', imageVariations, 'dall-e-2'],
  ['POST /audio/speech', speech],
  ['POST /audio/transcriptions', transcriptions],
  ['POST /audio/translations', translations],
  ['POST /rerank', rerank, 'rerank-v3.5'],
  ['POST /v2/rerank', rerank],
  ['POST /responses', createResponse],
  ['POST /responses/compact', compact],
  ['POST /responses/input_tokens', countInput, ''],
  ['GET /responses/:id', getResponse, null],
  ['DELETE /responses/:id', deleteResponse, null],
  ['POST /responses/:id/cancel', cancelResponse, null],
  ['GET /responses/:id/input_items', inputItems, null],
  ...RESOURCES.map(
    ([key, handler]): Row => [key, handler, key === 'POST /fine_tuning/jobs' ? undefined : null],
  ),
]

type Known = StageRoute & { readonly method: string; readonly segments: readonly string[] }

const KNOWN: readonly Known[] = ROWS.map(([key, handler, model]) => {
  const [method = '', pattern = ''] = key.split(' ')
  return { key, handler, model, method, segments: pattern.split('/').slice(1) }
})

export type Found = {
  readonly route: StageRoute
  readonly params: Readonly<Record<string, string>>
  /** Azure's older paths hold the deployment. */
  readonly deployment: string | undefined
}

/** `no path`: the provider has no such URL; `no method`: it has, for another method. */
export type Lookup = Found | 'no path' | 'no method'

type Place = { readonly path: string; readonly deployment: string | undefined }

/** The part after the base URL. Azure: `/openai/v1/…`, or dated with api-version, with or without a deployment. */
const placeOf = (flavour: Flavour, path: string, query: URLSearchParams): Place | undefined => {
  if (flavour !== 'azure') {
    if (path === '/v2/rerank') return { path, deployment: undefined }
    return path.startsWith('/v1/') ? { path: path.slice(3), deployment: undefined } : undefined
  }
  if (path.startsWith('/openai/v1/')) return { path: path.slice('/openai/v1'.length), deployment: undefined }
  if (!/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(query.get('api-version') ?? '')) return undefined
  const dated = /^\/openai\/deployments\/([^/]+)(\/.+)$/.exec(path)
  if (dated !== null) return { path: dated[2] ?? '', deployment: decoded(dated[1] ?? '') }
  return path.startsWith('/openai/')
    ? { path: path.slice('/openai'.length), deployment: undefined }
    : undefined
}

/** A segment as it is meant; one that is not percent-encoded properly stands for itself. */
const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

const match = (segments: readonly string[], given: readonly string[]): Record<string, string> | undefined => {
  if (segments.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const part = given[index] ?? ''
    if (segment.startsWith(':') && part !== '') params[segment.slice(1)] = decoded(part)
    else if (segment !== part) return undefined
  }
  return params
}

/** Literal segments win over ids: `/responses/compact` is not the response named compact. */
export const findRoute = (flavour: Flavour, method: string, path: string, query: URLSearchParams): Lookup => {
  const place = placeOf(flavour, path, query)
  if (place === undefined) return 'no path'
  const given = place.path.split('/').slice(1)
  const fitting = KNOWN.flatMap(known => {
    const params = match(known.segments, given)
    return params === undefined ? [] : [{ known, params }]
  })
  fitting.sort((one, other) => Object.keys(one.params).length - Object.keys(other.params).length)
  const first = fitting[0]
  if (first === undefined) return 'no path'
  const best = fitting.find(
    one => one.known.method === method && Object.keys(one.params).length === Object.keys(first.params).length,
  )
  if (best === undefined) return 'no method'
  return { route: best.known, params: best.params, deployment: place.deployment }
}

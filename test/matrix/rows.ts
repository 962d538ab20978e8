import { SHAPES } from '../../src/dialects/index.ts'
import { NATIVE_ROUTES } from '../../src/passthrough/routes.ts'
import { ROUTES, type Route, type ShapeName } from '../../src/routes.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { recipeOf, streamsOf } from '../support/requests.ts'
import type { Tongue } from './kinds.ts'
import type { Source } from './sources.ts'

/** How an answer reaches the client: whole, event by event, or as bytes that nobody reads on the way. */
export type Kind = 'document' | 'events' | 'bytes'

/**
 * In which form an answer is written: its endpoint's, or where a provider has its own, that. invoke: events of Messages
 * in Bedrock's frames. cohere: Cohere's chat.
 */
export type Form = ShapeName | 'converse' | 'invoke' | 'cohere'

/** Its events come in binary frames. */
export const isFramed = ({ form }: Pick<Row, 'form'>): boolean => form === 'converse' || form === 'invoke'

/** A crossing: who asks, of which kind of provider, and which kind stands in. */
export type Pair = { readonly source: Source; readonly first: string; readonly backup: string }

/**
 * One line of the matrix: an endpoint that reaches a provider, streamed or not. The same says how a provider was asked
 * for it: then form, kind and flavour are those of its own answer.
 */
export type Row = {
  readonly route: Route
  readonly stream: boolean
  readonly kind: Kind
  readonly label: string
  /** Its request has a body. */
  readonly sendsBody: boolean
  readonly form: Form
  /** Whose dialect its first deployment speaks; of a crossing its client. */
  readonly flavour: Tongue
  /** The client gets nothing of its provider's answer until it is whole. */
  readonly held?: true
  /** A call that leads from one kind of provider to another; undefined: providers of its own dialect serve it. */
  readonly pair?: Pair
  /** Further members of the request. */
  readonly more?: JsonObject
}

const kindOf = (route: Route, stream: boolean): Kind => {
  if (stream && SHAPES[route.shape].stream !== undefined) return 'events'
  return route.shape === 'raw' || route.shape === 'speech' ? 'bytes' : 'document'
}

const labelOf = (route: Route, stream: boolean): string => {
  const name = route.verbatim === true ? `${route.method} ${route.paths[0]}` : route.name
  return stream ? `${name} (stream)` : name
}

/** Pass-through requests are those of test/support/proofs-native.ts. */
const sendsBody = (route: Route): boolean => {
  if (route.verbatim === true) return route.method === 'POST'
  const { json, form } = recipeOf(route)
  return json !== undefined || form !== undefined
}

const flavourOf = (route: Route): Tongue => {
  if (route.verbatim === true) return route.paths[0]?.startsWith('/azure/') === true ? 'azure' : 'openai'
  return recipeOf(route).speaks ?? 'openai'
}

/** One way in which an endpoint can be asked. The route is a copy: nothing else changes it. */
export const rowOf = (route: Route, stream: boolean): Row => ({
  route: { ...route },
  stream,
  kind: kindOf(route, stream),
  form: route.shape,
  label: labelOf(route, stream),
  sendsBody: sendsBody(route),
  flavour: flavourOf(route),
})

/** Every row of the endpoint table, once for each way it can be asked. */
export const rowsOf = (): readonly Row[] =>
  [...ROUTES, ...NATIVE_ROUTES].flatMap(route => streamsOf(route).map(stream => rowOf(route, stream)))

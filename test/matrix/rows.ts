import { SHAPES } from '../../src/dialects/index.ts'
import { NATIVE_ROUTES } from '../../src/passthrough/routes.ts'
import { ROUTES, type Route } from '../../src/routes.ts'
import type { Flavour } from '../../src/stage/columns.ts'
import { recipeOf, streamsOf } from '../support/requests.ts'

/** How an answer reaches the client: whole, event by event, or as bytes that nobody reads on the way. */
export type Kind = 'document' | 'events' | 'bytes'

/** One line of the matrix: an endpoint that reaches a provider, streamed or not. */
export type Row = {
  readonly route: Route
  readonly stream: boolean
  readonly kind: Kind
  readonly label: string
  /** Its request has a body. */
  readonly sendsBody: boolean
  /** Whose dialect its first deployment speaks. */
  readonly flavour: Flavour
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

const flavourOf = (route: Route): Flavour => {
  if (route.verbatim === true) return route.paths[0]?.startsWith('/azure/') === true ? 'azure' : 'openai'
  return recipeOf(route).speaks ?? 'openai'
}

/** Every row of the endpoint table, once for each way it can be asked. The route is a copy: nothing else changes it. */
export const rowsOf = (): readonly Row[] =>
  [...ROUTES, ...NATIVE_ROUTES].flatMap(route =>
    streamsOf(route).map(stream => ({
      route: { ...route },
      stream,
      kind: kindOf(route, stream),
      label: labelOf(route, stream),
      sendsBody: sendsBody(route),
      flavour: flavourOf(route),
    })),
  )

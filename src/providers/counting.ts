import { bytesOf, objectIn } from '../dialects/bridge.ts'
import { COUNT_DOORS, COUNT_WIRES, type CountDoor, type CountWire } from '../dialects/counts.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { routeNamed } from '../route-named.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { carried, requestOf } from './bridged.ts'
import {
  type Ask,
  type Connection,
  type Draft,
  type Provider,
  type Reading,
  Unsupported,
} from './provider.ts'

import { ownHeaders } from './text-apis.ts'

/**
 * Endpoints that count a prompt, at every provider. Who counts in the client's dialect gets its bytes; who counts in
 * another one gets the translated request; for everybody else the gateway counts, and nobody is asked.
 */

/** The gateway's own count. Throws Unsupported for a prompt that is not all in the request. */
const estimated = (ask: Ask, door: CountDoor, { baseUrl }: Connection, because: string): Draft => {
  const body = requestOf(ask, 'the count of a prompt')
  const { origin, pathname } = new URL(baseUrl)
  return {
    method: ask.method,
    origin,
    path: pathname,
    headers: [],
    body: [],
    edits: ask.edits,
    warnings: [{ lost: 'the exact count', because: `${because}: counted here` }],
    local: bytesOf(door.told(door.estimate(body, text => countPromptTokens(text, ask.model)))),
  }
}

/** `own`: as the provider serves the endpoint itself, and every endpoint that counts nothing. */
type Way =
  | { readonly kind: 'own' }
  | { readonly kind: 'estimate'; readonly door: CountDoor; readonly because: string }
  | { readonly kind: 'wire'; readonly door: CountDoor; readonly wire: CountWire }

const wayOf = (ask: Ask, connection: Connection): Way => {
  const door = COUNT_DOORS[ask.route.shape]
  if (door === undefined) return { kind: 'own' }
  if (ask.estimate === true)
    return { kind: 'estimate', door, because: 'nobody who counts prompts could be asked' }
  const dialect = connection.counts?.(ask)
  if (dialect === undefined) return { kind: 'estimate', door, because: 'the provider counts no prompts' }
  return door.speaks.includes(dialect) ? { kind: 'own' } : { kind: 'wire', door, wire: COUNT_WIRES[dialect] }
}

/** The client's query and path belong to its own endpoint. */
const asTold = (ask: Ask, wire: CountWire, request: JsonObject): Ask => {
  const bytes = bytesOf(request)
  return {
    ...ask,
    route: routeNamed(wire.route),
    params: {},
    query: '',
    // The other dialects' providers look to their headers themselves.
    headers: wire.upstream.dialect === 'responses' ? ownHeaders(ask) : ask.headers,
    body: { kind: 'json', bytes, index: indexObject(bytes), contentType: 'application/json' },
    edits: [],
  }
}

/** Asked of the provider in its own dialect. Throws Unsupported for a prompt that cannot be carried there. */
const translated = (
  ask: Ask,
  { door, wire }: Extract<Way, { kind: 'wire' }>,
  connection: Connection,
  provider: string,
): Draft => {
  // A count spoils nothing by what has no place in it: that is told, and never refused.
  const { request, warnings } = carried(
    { ...ask, dropParams: true },
    {
      door,
      upstream: wire.upstream,
      target: { model: ask.model, allowedParams: ask.allowedParams },
      provider,
    },
  )
  const made = connection.draft(asTold(ask, wire, wire.asked(request, ask.model)))
  return { ...made, edits: [...ask.edits, ...made.edits], warnings: [...warnings, ...made.warnings] }
}

const draftOf = (ask: Ask, connection: Connection, provider: string): Draft => {
  const way = wayOf(ask, connection)
  if (way.kind === 'own') return connection.draft(ask)
  if (way.kind === 'estimate') return estimated(ask, way.door, connection, way.because)
  try {
    return translated(ask, way, connection, provider)
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    return estimated(ask, way.door, connection, 'the prompt cannot be told to the provider as a whole')
  }
}

/** Bytes that tell no count stay what they are: so does the gateway's own answer, which is in the client's form. */
const retold =
  (door: CountDoor, wire: CountWire, inner: Reading['translate']) =>
  (bytes: Uint8Array): Uint8Array => {
    try {
      const tokens = wire.tokensIn(objectIn(inner === undefined ? bytes : inner(bytes)))
      return tokens === undefined ? bytes : bytesOf(door.told(tokens))
    } catch {
      return bytes
    }
  }

const readingOf = (
  ask: Ask,
  connection: Connection,
  stamp: Parameters<Connection['reading']>[1],
): Reading => {
  const way = wayOf(ask, connection)
  if (way.kind === 'estimate') return {}
  if (way.kind === 'own') return connection.reading(ask, stamp)
  const reading = connection.reading({ ...ask, route: routeNamed(way.wire.route) }, stamp)
  return { ...reading, translate: retold(way.door, way.wire, reading.translate) }
}

/** The provider, with every way of counting a prompt. */
export const countingFor = (provider: Provider): Provider => ({
  ...provider,
  connect: params => {
    const connection = provider.connect(params)
    return {
      ...connection,
      draft: ask => draftOf(ask, connection, provider.name),
      reading: (ask, stamp) => readingOf(ask, connection, stamp),
    }
  },
})

import { Secret } from '../config/secret.ts'
import type { ClientBody } from '../read/body.ts'
import { routeNamed } from '../route-named.ts'
import { joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import type { Ask, Connection, Draft, Provider, ProviderParams } from './provider.ts'

/** Hand-made asks for the tests of this folder. */

const encoder = new TextEncoder()

export const jsonBody = (text: string): ClientBody => {
  const bytes = encoder.encode(text)
  return { kind: 'json', bytes, index: indexObject(bytes), contentType: 'application/json' }
}

export const askFor = (route: string, more: Partial<Ask> = {}): Ask => ({
  route: routeNamed(route),
  method: routeNamed(route).method,
  params: {},
  query: '',
  body: jsonBody('{"model":"group","x":1.0}'),
  headers: [],
  model: 'upstream-model',
  edits: [],
  stream: false,
  dropParams: false,
  allowedParams: [],
  ...more,
})

export const paramsOf = (more: Partial<ProviderParams> & { readonly key?: string } = {}): ProviderParams => ({
  model: 'prefix/model',
  apiBase: undefined,
  apiKey: more.key === undefined ? undefined : new Secret(more.key),
  apiVersion: undefined,
  organization: undefined,
  extra: {},
  env: {},
  ...more,
})

export const connectTo = (
  provider: Provider | undefined,
  more: Parameters<typeof paramsOf>[0],
): Connection => {
  if (provider === undefined) throw new Error('no such provider')
  return provider.connect(paramsOf(more))
}

export const bodyText = (draft: Draft): string => new TextDecoder().decode(joinSegments(draft.body))

export const bodyOf = (draft: Draft): JsonObject => JSON.parse(bodyText(draft)) as JsonObject

export const headersOf = (pairs: Draft['headers']): Readonly<Record<string, string>> => {
  const names = pairs.map(([name]) => name)
  if (new Set(names).size !== names.length) throw new Error(`a header is there twice: ${names.join(', ')}`)
  return Object.fromEntries(pairs)
}

export const urlOf = (draft: Draft): string => draft.origin + draft.path

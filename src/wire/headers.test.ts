import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { addClientHeaders, HOP_BY_HOP, safeHeaderValue, upstreamHeaders } from './headers.ts'

const CLOSED = { forwardClientHeaders: false, forwardOpenaiOrgId: false }
const clientHeaders = (upstream: Readonly<Record<string, string>>): [string, string][] => {
  const list: string[] = []
  addClientHeaders(list, upstream)
  return list.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, list[at + 1] ?? '']] : []))
}

const OPEN = { forwardClientHeaders: true, forwardOpenaiOrgId: true }

const namesOf = (headers: Readonly<Record<string, string>>, options = OPEN): string[] =>
  upstreamHeaders(headers, options).map(([name]) => name)

const all = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map(name => [name, 'value']))

test('betas, versions and the idempotency key pass without any option, and nothing else does', () => {
  const headers = all([
    'openai-beta',
    'anthropic-beta',
    'anthropic-version',
    'idempotency-key',
    'x-trace',
    'openai-organization',
    'openai-project',
    'user-agent',
    'originator',
  ])
  assert.deepEqual(namesOf(headers, CLOSED), [
    'openai-beta',
    'anthropic-beta',
    'anthropic-version',
    'idempotency-key',
  ])
})

test('each option opens what it names', () => {
  const headers = all(['x-trace', 'x-request-id', 'x-keyboard', 'x-author', 'openai-organization'])
  assert.deepEqual(namesOf(headers, { ...CLOSED, forwardOpenaiOrgId: true }), ['openai-organization'])
  const own = ['x-trace', 'x-request-id', 'x-keyboard', 'x-author']
  assert.deepEqual(namesOf(headers, { ...CLOSED, forwardClientHeaders: true }), own)
})

test('the header in which our own key comes stays here, whatever its name', () => {
  const options = { ...OPEN, keyHeaderName: 'x-caller' }
  assert.deepEqual(namesOf(all(['x-caller', 'x-trace']), options), ['x-trace'])
  const beta = { ...OPEN, keyHeaderName: 'openai-beta' }
  assert.deepEqual(namesOf(all(['openai-beta', 'x-trace']), beta), ['x-trace'])
})

test('credentials, cookies, addresses and connection headers never pass', () => {
  const never = [
    'authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'host',
    'content-length',
    'content-type',
    'accept-encoding',
    'api-key',
    'x-api-key',
    'x-goog-api-key',
    'x-litellm-api-key',
    'x-litellm-tags',
    'x-apikey',
    'x-my-api_key',
    'x-auth',
    'x-auth-token',
    'x-access-token',
    'x-accesstoken',
    'x-amz-security-token',
    'x-amz-date',
    'x-secret',
    'x-client-secret-id',
    'x-password',
    'x-db-passwd',
    'x-credentials',
    'x-authorization',
    'x-session-cookie',
    'x-goog-iap-jwt-assertion',
    'x-amzn-oidc-data',
    'x-signature',
    'x-ssl-key',
    'x-forwarded-for',
    'x-forwarded-client-cert',
    'x-real-ip',
    'x-stainless-lang',
    'x-pass-accept-encoding',
    'x-http-method-override',
    ...HOP_BY_HOP,
  ]
  assert.deepEqual(namesOf(all(never)), [])
})

test('what the connection header lists ends here, in both directions', () => {
  const listed = {
    connection: 'close, X-Trace ,openai-beta',
    'x-trace': '1',
    'openai-beta': '1',
    'x-other': '1',
  }
  assert.deepEqual(namesOf(listed), ['x-other'])
  assert.deepEqual(clientHeaders(listed), [['llm_provider-x-other', '1']])
})

test('repeated values become one header', () => {
  assert.deepEqual(upstreamHeaders({ 'anthropic-beta': ['a', 'b'], 'x-none': undefined }, OPEN), [
    ['anthropic-beta', 'a, b'],
  ])
})

test('every header of a provider comes back prefixed; limits and ids under their own name as well', () => {
  const upstream = {
    'content-type': 'application/json',
    date: 'Mon',
    'x-ratelimit-remaining-tokens': '10',
    'x-ratelimit-limit-images': '5',
    'x-request-id': 'req_1',
    'openai-processing-ms': '12',
    'llm_provider-server': 'nested',
    'content-length': '7',
    'content-encoding': 'gzip',
    'transfer-encoding': 'chunked',
    'keep-alive': 'timeout=5',
    'set-cookie': 'a=b',
  }
  assert.deepEqual(clientHeaders(upstream), [
    ['llm_provider-content-type', 'application/json'],
    ['llm_provider-date', 'Mon'],
    ['llm_provider-x-ratelimit-remaining-tokens', '10'],
    ['x-ratelimit-remaining-tokens', '10'],
    ['llm_provider-x-ratelimit-limit-images', '5'],
    ['llm_provider-x-request-id', 'req_1'],
    ['x-request-id', 'req_1'],
    ['llm_provider-openai-processing-ms', '12'],
    ['openai-processing-ms', '12'],
    ['llm_provider-server', 'nested'],
  ])
})

test('a value keeps what may stand in a header and loses the rest', () => {
  assert.equal(safeHeaderValue('a\r\nx-evil: 1\0\x7f'), 'ax-evil: 1')
  assert.equal(safeHeaderValue('é😀中\u0085 b'), 'é b')
  assert.equal(safeHeaderValue(' \t '), '')
  assert.equal(safeHeaderValue('x'.repeat(10_000)).length, 4096)
  assert.deepEqual(clientHeaders({ 'x-a': '\n' }), [])
})

test('property: Node accepts every header that these rules let through', () => {
  const values = fc.string({ unit: 'binary', maxLength: 50 })
  const names = fc.constantFrom('x-a', 'openai-beta', 'x-request-id', 'connection')
  fc.assert(
    fc.property(fc.dictionary(names, values), headers => {
      for (const [name, value] of [...upstreamHeaders(headers, OPEN), ...clientHeaders(headers)]) {
        validateHeaderName(name)
        validateHeaderValue(name, value)
      }
    }),
  )
})

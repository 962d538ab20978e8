import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ERROR_BODIES } from '../dialects/error-bodies.fixture.ts'
import { CALLER_WORDS, STRONG_WORDS, WEAK_WORDS } from '../dialects/error-words.ts'
import { type Failure, VERDICTS } from '../failure.ts'
import type { JsonObject } from '../wire/json.ts'
import { classify } from './classify.ts'
import type { ResponseSignal } from './classify-signal.ts'

const provider = { exception: 'OpenAIException' }

/** What the rest of the gateway relies on, whatever an upstream sent. */
const assertSane = (failure: Failure, upstream: number): void => {
  assert.ok(Object.hasOwn(VERDICTS, failure.class), failure.class)
  assert.notEqual(failure.class, 'gateway_bug', 'an upstream error is never our own fault')
  assert.ok(Number.isInteger(failure.status) && failure.status >= 400 && failure.status <= 599)
  if (failure.class === 'caller_fault') assert.ok(failure.status < 500, 'a caller fault is a 4xx')
  if (upstream >= 400 && upstream < 500) assert.ok(failure.status < 500, 'a 4xx stays a 4xx')
  const ownStatus = ['context_window', 'content_policy', 'model_gone'].includes(failure.class)
  if (upstream === 429 && !ownStatus) assert.equal(failure.status, 429)
  assert.ok(failure.message.startsWith(`litellm.${failure.exception}: `))
  assert.ok(failure.message.length < 4_400)
  const ofStatus = failure.status === 429 ? 'throttling_error' : null
  assert.equal(failure.type, failure.class === 'context_window' ? 'invalid_request_error' : ofStatus)
  const { retryAfterMs } = failure
  assert.ok(retryAfterMs === undefined || (retryAfterMs >= 0 && retryAfterMs <= 3_600_000))
  if (failure.class === 'context_window') assert.equal(failure.code, 'context_length_exceeded')
  assert.doesNotThrow(() => JSON.stringify(failure))
}

const WORDS = [...CALLER_WORDS, ...STRONG_WORDS.keys(), ...WEAK_WORDS.keys()]
const BODIES = ERROR_BODIES.map(row => row.body)

/** Members that mean something, with values that do not fit as often as ones that do. */
const KEYS = [
  ...[
    'error',
    'errors',
    'message',
    'detail',
    'code',
    'type',
    'status',
    'param',
    'details',
    'metadata',
    'raw',
  ],
  ...[
    'innererror',
    'reason',
    'violations',
    'quotaId',
    'retryDelay',
    'seconds',
    'retry_after',
    'headers',
    'msg',
  ],
  ...[
    'loc',
    'base_resp',
    'status_code',
    'status_msg',
    'candidates',
    'promptFeedback',
    'blockReason',
    'title',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'valueOf',
    'error_type',
    'fault',
    'faultstring',
    'estimated_time',
  ],
]
const scalar = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.constantFrom(...BODIES),
  fc.constantFrom(
    0,
    -1,
    400,
    401,
    402,
    404,
    413,
    429,
    499,
    500,
    529,
    599,
    600,
    1e308,
    0.5,
    true,
    false,
    null,
  ),
  fc.constantFrom('429', '17s', '1e9', 'NaN', 'retry after 99999999999 days', 'limit: 0', ''),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: 'small' },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('tree'), { maxKeys: 6, noNullPrototype: true }),
  ),
}))

const json = tree.map(value => JSON.stringify(value) ?? 'null')
const text = fc.oneof(
  json,
  fc.json(),
  fc.constantFrom(...BODIES),
  // Cut off anywhere, as events, with a page before it, twice.
  fc.tuple(json, fc.nat()).map(([whole, at]) => whole.slice(0, at % (whole.length + 1))),
  json.map(whole => `event: error\ndata: ${whole}\n\n`),
  json.map(whole => `<html>${whole}`),
  json.map(whole => `${whole}\n${whole}`),
  fc.string({ unit: 'binary', maxLength: 300 }),
)
const body = fc.option(
  fc.oneof(
    text.map(said => Buffer.from(said)),
    fc.uint8Array({ maxLength: 300 }),
  ),
  {
    nil: undefined,
  },
)
const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom('retry-after', 'retry-after-ms', 'x-amzn-errortype', 'date', 'x-ratelimit-remaining'),
    fc.constantFrom(
      'x-ratelimit-reset',
      'x-ratelimit-remaining-tokens',
      'x-ratelimit-reset-tokens',
      '__proto__',
    ),
    fc.string(),
  ),
  fc.oneof(fc.constantFrom('0', '1', '-1', '1e400', 'Wed, 21 Oct 2026 07:28:05 GMT', '6m0s'), fc.string()),
)
const status = fc.oneof(
  fc.integer({ min: 400, max: 599 }),
  fc.constantFrom(0, 100, 200, 204, 302, 429, 999, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY),
)

test('total: any status, headers and body have one class of the closed set and a status a client can use', () => {
  const flags = fc.record({ inStream: fc.boolean(), sent: fc.boolean(), resource: fc.boolean() })
  fc.assert(
    fc.property(status, headers, body, flags, (upstream, said, bytes, marks) => {
      const signal = {
        kind: 'response',
        status: upstream,
        headers: said,
        body: bytes,
        provider,
        ...marks,
      } as const
      assertSane(classify(signal), upstream)
    }),
    { numRuns: 3_000 },
  )
})

test('total: so has any error object that a dialect found inside a success', () => {
  const found = fc.dictionary(fc.constantFrom(...KEYS), tree, { maxKeys: 8, noNullPrototype: true })
  fc.assert(
    fc.property(found, headers, (errorObject, said) => {
      const read = JSON.parse(JSON.stringify(errorObject)) as JsonObject
      const signal: ResponseSignal = {
        kind: 'response',
        status: 200,
        headers: said,
        body: undefined,
        errorObject: read,
        provider,
        inStream: true,
        sent: true,
      }
      assertSane(classify(signal), 200)
    }),
    { numRuns: 1_500 },
  )
})

test('members that have no text form are no text', () => {
  const odd = { toString: 0, valueOf: 0 }
  const bodies: readonly object[] = [
    { detail: [{ loc: [odd, 'body'], msg: 'wrong' }] },
    { error: { message: 'x', details: [{ retryDelay: { seconds: odd, nanos: odd } }] } },
    { error: { message: odd, code: odd, type: odd, status: odd, param: odd, retry_after: odd } },
    { base_resp: { status_code: odd, status_msg: 'x' } },
  ]
  for (const said of bodies) assertSane(classify(raw(429, JSON.stringify(said))), 429)
})

const MEGABYTE = 1024 * 1024
/** Generous: a busy machine reads any of these in a few milliseconds, a runaway expression takes minutes. */
const LONGEST_MS = 500

const timed = (what: string, signal: ResponseSignal): void => {
  const started = performance.now()
  assertSane(classify(signal), signal.status)
  assert.ok(performance.now() - started < LONGEST_MS, `${what} took ${performance.now() - started} ms`)
}

const raw = (status: number, bytes: string, more: Partial<ResponseSignal> = {}): ResponseSignal => ({
  kind: 'response',
  status,
  headers: {},
  body: Buffer.from(bytes),
  provider,
  inStream: false,
  sent: true,
  ...more,
})

/** Every run of letters in the expressions themselves, so that each one's beginning is met again and again. */
const FRAGMENTS = [
  ...new Set(
    ['error-phrases', 'error-wait', 'error-mask', 'error-text']
      .map(name => readFileSync(new URL(`../dialects/${name}.ts`, import.meta.url), 'utf8'))
      .flatMap(source => source.match(/\/[^\n]{8,}\/[gi]*[,)\]]/g) ?? [])
      .flatMap(expression => expression.match(/[a-z][a-z' ]{2,}/g) ?? []),
  ),
]

test('a megabyte that begins every expression again and again is read in bounded time', () => {
  assert.ok(FRAGMENTS.length > 150, String(FRAGMENTS.length))
  for (const fragment of FRAGMENTS) {
    for (const piece of [fragment, `${fragment} 1 `]) {
      const long = piece.repeat(Math.ceil(MEGABYTE / piece.length))
      timed(piece, raw(500, '', { errorObject: { message: long, code: long, param: long } }))
      if (piece === fragment) timed(piece, raw(400, long))
    }
  }
})

const HOSTILE: readonly (readonly [what: string, piece: string, around?: readonly [string, string]])[] = [
  ['open lists', '['],
  ['open objects', '{"error":'],
  ['details inside details', '{"detail":'],
  ['half members', '"code":"'],
  ['backslashes', '\\', ['{"message":"', '']],
  ['escaped quotes', '\\"', ['{"message":"', '"}']],
  ['numbers and units', '1s ', ['retry after ', '']],
  ['waits', 'try again in '],
  ['event lines', 'data: {\n'],
  ['tags', '<'],
  ['white space', ' \n'],
  ['NUL', '\0'],
  ['lone surrogates', '\ud800'],
  ['dots', 'a.'],
  ['slashes', '/'],
  ['colons', ':1'],
]

test('a megabyte of any shape is read in bounded time', () => {
  for (const [what, piece, [before, after] = ['', '']] of HOSTILE) {
    const long = before + piece.repeat(Math.ceil(MEGABYTE / piece.length)) + after
    for (const status of [200, 400, 404, 429, 500]) timed(`${what} ${status}`, raw(status, long))
    // Just under what is read as a whole.
    timed(what, raw(500, long.slice(0, 255 * 1024)))
  }
})

test('many members, many headers, deep relays: bounded all the same', () => {
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]))
  const nested = (depth: number): string =>
    depth === 0 ? '{"error":{"message":"x"}}' : JSON.stringify({ error: { message: nested(depth - 1) } })
  const wide = {
    innererror: many(60, many(60, many(60, 'a b'))),
    details: Array(5_000).fill({ reason: 'x' }),
  }
  timed('wide detail', raw(500, '', { errorObject: wide as JsonObject }))
  timed('relays', raw(500, nested(12)))
  const long = 'ratelimit-remaining-'.repeat(10_000)
  timed(
    'told headers',
    raw(429, JSON.stringify({ error: { message: 'x', metadata: { headers: { [long]: '0' } } } })),
  )
  timed(
    'long header',
    raw(429, '{}', { headers: { [long.slice(0, 16_384)]: '0', 'x-amzn-errortype': long } }),
  )
  timed('long waits', raw(429, '{}', { headers: { 'retry-after': '1,'.repeat(500_000), date: long } }))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../wire/json.ts'
import { backoffMs, retryAfterOf } from './backoff.ts'

const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT')
const retryInfo = (retryDelay: Json): Json => ({
  error: {
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    details: [{ '@type': 'QuotaFailure' }, { '@type': 'RetryInfo', retryDelay }],
  },
})
const said = (message: string): Json => ({ error: { message } })

/** What providers send, and what it means. */
const table: readonly (readonly [
  name: string,
  headers: Record<string, string>,
  expected: number | undefined,
  body?: Json,
])[] = [
  ['seconds', { 'retry-after': '2' }, 2_000],
  ['a fraction of a second', { 'retry-after': '0.25' }, 250],
  ['zero is now', { 'retry-after': '0' }, 0],
  ['milliseconds win over seconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
  ['the other spelling of milliseconds', { 'x-ms-retry-after-ms': '700' }, 700],
  ['a date', { 'retry-after': 'Wed, 21 Oct 2026 07:28:37 GMT' }, 37_000],
  ['a date in the past is now', { 'retry-after': 'Wed, 21 Oct 2026 07:00:00 GMT' }, 0],
  [
    'a date is measured on the clock of its sender',
    { 'retry-after': 'Wed, 21 Oct 2026 09:00:10 GMT', date: 'Wed, 21 Oct 2026 09:00:00 GMT' },
    10_000,
  ],
  ['an RFC 3339 date', { 'retry-after': '2026-10-21T07:28:05Z' }, 5_000],
  ['a header that came twice', { 'retry-after': '2, 5' }, 5_000],
  ['too long is an hour', { 'retry-after': '1000000000' }, 3_600_000],
  ['a date in the form of asctime', { 'retry-after': 'Wed Oct 21 07:28:37 2026' }, 37_000],
  ['a date of the early days of HTTP', { 'retry-after': 'Wednesday, 21-Oct-26 07:28:37 GMT' }, 37_000],
  ['a duration with its unit', { 'retry-after': '1m30s' }, 90_000],
  ['the structured RateLimit field', { ratelimit: '"burst";r=3;t=9, "minute";r=0;t=30' }, 30_000],
  ['the structured RateLimit field while something remains', { ratelimit: '"minute";r=1;t=30' }, undefined],
  ['the structured RateLimit field without a moment', { ratelimit: '"minute";r=0' }, undefined],
  ['negative is silence', { 'retry-after': '-5' }, undefined],
  ['garbage is silence', { 'retry-after': 'soon' }, undefined],
  ['empty is silence', { 'retry-after': '' }, undefined],
  ['not a number', { 'retry-after': 'NaN' }, undefined],
  ['infinity', { 'retry-after': 'Infinity' }, undefined],
  ['hexadecimal', { 'retry-after': '0x10' }, undefined],
  ['a bare year is no date', { 'retry-after': '2026-10' }, undefined],
  ['garbage falls through to the body', { 'retry-after': 'soon' }, 17_000, retryInfo('17s')],
  ['nothing at all', {}, undefined],
  ['RetryInfo', {}, 17_500, retryInfo('17.5s')],
  ['RetryInfo in parts', {}, 3_500, retryInfo({ seconds: 3, nanos: 500_000_000 })],
  ['RetryInfo inside an array', {}, 17_000, [retryInfo('17s')]],
  ['RetryInfo of nonsense', {}, undefined, retryInfo('later')],
  ['a sentence with seconds', {}, 37_000, said('Rate limit exceeded. Please retry after 37 seconds.')],
  ['a sentence with a short form', {}, 62_500, said('Please try again in 1m2.5s. Visit …')],
  ['a sentence with milliseconds', {}, 20, said('Please try again in 20ms.')],
  ['a sentence with minutes', {}, 120_000, said('Please try again in 2 minutes.')],
  ['a sentence without a number', {}, undefined, said('Please try again in a while.')],
  [
    'a reset while nothing remains',
    { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' },
    360_000,
  ],
  [
    'a reset in milliseconds',
    { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '20ms' },
    20,
  ],
  [
    'a reset in bare seconds',
    { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '12' },
    12_000,
  ],
  [
    'a reset while something remains',
    { 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': '6m0s' },
    undefined,
  ],
  [
    'limits that say nothing',
    { 'x-ratelimit-remaining-requests': '-1', 'x-ratelimit-reset-requests': '0' },
    undefined,
  ],
  [
    'the longer of two exhausted limits',
    {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '4s',
    },
    4_000,
  ],
  [
    'a reset that is a date',
    {
      'vendor-ratelimit-input-tokens-remaining': '0',
      'vendor-ratelimit-input-tokens-reset': '2026-10-21T07:28:09Z',
    },
    9_000,
  ],
  [
    'a reset that is a moment',
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now + 8_000) },
    8_000,
  ],
  [
    'limits of a minute and of an hour',
    {
      'x-ratelimit-remaining-requests': '9',
      'x-ratelimit-reset-requests': '59',
      'x-ratelimit-remaining-requests-1h': '0',
      'x-ratelimit-reset-requests-1h': '120',
    },
    120_000,
  ],
  [
    'nothing, as a fraction',
    { 'x-ratelimit-remaining-tokens-minute': '0.0', 'x-ratelimit-reset-tokens-minute': '11.38' },
    11_380,
  ],
  [
    'a limit by size, in a name without a hyphen',
    { 'ratelimitbysize-remaining': '0', 'ratelimitbysize-reset': '28' },
    28_000,
  ],
  [
    'a limit in a name with one hyphen more',
    { 'x-rate-limit-remaining-tokens': '0', 'x-rate-limit-reset-tokens': '55' },
    55_000,
  ],
  ['seconds beyond every number', { 'retry-after': '99999999999999999999' }, 3_600_000],
  ['a reset of which nobody says what remains', { 'x-ratelimit-reset-requests': '3s' }, undefined],
  ['a body that asks for more than the header', { 'retry-after': '1' }, 17_000, retryInfo('17s')],
  ['a header that asks for more than the body', { 'retry-after': '20' }, 20_000, retryInfo('17s')],
  [
    'a header of no wait is no answer to a body that asks for one',
    { 'retry-after': '0' },
    17_000,
    retryInfo('17s'),
  ],
  [
    'a body wins over the reset of a limit',
    { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' },
    1_200,
    said('Please try again in 1.2s.'),
  ],
]

for (const [name, headers, expected, body] of table) {
  test(`M-172 retry after: ${name}`, () => assert.equal(retryAfterOf(headers, body, now), expected))
}

test('a rate limit whose headers tell resets alone lasts until the first of them', () => {
  const limited = (headers: Record<string, string>) => retryAfterOf(headers, undefined, now, true)
  assert.equal(limited({ 'x-ratelimit-reset-requests': '3s', 'x-ratelimit-reset-tokens': '1m' }), 3_000)
  assert.equal(limited({ 'x-ratelimit-reset': String(now / 1_000 + 4) }), 4_000)
  const tokensRemain = { 'x-ratelimit-reset-tokens': '1m', 'x-ratelimit-remaining-tokens': '7' }
  assert.equal(limited({ 'x-ratelimit-reset-requests': '3s', ...tokensRemain }), undefined)
  assert.equal(limited({ 'retry-after': '1', 'x-ratelimit-reset-requests': '3s' }), 1_000)
  assert.equal(limited({ 'x-ratelimit-reset-requests': 'soon' }), undefined)
  assert.equal(limited({ 'x-rate-limit-reset-tokens': '55', 'x-ratelimit-remaining-requests': '-1' }), 55_000)
  // -1 of a limit is how a provider says that it does not know what remains.
  assert.equal(limited({ 'x-ratelimit-reset-tokens': '2', 'x-ratelimit-remaining-tokens': '-1' }), 2_000)
  // What has been reset is not what holds the call back; a wait of 0 would say that the deployment may be asked at once.
  assert.equal(limited({ 'x-ratelimit-reset-requests': '3s', 'x-ratelimit-reset-tokens': '0s' }), 3_000)
  assert.equal(limited({ 'x-ratelimit-reset-requests': '0' }), undefined)
  assert.equal(limited({ 'x-ratelimit-reset': String(now / 1_000 - 4) }), undefined)
})

test('without a clock a date is silence, and everything else still counts', () => {
  assert.equal(
    retryAfterOf({ 'retry-after': 'Wed, 21 Oct 2026 07:28:37 GMT' }, undefined, undefined),
    undefined,
  )
  assert.equal(retryAfterOf({ 'retry-after': '3' }, undefined, undefined), 3_000)
})

test('whatever a provider sends, the wait is absent or between 0 and an hour', () => {
  const header = fc.constantFrom(
    'retry-after',
    'retry-after-ms',
    'x-ratelimit-remaining-tokens',
    'x-ratelimit-reset-tokens',
    'date',
  )
  const value = fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String), fc.constant('0'))
  fc.assert(
    fc.property(fc.dictionary(header, value), fc.jsonValue(), (headers, body) => {
      const wait = retryAfterOf(headers, body as Json, now)
      assert.ok(wait === undefined || (wait >= 0 && wait <= 3_600_000), String(wait))
    }),
  )
})

test('back-off: full jitter that doubles to a cap of 8 s', () => {
  const highest = { random: () => 1 - Number.EPSILON }
  const spans = [0, 1, 2, 3, 4, 5, 40, 2_000].map(attempt => backoffMs(attempt, highest, 0))
  assert.deepEqual(spans, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000])
  assert.equal(backoffMs(3, { random: () => 0 }, 0), 0)
  assert.equal(backoffMs(3, { random: () => 0.5 }, 0), 2_000)
})

test('back-off: never under what the provider asked for', () => {
  fc.assert(
    fc.property(
      fc.nat(20),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(3_600_000),
      (attempt, die, floor) => {
        const wait = backoffMs(attempt, { random: () => die }, floor)
        assert.ok(wait >= floor && wait <= Math.max(floor, 8_000))
      },
    ),
  )
  assert.equal(backoffMs(0, { random: () => 0 }, Number.NaN), 0)
})

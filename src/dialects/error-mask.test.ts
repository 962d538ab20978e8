import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskDetail, maskText } from './error-mask.ts'

const secrets: readonly (readonly [text: string, hidden: string])[] = [
  ['Incorrect API key provided: sk-proj-abc***********xyz9.', 'abc'],
  ['bad header Authorization: Bearer abcdef123456.xyz', 'abcdef123456'],
  ['Invalid key AIzaSyD-1234567890abcdefghij', '1234567890'],
  ['credential AKIAIOSFODNN7EXAMPLE is gone', 'IOSFODNN7'],
  ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', 'hbGci'],
  ['key 0123456789abcdef0123456789abcdef refused', '456789abcdef'],
  ['{"api_key": "hunter2hunter2"}', 'hunter2'],
  ['see https://user:pw@internal.example.com/v1?key=1 for more', 'internal.example'],
  ['connect to gateway.prod.example.com:8443 failed', 'gateway.prod'],
  ['connect ECONNREFUSED 10.1.2.3:443', '10.1.2.3'],
  ['dial tcp [::1]:11434: refused', '::1'],
  ['localhost:11434 refused', '11434'],
  ['upstream llm.team.svc timed out', 'llm.team'],
  ['open /home/app/models/weights.bin: no such file', 'weights'],
  ['open C:\\models\\weights.bin failed', 'weights'],
]

for (const [text, hidden] of secrets) {
  test(`masked: ${text}`, () => {
    const safe = maskText(text)
    assert.ok(!safe.includes(hidden), safe)
    assert.ok(safe.length > 0)
  })
}

test('what a client needs to understand stays', () => {
  const plain = [
    "Unknown parameter: 'input[270].metadata'.",
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages).",
    'The model `meta-llama/Llama-3.1-70B-Instruct` does not exist.',
    "Previous response with id 'resp_68b0f1c2d3e4f5a6b7c8d9e0f1a2b3c4' not found.",
    'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 1.5s.',
    'prompt is too long: 210000 tokens > 200000 maximum',
    'Use /v1/responses instead of /v1/chat/completions.',
    'line one\nline two',
  ]
  for (const text of plain) assert.equal(maskText(text), text)
})

test('a stack trace leaves its first and last line only', () => {
  const trace =
    'Internal error\nTraceback (most recent call last):\n  File "/srv/x.py", line 3, in run\n    secret_call(1)\nValueError: bad shape'
  assert.equal(maskText(trace), 'Internal error\nValueError: bad shape')
  assert.equal(maskText('TypeError: x\n    at run (/srv/a.js:1:2)\n    at b.js:3:4'), 'TypeError: x')
})

test('control characters go, so that no log line or header can be forged', () => {
  assert.equal(maskText('a\r\u0000b\u001b[31mc\td'), 'ab[31mc\td')
})

test('any text comes out short, and fast, and well formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 6_000 }), text => {
      const safe = maskText(text)
      assert.ok(safe.length <= 4_096)
    }),
    { numRuns: 100 },
  )
  assert.equal(maskText('😀'.repeat(4_000)).isWellFormed(), true)
})

test('hostile texts cost no more than friendly ones', () => {
  for (const piece of [
    'a.',
    'a-',
    'a',
    '1',
    '/',
    'http://',
    'sk-',
    ' bearer ',
    '1.1.1.',
    ':',
    '/home/',
    '\n ',
  ]) {
    const started = performance.now()
    maskText(piece.repeat(8_192))
    assert.ok(performance.now() - started < 500, piece)
  }
})

test('detail is masked at every level and dropped when it is too much', () => {
  assert.deepEqual(maskDetail({ code: 'X', deep: { list: ['see https://a.example/b'] } }), {
    code: 'X',
    deep: { list: ['see [url]'] },
  })
  assert.equal(
    maskDetail(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, 'x y '.repeat(40)]))),
    undefined,
  )
})

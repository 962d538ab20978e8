import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../attempt/classify.ts'
import { VERDICTS } from '../failure.ts'
import { ERROR_BODIES, signalOf } from './error-bodies.fixture.ts'
import { CALLER_WORDS, STRONG_WORDS, WEAK_WORDS } from './error-words.ts'

/** What providers answer by their own documentation and public reports, and what it means. */
for (const row of ERROR_BODIES) {
  test(`${row.who} ${row.status} is ${row.expected}: ${row.body.slice(0, 90)}`, () => {
    const failure = classify(signalOf(row))
    assert.equal(failure.class, row.expected, failure.message)
    assert.equal(failure.status, row.shown, failure.message)
    if (row.expected === 'context_window') assert.equal(failure.code, 'context_length_exceeded')
    if (row.code !== undefined) assert.equal(failure.code, row.code)
    if (row.waitMs !== undefined) assert.equal(failure.retryAfterMs, row.waitMs)
    assert.ok(!/https?:|sk-abc|10\.0\.0|<html/i.test(failure.message), failure.message)
    if (row.status >= 400 && row.status < 500) assert.ok(failure.status < 500, 'a 4xx stays a 4xx')
  })
}

const PROVIDERS =
  'openai azure anthropic gemini vertex bedrock mistral groq deepseek xai vllm sglang ollama openrouter together fireworks cohere'

test('the table keeps its size and its providers', () => {
  assert.ok(ERROR_BODIES.length >= 600, String(ERROR_BODIES.length))
  for (const name of PROVIDERS.split(' ')) {
    const count = ERROR_BODIES.filter(row => row.who === name).length
    assert.ok(count >= 15, `${name} has ${count}`)
  }
})

const coded = (status: number, code: string): string =>
  classify(
    signalOf({
      who: 'word',
      status,
      expected: '',
      shown: 0,
      headers: {},
      waitMs: undefined,
      code: undefined,
      body: JSON.stringify({ error: { message: 'x', code } }),
    }),
  ).class

test('a decisive word decides at every status, and a word about the request before everything else', () => {
  for (const status of [200, 400, 403, 429, 500, 503]) {
    for (const [word, expected] of STRONG_WORDS)
      assert.equal(coded(status, word), expected, `${status} ${word}`)
    for (const word of CALLER_WORDS) assert.equal(coded(status, word), 'caller_fault', `${status} ${word}`)
  }
})

test('a weak word decides behind a 200 and is not heard where the status says enough', () => {
  for (const [word, expected] of WEAK_WORDS) {
    assert.equal(coded(200, word), expected, word)
    assert.equal(coded(400, word), 'caller_fault', word)
    assert.equal(coded(429, word), 'rate_limit', word)
  }
})

test('an error of the caller that is cut off anywhere never rests a deployment', () => {
  for (const row of ERROR_BODIES.filter(one => one.expected === 'caller_fault' && one.status < 500)) {
    for (let length = 0; length < row.body.length; length += 1) {
      const failure = classify(signalOf({ ...row, body: row.body.slice(0, length) }))
      // An answer inside a 200 that is cut off is a broken answer, whoever is at fault.
      if (row.status !== 200 || failure.class !== 'transient')
        assert.equal(
          VERDICTS[failure.class].cooldown,
          'none',
          `${failure.class}: ${row.body.slice(0, length)}`,
        )
    }
  }
})

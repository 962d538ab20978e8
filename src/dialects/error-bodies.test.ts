import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { classify } from '../attempt/classify.ts'

/**
 * What providers answer by their own documentation and public reports, and what it means. One line each in error-bodies.txt:
 * who, upstream status, class, status shown to the client, body. Status 200 is an error inside a success or a stream.
 */
const rows = readFileSync(new URL('./error-bodies.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line.trim() !== '' && !line.startsWith('#'))

for (const row of rows) {
  const form = /^(\S+) +(\d{3}) (\w+) (\d{3})(?: (.*))?$/.exec(row)
  const [, who = '', status = '', expected = '', shown = '', body = ''] = form ?? assert.fail(row)
  test(`${who} ${status} is ${expected}: ${body.slice(0, 90)}`, () => {
    const failure = classify({
      kind: 'response',
      status: Number(status),
      headers: {},
      body: Buffer.from(body),
      provider: { exception: 'OpenAIException' },
      inStream: status === '200',
      sent: true,
    })
    assert.equal(failure.class, expected, failure.message)
    assert.equal(failure.status, Number(shown), failure.message)
    if (expected === 'context_window') assert.equal(failure.code, 'context_length_exceeded')
    assert.ok(!/https?:|sk-abc|10\.0\.0|<html/i.test(failure.message), failure.message)
    if (Number(status) >= 400 && Number(status) < 500) assert.ok(failure.status < 500, 'a 4xx stays a 4xx')
  })
}

test('the table keeps its size', () => assert.ok(rows.length >= 250, String(rows.length)))

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { classify } from '../attempt/classify.ts'

/**
 * What providers answer by their own documentation and public reports, and what it means. One line each in
 * error-bodies.txt: who, upstream status, class, status shown to the client, then what applies of `wait=` (milliseconds
 * the failure asks for), `code=` (the code a client reads) and `@name=value` (a header), then the body. A body that
 * begins with `~` is written as a JSON string. Status 200 is an error inside a success or a stream.
 */
const rows = readFileSync(new URL('./error-bodies.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line.trim() !== '' && !line.startsWith('#'))

type Row = {
  readonly who: string
  readonly status: number
  readonly expected: string
  readonly shown: number
  readonly marks: ReadonlyMap<string, string>
  readonly body: string
}

const rowOf = (line: string): Row => {
  const form = /^(\S+) +(\d{3}) (\w+) (\d{3})((?: (?:wait|code|@[a-z-]+)=\S*)*)(?: (.*))?$/.exec(line)
  const [, who = '', status, expected = '', shown, marks = '', body = ''] = form ?? assert.fail(line)
  const pairs = marks.split(' ').filter(mark => mark !== '')
  return {
    who,
    status: Number(status),
    expected,
    shown: Number(shown),
    marks: new Map(pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
    body: body.startsWith('~') ? String(JSON.parse(body.slice(1))) : body,
  }
}

const headersOf = ({ marks }: Row): Record<string, string> =>
  Object.fromEntries(
    [...marks].filter(([name]) => name.startsWith('@')).map(([name, value]) => [name.slice(1), value]),
  )

for (const row of rows.map(rowOf)) {
  test(`${row.who} ${row.status} is ${row.expected}: ${row.body.slice(0, 90)}`, () => {
    const failure = classify({
      kind: 'response',
      status: row.status,
      headers: headersOf(row),
      body: Buffer.from(row.body),
      provider: { exception: 'OpenAIException' },
      inStream: row.status === 200,
      sent: true,
      wallNow: Date.parse('2026-10-21T07:28:00Z'),
    })
    assert.equal(failure.class, row.expected, failure.message)
    assert.equal(failure.status, row.shown, failure.message)
    if (row.expected === 'context_window') assert.equal(failure.code, 'context_length_exceeded')
    if (row.marks.has('code')) assert.equal(failure.code, row.marks.get('code'))
    if (row.marks.has('wait')) assert.equal(failure.retryAfterMs, Number(row.marks.get('wait')))
    assert.ok(!/https?:|sk-abc|10\.0\.0|<html/i.test(failure.message), failure.message)
    if (row.status >= 400 && row.status < 500) assert.ok(failure.status < 500, 'a 4xx stays a 4xx')
  })
}

const PROVIDERS: readonly string[] = [
  'openai',
  'azure',
  'anthropic',
  'gemini',
  'vertex',
  'bedrock',
  'mistral',
  'groq',
  'deepseek',
  'xai',
  'vllm',
  'sglang',
  'ollama',
  'openrouter',
  'together',
  'fireworks',
  'cohere',
]

test('the table keeps its size and its providers', () => {
  assert.ok(rows.length >= 400, String(rows.length))
  for (const name of PROVIDERS) {
    const count = rows.filter(row => row.startsWith(`${name} `)).length
    assert.ok(count >= 8, `${name} has ${count}`)
  }
})

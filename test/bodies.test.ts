import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { asked, assertRefused, CHAT, JSON_TYPE, KEY, MESSAGES, open } from './support/bodies.ts'
import { formOf } from './support/stream-kinds.ts'

type Bad = {
  readonly what: string
  readonly body: string | Uint8Array
  readonly param: string
  readonly path?: string
  readonly type?: string
}

const form = (fields: string): string => `--frontier\r\n${fields}\r\n--frontier--\r\n`
const FORM_TYPE = 'multipart/form-data; boundary=frontier'
const FILE = 'Content-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nnoise'
const EAR = 'Content-Disposition: form-data; name="model"\r\n\r\near'

const broken: readonly Bad[] = [
  { what: 'a key given twice', body: `{"model":"g","model":"b",${MESSAGES}}`, param: 'model' },
  { what: 'a key twice, once escaped', body: `{"model":"g","mod\\u0065l":"b",${MESSAGES}}`, param: 'model' },
  { what: 'another key twice', body: `{"model":"g","user":"a",${MESSAGES},"user":"b"}`, param: 'user' },
  { what: 'no model', body: `{${MESSAGES}}`, param: 'model' },
  { what: 'model null', body: `{"model":null,${MESSAGES}}`, param: 'model' },
  { what: 'model a number', body: `{"model":7,${MESSAGES}}`, param: 'model' },
  { what: 'model a list', body: `{"model":["g"],${MESSAGES}}`, param: 'model' },
  { what: 'model empty', body: `{"model":"",${MESSAGES}}`, param: 'model' },
  { what: 'model of spaces', body: `{"model":"  ",${MESSAGES}}`, param: 'model' },
  { what: 'model a URL', body: `{"model":"https://example.com/v1",${MESSAGES}}`, param: 'model' },
  { what: 'model too long', body: `{"model":"${'g'.repeat(10_000)}",${MESSAGES}}`, param: 'model' },
  { what: 'stream as text', body: `{"model":"g","stream":"true",${MESSAGES}}`, param: 'stream' },
  { what: 'stream as a number', body: `{"model":"g","stream":1,${MESSAGES}}`, param: 'stream' },
  { what: 'a line break in the model', body: `{"model":"g\\r\\nx-evil: 1",${MESSAGES}}`, param: 'model' },
  { what: 'a NUL in the model', body: `{"model":"g\\u0000",${MESSAGES}}`, param: 'model' },
  {
    what: 'invalid UTF-8',
    body: Buffer.from(`{"model":"g","user":"\xff",${MESSAGES}}`, 'latin1'),
    param: 'request_body',
  },
  { what: 'a byte order mark', body: `\uFEFF{"model":"g",${MESSAGES}}`, param: 'request_body' },
  {
    what: 'depth over the limit',
    body: `{"model":"g","x":${'['.repeat(5000)}${']'.repeat(5000)},${MESSAGES}}`,
    param: 'request_body',
  },
  { what: 'an unfinished object', body: `{"model":"g",${MESSAGES}`, param: 'request_body' },
  { what: 'a trailing comma', body: `{"model":"g",${MESSAGES},}`, param: 'request_body' },
  { what: 'single quotes', body: "{'model':'g'}", param: 'request_body' },
  { what: 'a comment', body: `{"model":"g",/* hm */${MESSAGES}}`, param: 'request_body' },
  { what: 'NaN', body: `{"model":"g","x":NaN,${MESSAGES}}`, param: 'request_body' },
  { what: 'a number with a leading zero', body: `{"model":"g","x":01,${MESSAGES}}`, param: 'request_body' },
  { what: 'a bare control character', body: `{"model":"g","x":"\u0007",${MESSAGES}}`, param: 'request_body' },
  { what: 'two objects', body: `{"model":"g",${MESSAGES}}{}`, param: 'request_body' },
  { what: 'a list', body: `[{"model":"g",${MESSAGES}}]`, param: 'request_body' },
  { what: 'a string', body: '"model"', param: 'request_body' },
  { what: 'nothing', body: '', param: 'request_body' },
  { what: 'spaces', body: '  \n ', param: 'request_body' },
  { what: 'text', body: 'model=g&prompt=hello', param: 'request_body' },
  {
    what: 'text where a form should be',
    path: '/v1/audio/transcriptions',
    type: 'text/plain',
    body: 'noise',
    param: 'content-type',
  },
  {
    what: 'a form without a boundary',
    path: '/v1/audio/transcriptions',
    type: 'multipart/form-data',
    body: form(EAR),
    param: 'request_body',
  },
  {
    what: 'a form that breaks off',
    path: '/v1/audio/transcriptions',
    type: FORM_TYPE,
    body: form(`${EAR}\r\n--frontier\r\n${FILE}`).slice(0, -10),
    param: 'request_body',
  },
  {
    what: 'a form with another boundary',
    path: '/v1/images/edits',
    type: 'multipart/form-data; boundary=other',
    body: form(EAR),
    param: 'request_body',
  },
  {
    what: 'a form with a nameless part',
    path: '/v1/audio/translations',
    type: FORM_TYPE,
    body: form(`${EAR}\r\n--frontier\r\nContent-Type: text/plain\r\n\r\nx`),
    param: 'request_body',
  },
  {
    what: 'a form with two models',
    path: '/v1/audio/transcriptions',
    type: FORM_TYPE,
    body: form(`${EAR}\r\n--frontier\r\n${EAR}`),
    param: 'request_body',
  },
  {
    what: 'a form without a model',
    path: '/v1/audio/transcriptions',
    type: FORM_TYPE,
    body: form(FILE),
    param: 'model',
  },
  {
    what: 'a boundary of a megabyte',
    path: '/v1/audio/transcriptions',
    type: `multipart/form-data; boundary=${'-'.repeat(30_000)}`,
    body: form(EAR),
    param: 'request_body',
  },
]

test('a body that is wrong is refused before any provider is asked, on a connection that stays', async t => {
  const on = await open(t)
  const client = await on.raw()
  for (const { what, body, param, path = CHAT, type = 'application/json' } of broken) {
    await t.test(what, async () => {
      const before = asked(on)
      await client.request({ path, headers: [KEY, ['content-type', type]], body })
      const { status, headers } = await client.head()
      const text = (await client.body()).toString()
      const flat = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
      assertRefused({ status, headers: flat, text, json: () => JSON.parse(text) }, 400, param)
      assert.equal(flat['x-evil'], undefined)
      assert.equal(asked(on), before)
      // The same connection serves the next request.
      await client.request({ path: CHAT, headers: [KEY, JSON_TYPE], body: `{"model":"g",${MESSAGES}}` })
      assert.equal((await client.head()).status, 200)
      await client.body()
    })
  }
  await t.test('nothing is held for them', () => assert.equal(on.served().house.memory.held, 0))
})

test('only the model changes on the way: numbers, escapes, spaces and order stay', async t => {
  const on = await open(t)
  // Where @ stands is the model; nothing else may differ.
  const bodies = [
    `{"model":@,"seed":12345678901234567890,"temperature":1.0,"x":"\\u0041","zz":{"b":1,"a":2},${MESSAGES}}`,
    ` {\n\t"zz" : [ 1.0 , 1e2 , -0 ] ,\r\n  "messages" : [ { "content" : "\\ud83c\\udfad é \\/" , "role" : "user" } ] , "model"  :  @ }\n`,
    `{"frobnicate":{"model":"g"},${MESSAGES},"mod\\u0065l":@,"x":1.10}`,
    `{"model":@,${MESSAGES},"x":"${'é'.repeat(100_000)}"}`,
  ]
  for (const template of bodies) {
    const expected = template.replace('@', '"gpt-4.1"')
    on.stages.lead.clear()
    on.stages.backup.clear()
    on.stages.lead.script([
      { kind: 'status', status: 503 },
      { kind: 'reset', when: 'before-headers' },
    ])
    const reply = await on.ask(CHAT, template.replace('@', '"g"'))
    assert.equal(reply.status, 200, reply.text)
    const received = [...on.stages.lead.requests, ...on.stages.backup.requests].map(hit => hit.text)
    // The first attempt, the retry, and the fallback: each the client's own bytes.
    assert.deepEqual(received, [expected, expected, expected])
  }
})

test('a parameter that nobody knows goes to the provider, which may know it', async t => {
  const on = await open(t)
  const known = await on.ask(CHAT, `{"model":"g","frobnicate":[1],${MESSAGES}}`)
  assert.equal(known.status, 200)
  const [hit] = on.stages.lead.requests
  assert.ok(hit)
  assert.deepEqual((hit.json as JsonObject).frobnicate, [1])
  const unknown = await on.ask(CHAT, {
    model: 'g',
    nobody_knows: 1,
    messages: JSON.parse(`{${MESSAGES}}`).messages,
    disable_fallbacks: true,
  })
  // It says no, and by name: then it is asked without, and the client is told.
  const asked = on.stages.lead.requests.slice(1).map(({ json }) => (json as JsonObject).nobody_knows)
  assert.deepEqual(asked, [1, undefined])
  assert.equal(unknown.status, 200)
  assert.match(String(unknown.headers['x-understudy-dropped']), /nobody_knows/)
})

test('a form is replayed byte for byte', async t => {
  const on = await open(t)
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 31) % 256))
  const cases = [
    {
      path: '/v1/images/edits',
      group: 'painter',
      model: 'gpt-image-1',
      parts: [
        { name: 'prompt', value: 'A stage, \u{1F3AD}' },
        { name: 'image', value: noise, filename: 'a "b".png', type: 'image/png' },
        { name: 'model', value: 'painter' },
        { name: 'size', value: '1024x1024' },
      ],
    },
    {
      path: '/v1/audio/transcriptions',
      group: 'ear',
      model: 'whisper-1',
      parts: [
        { name: 'model', value: 'ear' },
        { name: 'file', value: noise, filename: '../../etc/passwd', type: 'audio/mpeg' },
        { name: 'response_format', value: 'json' },
      ],
    },
  ]
  for (const { path, group, model, parts } of cases) {
    on.stages.lead.clear()
    on.stages.backup.clear()
    on.stages.lead.script([
      { kind: 'status', status: 503 },
      { kind: 'status', status: 503 },
    ])
    const { type, bytes } = formOf(parts.map(part => ({ ...part, ...quoted(part) })))
    const client = await on.send({ path, headers: [KEY, ['content-type', type]], body: bytes })
    assert.equal((await client.head()).status, 200)
    const expected = formOf(
      parts.map(part => ({
        ...part,
        ...quoted(part),
        value: part.name === 'model' ? model : part.value,
      })),
    ).bytes
    const received = [...on.stages.lead.requests, ...on.stages.backup.requests]
    assert.equal(received.length, 3)
    for (const hit of received) {
      assert.equal(hit.header('content-type'), type)
      assert.ok(expected.equals(hit.body), `${group}: ${hit.text.slice(0, 400)}`)
    }
  }
})

/** As browsers write a quote in a file name. */
const quoted = (part: { readonly filename?: string }): { filename?: string } =>
  part.filename === undefined ? {} : { filename: part.filename.replaceAll('"', '%22') }

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, bodyText, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { gemini } from './gemini.ts'
import { type Ask, Unsupported } from './provider.ts'

const HELLO = '{"contents":[ {"role":"user","parts":[{"text":"hi"}]} ],"generationConfig":{"topP":1.0}}'
const ask = (route: string, more: Partial<Ask> = {}): Ask =>
  askFor(route, { body: jsonBody(HELLO), model: 'gemini-2.5-flash', ...more })
const at = (more: Parameters<typeof connectTo>[1] = {}) => connectTo(gemini, { key: 'AIza-stage', ...more })

describe('the address', () => {
  const host = 'https://generativelanguage.googleapis.com'
  test('the base names the version, or the deployment does, or nobody', () => {
    const url = (more: Parameters<typeof connectTo>[1]) => urlOf(at(more).draft(ask('gemini.generate')))
    const path = 'models/gemini-2.5-flash:generateContent'
    assert.equal(url({}), `${host}/v1beta/${path}`)
    assert.equal(url({ apiVersion: 'v1alpha' }), `${host}/v1alpha/${path}`)
    assert.equal(url({ apiBase: 'https://g.example/v1/' }), `https://g.example/v1/${path}`)
    assert.equal(
      url({ apiBase: 'https://g.example/google?tenant=a' }),
      `https://g.example/google/v1beta/${path}?tenant=a`,
    )
    assert.equal(url({ env: { GEMINI_API_BASE: 'http://g.example' } }), `http://g.example/v1beta/${path}`)
    assert.throws(() => at({ apiVersion: '2024-10-21' }), /api_version/)
  })

  test('the model is one encoded segment, in the collection that its name begins with', () => {
    const url = (model: string) => urlOf(at().draft(ask('gemini.generate', { model })))
    assert.equal(url('models/gemini-x'), `${host}/v1beta/models/gemini-x:generateContent`)
    assert.equal(url('tunedModels/mine'), `${host}/v1beta/tunedModels/mine:generateContent`)
    assert.equal(url('a/b?c'), `${host}/v1beta/models/a%2Fb%3Fc:generateContent`)
    assert.throws(() => url('..'), Unsupported)
  })

  test('the verb follows the call, and a stream is read as events', () => {
    const tail = (route: string, more: Partial<Ask> = {}) =>
      urlOf(at().draft(ask(route, more))).slice(`${host}/v1beta/models/gemini-2.5-flash:`.length)
    assert.equal(tail('gemini.stream', { stream: true, query: '' }), 'streamGenerateContent?alt=sse')
    assert.equal(
      tail('gemini.stream', { stream: true, query: '%24alt=json&alt=json&prettyPrint=false' }),
      'streamGenerateContent?alt=sse&prettyPrint=false',
    )
    assert.equal(tail('gemini.count_tokens'), 'countTokens')
    const body = jsonBody('{"model":"g","messages":[{"role":"user","content":"hi"}],"stream":true}')
    assert.equal(
      tail('chat.completions', { body, stream: true, query: 'beta=true' }),
      'streamGenerateContent?alt=sse',
    )
    assert.equal(tail('chat.completions', { body }), 'generateContent')
  })
})

describe('the key', () => {
  test('is a header of its own, and nothing else', async () => {
    for (const more of [{ key: 'AIza-stage' }, { env: { GOOGLE_API_KEY: 'AIza-stage' } }]) {
      const connection = connectTo(gemini, more)
      const draft = connection.draft(ask('gemini.generate'))
      assert.deepEqual(await connection.authorize(draft, new Date(0)), [['x-goog-api-key', 'AIza-stage']])
      assert.ok(!JSON.stringify([draft.path, draft.headers]).includes('AIza-stage'))
    }
    const both = { GEMINI_API_KEY: 'first', GOOGLE_API_KEY: 'second' }
    const connection = connectTo(gemini, { env: both })
    const draft = connection.draft(ask('gemini.generate'))
    assert.deepEqual(await connection.authorize(draft, new Date(0)), [['x-goog-api-key', 'first']])
    assert.match(connectTo(gemini, {}).missing ?? '', /GEMINI_API_KEY/)
  })
})

describe('the body', () => {
  test('of a client of this API is its own, byte for byte', () => {
    const draft = at().draft(ask('gemini.generate'))
    assert.equal(bodyText(draft), HELLO)
    assert.deepEqual([draft.edits, draft.warnings], [[], []])
    assert.equal(headersOf(draft.headers)['content-type'], 'application/json')
  })

  test('holds no group’s name', () => {
    const body = jsonBody('{"model":"group","contents":[]}')
    const draft = at().draft(ask('gemini.generate', { body }))
    assert.equal(bodyText(draft), '{"contents":[]}')
    assert.deepEqual(draft.edits, [{ op: 'drop', path: ['model'], why: 'model' }])
  })

  test('of a history that another provider took part in gets what models since Gemini 3 want', () => {
    const history =
      '{"contents":[{"role":"user"},{"role":"model","parts":[{"functionCall":{"id":"a","name":"f"}}]}]}'
    const draft = (model: string) => at().draft(ask('gemini.generate', { body: jsonBody(history), model }))
    assert.equal(bodyText(draft('gemini-2.5-flash')), history)
    const third = draft('gemini-3-flash')
    const parts = (bodyOf(third).contents as JsonObject[])[1]?.parts
    assert.deepEqual(parts, [
      { functionCall: { id: 'a', name: 'f' }, thoughtSignature: 'skip_thought_signature_validator' },
    ])
    assert.deepEqual(
      third.edits.map(edit => [edit.op, edit.path.join('.'), edit.why]),
      [['set', 'contents.1.parts.0.thoughtSignature', 'call-history']],
    )
  })

  test('of a chat client is translated, with what was lost', () => {
    const body = jsonBody('{"model":"g","messages":[{"role":"user","content":"hi"}],"user":"u","n":2}')
    assert.throws(() => at().draft(ask('chat.completions', { body })), /does not support parameters: \['n'\]/)
    const draft = at().draft(ask('chat.completions', { body, dropParams: true }))
    assert.deepEqual(bodyOf(draft), { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] })
    assert.deepEqual(
      draft.warnings.map(warning => warning.lost),
      ['user', 'n'],
    )
  })

  test('of anything else is refused', () => {
    for (const route of ['embeddings', 'images.generations', 'files.list'])
      assert.throws(() => at().draft(ask(route)), Unsupported, route)
  })
})

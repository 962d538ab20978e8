import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Secret } from '../config/secret.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, bodyText, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { type Ask, Unsupported } from './provider.ts'
import { vertexAi } from './vertex-ai.ts'

const HELLO = '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
const CLAUDE = '{"model":"group","max_tokens":16,"messages":[{"role":"user","content":"hi"}],"top_p":1.0}'
const ask = (route: string, more: Partial<Ask> = {}): Ask =>
  askFor(route, { body: jsonBody(HELLO), model: 'gemini-2.5-flash', ...more })
const PLACE = { vertex_project: 'stage-1', vertex_location: 'us-east5' }
const at = (extra: JsonObject = PLACE, more: Parameters<typeof connectTo>[1] = {}) =>
  connectTo(vertexAi, { key: 'ya29.token', extra, ...more })

describe('the address', () => {
  const url = (extra: JsonObject, more: Partial<Ask> = {}) =>
    urlOf(at(extra).draft(ask('gemini.generate', more)))
  test('follows the location: a region, several of them, all of them', () => {
    const tail = 'publishers/google/models/gemini-2.5-flash:generateContent'
    const rows = [
      ['us-east5', 'https://us-east5-aiplatform.googleapis.com'],
      ['global', 'https://aiplatform.googleapis.com'],
      ['eu', 'https://aiplatform.eu.rep.googleapis.com'],
    ] as const
    for (const [location, host] of rows)
      assert.equal(
        url({ vertex_project: 'p', vertex_location: location }),
        `${host}/v1/projects/p/locations/${location}/${tail}`,
      )
    assert.match(url({ vertex_project: 'p' }), /^https:\/\/us-central1-aiplatform/)
    for (const vertex_location of ['evil.example/', 'a.b', 'x@y', 'US'])
      assert.throws(() => at({ vertex_project: 'p', vertex_location }), /vertex_location/)
  })

  test('follows the model: Google’s, Claude, a tuned one by its endpoint', () => {
    const path = (model: string, more: Partial<Ask> = {}) =>
      url(PLACE, { model, ...more }).replace(/^.*\/locations\/us-east5\//, '')
    assert.equal(path('gemini/gemini-x'), 'publishers/google/models/gemini-x:generateContent')
    assert.equal(path('1234567890'), 'endpoints/1234567890:generateContent')
    assert.equal(path('gemini/42', { stream: true }), 'endpoints/42:streamGenerateContent?alt=sse')
    assert.throws(() => path('meta/llama-4'), Unsupported)
    const claude = { body: jsonBody(CLAUDE), model: 'claude-sonnet-4@20250514' }
    const of = (more: Partial<Ask>) => urlOf(at().draft(ask('messages.create', { ...claude, ...more })))
    assert.match(of({}), /publishers\/anthropic\/models\/claude-sonnet-4%4020250514:rawPredict$/)
    assert.match(of({ stream: true }), /:streamRawPredict$/)
  })

  test('is the deployment’s own where it names one', () => {
    const own = (apiBase: string) =>
      urlOf(at(PLACE, { apiBase }).draft(ask('gemini.generate'))).replace(/publishers.*/, '')
    const scope = 'projects/stage-1/locations/us-east5/'
    assert.equal(own('https://g.example/vertex'), `https://g.example/vertex/v1/${scope}`)
    assert.equal(own('https://g.example/vertex/v1beta1'), `https://g.example/vertex/v1beta1/${scope}`)
  })
})

describe('the credential', () => {
  const headers = async (key: string, extra: JsonObject = PLACE) => {
    const connection = connectTo(vertexAi, { key, extra })
    return connection.authorize(connection.draft(ask('gemini.generate')), new Date(0))
  }
  test('is a token, or a key of the express mode, which needs no project', async () => {
    assert.deepEqual(await headers('ya29.token'), [['authorization', 'Bearer ya29.token']])
    assert.deepEqual(await headers('AIzaKey', {}), [['x-goog-api-key', 'AIzaKey']])
    const express = connectTo(vertexAi, { key: 'AIzaKey', extra: { vertex_location: 'global' } })
    assert.equal(
      urlOf(express.draft(ask('gemini.generate'))),
      'https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash:generateContent',
    )
    assert.equal(express.missing, undefined)
    assert.match(connectTo(vertexAi, { key: 'ya29.token', env: {} }).missing ?? '', /vertex_project/)
  })

  test('is fetched where none is written, and names its project', async () => {
    const vertex_credentials = {
      type: 'service_account',
      project_id: 'of-the-account',
      client_email: 'a@b.example',
      private_key: 'k',
      token_uri: 'https://oauth.example/token',
    }
    const connection = connectTo(vertexAi, { extra: { vertex_credentials, vertex_location: 'global' } })
    assert.notEqual(connection.recipe, undefined)
    assert.equal(connection.credentialId, connection.recipe?.identity)
    const draft = connection.draft(ask('gemini.generate'))
    assert.match(draft.path, /\/projects\/of-the-account\//)
    const held = { kind: 'bearer', token: new Secret('ya29.fetched') } as const
    assert.deepEqual(await connection.authorize(draft, new Date(0), held), [
      ['authorization', 'Bearer ya29.fetched'],
    ])
  })
})

describe('the body', () => {
  test('has no ids of calls: Vertex AI refuses them', () => {
    const history =
      '{"contents":[{"role":"user"},{"role":"model","parts":[{"functionCall":{"id":"a","name":"f"}}]},' +
      '{"role":"user","parts":[{"function_response":{"id":"a","name":"f","response":{"id":"kept"}}}]}]}'
    const draft = at().draft(ask('gemini.generate', { body: jsonBody(history) }))
    assert.equal(bodyText(draft).includes('"id":"a"'), false)
    assert.match(bodyText(draft), /"response":\{"id":"kept"\}/)
    assert.deepEqual(
      draft.edits.map(edit => `${edit.op} ${edit.path.join('.')} (${edit.why})`),
      [
        'drop contents.*.parts.*.functionCall.id (call-history)',
        'drop contents.*.parts.*.function_response.id (call-history)',
      ],
    )
    assert.equal(bodyText(at().draft(ask('gemini.generate'))), HELLO)
  })

  test('of Claude is the client’s own, its model in the path and its version in the body', () => {
    const draft = at().draft(
      ask('messages.create', {
        body: jsonBody(CLAUDE),
        model: 'claude-sonnet-4@20250514',
        headers: [
          ['anthropic-version', '2023-06-01'],
          ['anthropic-beta', 'x,context-1m-2025-08-07'],
        ],
      }),
    )
    assert.equal(
      bodyText(draft),
      '{"max_tokens":16,"messages":[{"role":"user","content":"hi"}],"top_p":1.0,"anthropic_version":"vertex-2023-10-16"}',
    )
    assert.deepEqual(
      draft.edits.map(edit => `${edit.op} ${edit.path.join('.')}`),
      ['drop model', 'set anthropic_version'],
    )
    const headers = headersOf(draft.headers)
    assert.deepEqual(
      [headers['anthropic-version'], headers['anthropic-beta']],
      [undefined, 'context-1m-2025-08-07'],
    )
  })

  test('of a client of another dialect is in the dialect of the model', () => {
    const body = jsonBody('{"model":"g","messages":[{"role":"user","content":"hi"}],"max_tokens":16}')
    const claude = bodyOf(at().draft(ask('chat.completions', { body, model: 'claude-sonnet-4' })))
    assert.deepEqual([claude.model, claude.anthropic_version], [undefined, 'vertex-2023-10-16'])
    assert.equal(claude.max_tokens, 16)
    const gemini = bodyOf(at().draft(ask('chat.completions', { body })))
    assert.deepEqual(gemini.generationConfig, { maxOutputTokens: 16 })
    const fromGemini = bodyOf(at().draft(ask('gemini.generate', { model: 'claude-sonnet-4' })))
    assert.equal(Array.isArray(fromGemini.messages), true)
  })
})

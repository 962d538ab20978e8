import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { askFor, bodyOf, connectTo, headersOf, urlOf } from './ask.fixture.ts'
import { azure } from './azure.ts'
import { Unsupported } from './provider.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const HOST = 'https://r.openai.azure.com'

type Params = Parameters<typeof connectTo>[1]
const at = (more: Params & object) => connectTo(azure, { key: 'k', ...more })
const url = (more: Params & object, route: string, ask: Parameters<typeof askFor>[1] = {}) =>
  urlOf(at(more).draft(askFor(route, { model: 'my-gpt', ...ask }))).replace(HOST, '')

describe('dated versions', () => {
  const classic = { apiBase: `${HOST}/`, apiVersion: '2024-10-21' }
  const rows: readonly (readonly [route: string, url: string])[] = [
    ['chat.completions', '/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21'],
    ['completions', '/openai/deployments/my-gpt/completions?api-version=2024-10-21'],
    ['embeddings', '/openai/deployments/my-gpt/embeddings?api-version=2024-10-21'],
    ['images.generations', '/openai/deployments/my-gpt/images/generations?api-version=2024-10-21'],
    ['audio.speech', '/openai/deployments/my-gpt/audio/speech?api-version=2024-10-21'],
    ['responses.create', '/openai/responses?api-version=2024-10-21'],
    ['responses.compact', '/openai/responses/compact?api-version=2024-10-21'],
    ['conversations.create', '/openai/conversations?api-version=2024-10-21'],
    ['files.list', '/openai/files?api-version=2024-10-21'],
    ['batches.create', '/openai/batches?api-version=2024-10-21'],
    ['fine_tuning.create', '/openai/fine_tuning/jobs?api-version=2024-10-21'],
    ['vector_stores.create', '/openai/vector_stores?api-version=2024-10-21'],
  ]
  for (const [route, expected] of rows) test(route, () => assert.equal(url(classic, route), expected))

  test('an id is one segment', () => {
    const expected = '/openai/responses/a%2Fb?api-version=2024-10-21&limit=1'
    assert.equal(url(classic, 'responses.get', { params: { id: 'a/b' }, query: 'limit=1' }), expected)
  })

  test('the deployment’s version wins over the client’s', () => {
    assert.equal(
      url(classic, 'files.list', { query: 'api-version=2020-01-01&limit=1' }),
      '/openai/files?api-version=2024-10-21&limit=1',
    )
  })

  test('moderations and rerank exist only in v1', () => {
    for (const route of ['moderations', 'rerank', 'rerank.v2']) {
      assert.throws(() => url(classic, route), Unsupported)
    }
    assert.equal(url({ ...classic, apiVersion: 'v1' }, 'moderations'), '/openai/v1/moderations')
  })

  test('a deployment name cannot climb out of its segment', () => {
    // Encoded slashes are decoded by some proxies on the way, and then the dots climb.
    for (const model of ['..', 'a/../b', '..\\a'])
      assert.throws(() => url(classic, 'embeddings', { model }), Unsupported)
    assert.equal(
      url(classic, 'embeddings', { model: 'a/..b' }),
      '/openai/deployments/a%2F..b/embeddings?api-version=2024-10-21',
    )
  })

  test('LiteLLM’s hints in the model are no part of the name', () => {
    for (const model of ['o_series/o3', 'gpt5_series/o3'])
      assert.match(url(classic, 'chat.completions', { model }), /deployments\/o3\/chat/)
    assert.match(url(classic, 'embeddings', { model: 'responses/o3' }), /deployments\/o3\/embeddings/)
  })
})

describe('the version in force', () => {
  test('without one: the built-in for chat, v1 preview for responses', () => {
    const bare = { apiBase: HOST }
    assert.match(url(bare, 'chat.completions'), /deployments\/my-gpt\/.*\?api-version=2025-02-01-preview$/)
    assert.equal(url(bare, 'responses.create'), '/openai/v1/responses?api-version=preview')
    assert.equal(url(bare, 'responses.compact'), '/openai/v1/responses/compact?api-version=preview')
    assert.equal(url(bare, 'files.list'), '/openai/files?api-version=2025-02-01-preview')
  })

  test('from the environment', () => {
    const env = { AZURE_API_VERSION: '2024-06-01', AZURE_DEFAULT_RESPONSES_API_VERSION: '2025-03-01-preview' }
    assert.match(url({ apiBase: HOST, env }, 'chat.completions'), /api-version=2024-06-01$/)
    assert.equal(
      url({ apiBase: HOST, env }, 'responses.create'),
      '/openai/responses?api-version=2025-03-01-preview',
    )
  })

  test('from the address', () => {
    assert.match(
      url({ apiBase: `${HOST}?api-version=2023-05-15` }, 'embeddings'),
      /\?api-version=2023-05-15$/,
    )
    const both = { apiBase: `${HOST}?api-version=2023-05-15&x=1`, apiVersion: '2024-10-21' }
    assert.match(url(both, 'embeddings'), /\?api-version=2024-10-21&x=1$/)
  })
})

describe('the v1 API', () => {
  const rows: readonly (readonly [base: string, version: string | undefined, url: string])[] = [
    [HOST, 'v1', '/openai/v1/chat/completions'],
    [`${HOST}/`, 'preview', '/openai/v1/chat/completions?api-version=preview'],
    [HOST, 'latest', '/openai/v1/chat/completions?api-version=latest'],
    [`${HOST}/openai`, 'v1', '/openai/v1/chat/completions'],
    [`${HOST}/openai/v1`, undefined, '/openai/v1/chat/completions'],
    [`${HOST}/openai/v1/`, undefined, '/openai/v1/chat/completions'],
    [`${HOST}/openai/v1/`, 'v1', '/openai/v1/chat/completions'],
    [`${HOST}/openai/v1/`, 'preview', '/openai/v1/chat/completions?api-version=preview'],
    [`${HOST}/openai/v1/responses`, undefined, '/openai/v1/chat/completions'],
    [`${HOST}/api/projects/p/openai/v1`, undefined, '/api/projects/p/openai/v1/chat/completions'],
    [`${HOST}/openai/v1?team=a`, undefined, '/openai/v1/chat/completions?team=a'],
  ]
  for (const [apiBase, apiVersion, expected] of rows) {
    test(`${apiBase.replace(HOST, '…')} with ${apiVersion ?? 'no version'}`, () => {
      const params = { apiBase, ...(apiVersion === undefined ? {} : { apiVersion }) }
      assert.equal(url(params, 'chat.completions'), expected)
    })
  }

  test('a v1 address ignores the versions of the environment and of the client', () => {
    const env = { AZURE_API_VERSION: '2024-06-01' }
    const ask = { query: 'api-version=2024-06-01&limit=1' }
    assert.equal(url({ apiBase: `${HOST}/openai/v1/`, env }, 'files.list', ask), '/openai/v1/files?limit=1')
    assert.equal(
      url({ apiBase: `${HOST}/openai/v1/`, env }, 'responses.compact'),
      '/openai/v1/responses/compact',
    )
  })
})

describe('an address that names more than the resource', () => {
  test('a deployment in it is honoured', () => {
    for (const tail of ['', '/', '/chat/completions']) {
      const params = { apiBase: `${HOST}/openai/deployments/fixed${tail}`, apiVersion: '2024-10-21' }
      assert.equal(url(params, 'embeddings'), '/openai/deployments/fixed/embeddings?api-version=2024-10-21')
      assert.equal(url(params, 'files.list'), '/openai/files?api-version=2024-10-21')
      const draft = at(params).draft(askFor('embeddings'))
      assert.equal(bodyOf(draft).model, 'fixed')
    }
  })

  test('the responses route in it is not doubled, a gateway’s own path is kept', () => {
    const version = { apiVersion: '2025-03-01-preview' }
    assert.equal(
      url({ apiBase: `${HOST}/openai/responses`, ...version }, 'responses.create'),
      '/openai/responses?api-version=2025-03-01-preview',
    )
    assert.match(
      url({ apiBase: `${HOST}/apim/x`, ...version }, 'embeddings'),
      /^\/apim\/x\/openai\/deployments\//,
    )
  })

  test('none at all says what to set', () => {
    assert.throws(() => connectTo(azure, { key: 'k' }), /api_base or AZURE_API_BASE/)
    assert.equal(connectTo(azure, { key: 'k', env: { AZURE_API_BASE: HOST } }).baseUrl, HOST)
  })
})

describe('the credential', () => {
  const header = async (more: Params & object) => {
    const connection = connectTo(azure, { apiBase: HOST, ...more })
    return headersOf(await connection.authorize(connection.draft(askFor('embeddings')), NOW))
  }

  test('a key goes into api-key', async () => {
    assert.deepEqual(await header({ key: 'k1' }), { 'api-key': 'k1' })
    assert.deepEqual(await header({ env: { AZURE_API_KEY: 'k2' } }), { 'api-key': 'k2' })
    assert.deepEqual(await header({ env: { AZURE_API_KEY: 'k2', AZURE_OPENAI_API_KEY: 'k3' } }), {
      'api-key': 'k3',
    })
  })

  test('a token goes into authorization; the deployment’s own comes before the environment’s key', async () => {
    const extra = { azure_ad_token: 'tok' }
    assert.deepEqual(await header({ extra, env: { AZURE_API_KEY: 'k' } }), { authorization: 'Bearer tok' })
    assert.deepEqual(await header({ extra, key: 'k' }), { 'api-key': 'k' })
    assert.deepEqual(await header({ env: { AZURE_AD_TOKEN: 'tok' } }), { authorization: 'Bearer tok' })
  })

  test('none is said with the names', () => {
    const { missing, credentialId } = connectTo(azure, { apiBase: HOST })
    assert.equal(missing, 'no API key: set litellm_params.api_key or AZURE_OPENAI_API_KEY or AZURE_API_KEY')
    assert.equal(credentialId, '')
  })

  const signIn = { tenant_id: 't', client_id: 'c', client_secret: 'hush-hush' }

  test('a sign-in is a recipe that shows no value; who signs in is the boundary, wherever that is done', () => {
    const one = connectTo(azure, { apiBase: HOST, extra: signIn })
    assert.equal(one.missing, undefined)
    assert.match(one.recipe?.title ?? '', /Entra ID/)
    assert.doesNotMatch(inspect(one, { depth: 9 }), /hush/)
    const env = { AZURE_AUTHORITY_HOST: 'https://login.example' }
    const moved = connectTo(azure, { apiBase: HOST, extra: signIn, env })
    assert.equal(moved.credentialId, one.credentialId)
    assert.notEqual(moved.recipe?.id, one.recipe?.id)
    const other = connectTo(azure, { apiBase: HOST, extra: { ...signIn, client_secret: 'other' } })
    assert.notEqual(other.credentialId, one.credentialId)
  })

  test('what signs in stands between a key of its own and a key of the environment', () => {
    const has = (more: Params & object) => connectTo(azure, { apiBase: HOST, ...more }).recipe !== undefined
    assert.equal(has({ extra: signIn, env: { AZURE_API_KEY: 'k' } }), true)
    assert.equal(has({ extra: signIn, key: 'k' }), false)
    assert.equal(has({ extra: { ...signIn, azure_ad_token: 'tok' } }), false)
    const env = { AZURE_TENANT_ID: 't', AZURE_CLIENT_ID: 'c', AZURE_CLIENT_SECRET: 's' }
    assert.equal(has({ env }), true)
    assert.equal(has({ env: { ...env, AZURE_API_KEY: 'k' } }), false)
    assert.equal(has({ extra: { client_id: 'mine' }, env }), true)
    assert.equal(has({ env: {}, settings: { enable_azure_ad_token_refresh: true } }), true)
    assert.equal(has({ env: {}, settings: { enable_azure_ad_token_refresh: true }, ambient: false }), false)
    // A key that cannot be sent is no reason to sign in as somebody else.
    assert.equal(has({ env, key: 'broken\nkey' }), false)
  })

  test('a sign-in that lacks something says what', () => {
    const at = (extra: object, env = {}) => connectTo(azure, { apiBase: HOST, extra: { ...extra }, env })
    assert.throws(() => at({ client_secret: 's' }), /needs tenant_id and client_id, or AZURE_TENANT_ID/)
    assert.throws(() => at({ azure_ad_token: 'oidc/azure/' }), /needs tenant_id and client_id/)
    assert.throws(() => at({ ...signIn, azure_ad_token: 'oidc/nowhere/x' }), /oidc\/nowhere is not known/)
    assert.throws(() => at({ ...signIn, tenant_id: '../x' }), /cannot stand in an upstream path/)
    assert.throws(
      () => at(signIn, { AZURE_AUTHORITY_HOST: 'ftp://x' }),
      /AZURE_AUTHORITY_HOST is not an http/,
    )
    assert.match(at({ client_id: 'c' }).missing ?? '', /no API key: .*; client_id alone cannot sign in/)
    const settings = { enable_azure_ad_token_refresh: true }
    assert.throws(
      () => connectTo(azure, { apiBase: HOST, settings, env: { AZURE_CREDENTIAL: 'AzureCliCredential' } }),
      /AZURE_CREDENTIAL=AzureCliCredential cannot be used: use DefaultAzureCredential/,
    )
  })
})

test('the deployment name is the model of the body', () => {
  const draft = at({ apiBase: HOST }).draft(askFor('chat.completions', { model: 'my-gpt' }))
  assert.equal(bodyOf(draft).model, 'my-gpt')
  assert.equal(headersOf(draft.headers)['content-type'], 'application/json')
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { ROUTES } from '../routes.ts'
import { indexMultipart } from '../wire/multipart.ts'
import { askFor, bodyOf, bodyText, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { ROWS } from './compatible-rows.ts'
import { providers } from './index.ts'
import { Unsupported } from './provider.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const openai = (more: Parameters<typeof connectTo>[1] = { key: 'sk-1' }) => connectTo(providers.openai, more)

describe('the address', () => {
  const rows: readonly (readonly [provider: string, base: string | undefined, route: string, url: string])[] =
    [
      ['openai', undefined, 'chat.completions', 'https://api.openai.com/v1/chat/completions'],
      ['openai', 'https://h/openai/v1/', 'responses.create', 'https://h/openai/v1/responses'],
      ['openai', 'https://h/openai/v1/', 'responses.compact', 'https://h/openai/v1/responses/compact'],
      ['openai', 'http://127.0.0.1:8000', 'embeddings', 'http://127.0.0.1:8000/embeddings'],
      ['openai', 'https://h/v1?team=a', 'chat.completions', 'https://h/v1/chat/completions?team=a'],
      ['openai', 'https://h/v1/', 'rerank', 'https://h/v1/rerank'],
      ['openai', 'https://h/v1/', 'rerank.v2', 'https://h/v2/rerank'],
      ['openai', 'https://h/api', 'rerank.v2', 'https://h/api/v2/rerank'],
      ['groq', undefined, 'chat.completions', 'https://api.groq.com/openai/v1/chat/completions'],
      ['perplexity', undefined, 'chat.completions', 'https://api.perplexity.ai/chat/completions'],
      ['ollama', undefined, 'chat.completions', 'http://localhost:11434/v1/chat/completions'],
      ['ollama_chat', 'http://box:11434/', 'embeddings', 'http://box:11434/v1/embeddings'],
      ['ollama', 'http://box/ollama/v1', 'embeddings', 'http://box/ollama/v1/embeddings'],
      [
        'azure_ai',
        'https://r.services.ai.azure.com',
        'chat.completions',
        'https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview',
      ],
      [
        'azure_ai',
        'https://r.eastus.models.ai.azure.com',
        'chat.completions',
        'https://r.eastus.models.ai.azure.com/chat/completions',
      ],
      [
        'azure_ai',
        'https://r.services.ai.azure.com/openai/v1/',
        'chat.completions',
        'https://r.services.ai.azure.com/openai/v1/chat/completions',
      ],
    ]
  for (const [name, apiBase, route, url] of rows) {
    test(`${name} at ${apiBase ?? 'its default'}: ${route}`, () => {
      const connection = connectTo(providers[name], {
        key: 'k',
        ...(apiBase === undefined ? {} : { apiBase }),
      })
      assert.equal(urlOf(connection.draft(askFor(route))), url)
    })
  }

  test('the query of the base stays out of the address that is shown', () => {
    assert.equal(openai({ key: 'k', apiBase: 'https://h/v1/?key=hush' }).baseUrl, 'https://h/v1')
  })

  test('the client query goes along and cannot repeat a key of the base', () => {
    const connection = openai({ key: 'k', apiBase: 'https://h/v1?team=a' })
    const draft = connection.draft(askFor('files.list', { query: 'limit=2&team=b&after=x y#z' }))
    assert.equal(draft.path, '/v1/files?team=a&limit=2&after=x%20y%23z')
  })

  test('the environment gives base and key, the deployment wins', () => {
    const env = { OPENAI_BASE_URL: 'https://env/v1', OPENAI_API_BASE: 'https://late/v1', OPENAI_API_KEY: 'k' }
    assert.equal(openai({ env }).baseUrl, 'https://env/v1')
    assert.equal(openai({ env }).missing, undefined)
    assert.equal(openai({ env, apiBase: 'https://own/v1' }).baseUrl, 'https://own/v1')
    assert.equal(connectTo(providers.xai, { env: { XAI_API_BASE: 'https://x' } }).baseUrl, 'https://x')
  })

  test('a provider without an address says what to set', () => {
    assert.throws(() => connectTo(providers.hosted_vllm, {}), /api_base or HOSTED_VLLM_API_BASE/)
  })

  test('an address that cannot be used is refused without being repeated', () => {
    for (const apiBase of ['ftp://h', 'sk-very-secret', 'https://user:sk-very-secret@h/v1']) {
      assert.throws(
        () => openai({ apiBase }),
        (error: Error) => /api_base/.test(error.message) && !/sk-very/.test(inspect(error)),
      )
    }
  })

  test('a path parameter is one segment, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), id => {
        const ask = askFor('files.content', { params: { id }, body: { kind: 'none' } })
        const climbs = id.split(/[/\\]/).some(part => part === '.' || part === '..')
        if (climbs || /\p{Cc}/u.test(id)) return assert.throws(() => openai().draft(ask), Unsupported)
        const url = new URL(urlOf(openai().draft(ask)))
        assert.deepEqual(url.pathname.split('/').slice(0, 3), ['', 'v1', 'files'])
        assert.equal(url.pathname.split('/').length, 5)
        assert.equal(decodeURIComponent(url.pathname.split('/')[3] ?? ''), id)
        assert.equal(url.search + url.hash, '')
      }),
    )
    for (const id of ['', '.', '..', 'a/../b', '..\\b', 'a\nb', 'a\0', '\x7f', '\ud800']) {
      const ask = askFor('files.get', { params: { id } })
      assert.throws(() => openai().draft(ask), Unsupported)
    }
  })
})

describe('the body', () => {
  test('only the model changes, every other byte is the client’s', () => {
    const body = jsonBody('{ "seed":12345678901234567890,\n "model": "group", "t":1.0,"unknown":{"a":[ 1]} }')
    const draft = openai().draft(askFor('chat.completions', { body, model: 'gpt' }))
    assert.equal(
      bodyText(draft),
      '{ "seed":12345678901234567890,\n "model": "gpt", "t":1.0,"unknown":{"a":[ 1]} }',
    )
    assert.deepEqual(draft.edits, [{ op: 'set', path: ['model'], value: 'gpt', why: 'model' }])
  })

  test('a model that is right already is no edit', () => {
    const draft = openai().draft(askFor('chat.completions', { model: 'group' }))
    assert.deepEqual(draft.edits, [])
    assert.equal(bodyText(draft), '{"model":"group","x":1.0}')
  })

  test('a model from the path is put into the body', () => {
    const draft = openai().draft(
      askFor('chat.completions', { body: jsonBody('{"messages":[]}'), model: 'gpt' }),
    )
    assert.deepEqual(bodyOf(draft), { messages: [], model: 'gpt' })
  })

  test('an owned object gets a model only when the client named one', () => {
    const tuning = askFor('fine_tuning.create', { model: 'gpt' })
    assert.deepEqual(bodyOf(openai().draft(tuning)), { model: 'gpt', x: 1 })
    const batch = askFor('batches.create', { body: jsonBody('{"input_file_id":"f"}'), model: 'gpt' })
    assert.equal(bodyText(openai().draft(batch)), '{"input_file_id":"f"}')
    const emptied = askFor('batches.create', {
      model: 'gpt',
      edits: [{ op: 'drop', path: ['model'], why: 'gateway-controls' }],
    })
    assert.deepEqual(bodyOf(openai().draft(emptied)), { x: 1 })
  })

  test('the gateway’s edits come first and are all named', () => {
    const edits = [
      { op: 'drop', path: ['x'], why: 'gateway-controls' },
      { op: 'set', path: ['temperature'], value: 0, why: 'deployment-default' },
    ] as const
    const draft = openai().draft(askFor('chat.completions', { edits }))
    assert.deepEqual(bodyOf(draft), { model: 'upstream-model', temperature: 0 })
    assert.deepEqual(
      draft.edits.map(edit => edit.why),
      ['gateway-controls', 'deployment-default', 'model'],
    )
  })

  test('a form keeps its bytes apart from the model field', () => {
    const text =
      '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngroup\r\n' +
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\u0000\u0001\r\n--b--\r\n'
    const bytes = new TextEncoder().encode(text)
    const contentType = 'multipart/form-data; boundary=b'
    const body = { kind: 'multipart', bytes, index: indexMultipart(bytes, contentType), contentType } as const
    const draft = openai().draft(askFor('audio.transcriptions', { body, model: 'whisper' }))
    const sent = bodyText(draft)
    assert.match(sent, /name="model"\r\n\r\nwhisper\r\n/)
    assert.doesNotMatch(sent, /group/)
    assert.ok(sent.includes('filename="a.wav"\r\n\r\n\u0000\u0001\r\n'))
    assert.equal(headersOf(draft.headers)['content-type'], 'multipart/form-data; boundary=b')
    const same = openai().draft(askFor('audio.transcriptions', { body, model: 'group' }))
    assert.deepEqual(same.body, [bytes])
    assert.throws(() => openai().draft(askFor('audio.transcriptions', { body, model: 'x--b' })), Unsupported)
  })

  test('raw bytes pass, an empty body has no content-type', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const raw = openai().draft(
      askFor('responses.cancel', { params: { id: 'r' }, body: { kind: 'raw', bytes, contentType: 'a/b' } }),
    )
    assert.deepEqual(raw.body, [bytes])
    assert.equal(headersOf(raw.headers)['content-type'], 'a/b')
    for (const body of [
      { kind: 'none' },
      { kind: 'raw', bytes: new Uint8Array(), contentType: '' },
    ] as const) {
      const draft = openai().draft(askFor('responses.cancel', { params: { id: 'r' }, body }))
      assert.deepEqual(draft.body, [])
      assert.equal(headersOf(draft.headers)['content-type'], undefined)
    }
  })
})

describe('the headers', () => {
  test('M-014 content-type stands once, whatever passes along', () => {
    const headers = [
      ['content-type', 'text/plain'],
      ['content-length', '3'],
      ['accept', 'x/y'],
      ['x-trace', 't'],
    ] as const
    const found = headersOf(openai().draft(askFor('chat.completions', { headers, stream: true })).headers)
    assert.equal(found['content-type'], 'application/json')
    assert.equal(found.accept, 'text/event-stream')
    assert.equal(found['accept-encoding'], 'identity')
    assert.equal(found['x-trace'], 't')
    assert.equal(found['content-length'], undefined)
    assert.match(found['user-agent'] ?? '', /^understudy\/\d/)
  })

  test('accept follows the kind of answer', () => {
    const accept = (route: string) =>
      headersOf(openai().draft(askFor(route, { params: { id: 'f' } })).headers).accept
    assert.equal(accept('embeddings'), 'application/json')
    assert.equal(accept('audio.speech'), '*/*')
    assert.equal(accept('files.content'), '*/*')
  })

  test('the credential comes from authorize alone', async () => {
    const connection = openai({ key: ' sk-secret\n', organization: 'org-1' })
    const draft = connection.draft(askFor('chat.completions'))
    assert.doesNotMatch(inspect(draft, { depth: 9 }), /sk-secret/)
    assert.deepEqual(await connection.authorize(draft, NOW), [
      ['authorization', 'Bearer sk-secret'],
      ['openai-organization', 'org-1'],
    ])
  })

  test('a value of the configuration cannot split a header', () => {
    assert.throws(() => openai({ key: 'k', organization: 'o\r\nx: y' }), /organization/)
    const connection = connectTo(providers.openrouter, {
      key: 'k',
      env: { OR_SITE_URL: 'https://a', OR_APP_NAME: 'a\nb' },
    })
    const found = headersOf(connection.draft(askFor('chat.completions')).headers)
    assert.deepEqual([found['http-referer'], found['x-title']], ['https://a', undefined])
  })

  test('extra_headers with their own credential keep ours at home', async () => {
    const connection = openai()
    const draft = connection.draft(askFor('chat.completions', { headers: [['authorization', 'Basic abc']] }))
    assert.deepEqual(await connection.authorize(draft, NOW), [])
  })

  test('two keys are two credentials, one key is one', () => {
    assert.equal(openai({ key: 'a' }).credentialId, openai({ key: 'a' }).credentialId)
    assert.notEqual(openai({ key: 'a' }).credentialId, openai({ key: 'b' }).credentialId)
    assert.equal(openai({}).credentialId, '')
  })
})

describe('a missing key', () => {
  test('is said in a sentence that names the mend', () => {
    assert.equal(openai({}).missing, 'no API key: set litellm_params.api_key or OPENAI_API_KEY')
  })

  test('a key that would break the header is not used and not shown', () => {
    const { missing } = openai({ key: 'sk-1\r\nx-evil: 1' })
    assert.match(missing ?? '', /characters/)
    assert.doesNotMatch(missing ?? '', /evil/)
  })

  test('local servers run without: no header, or the placeholder', async () => {
    const ollama = connectTo(providers.ollama, {})
    assert.equal(ollama.missing, undefined)
    assert.deepEqual(await ollama.authorize(ollama.draft(askFor('chat.completions')), NOW), [])
    const vllm = connectTo(providers.hosted_vllm, { apiBase: 'http://h/v1' })
    assert.deepEqual(await vllm.authorize(vllm.draft(askFor('chat.completions')), NOW), [
      ['authorization', 'Bearer fake-api-key'],
    ])
  })

  test('azure_ai sends its key in the header its host wants', async () => {
    const keyed = async (apiBase: string) => {
      const connection = connectTo(providers.azure_ai, { key: 'k', apiBase })
      return connection.authorize(connection.draft(askFor('chat.completions')), NOW)
    }
    assert.deepEqual(await keyed('https://r.services.ai.azure.com'), [['api-key', 'k']])
    assert.deepEqual(await keyed('https://r.eastus.models.ai.azure.com'), [['authorization', 'Bearer k']])
  })
})

describe('parameters a provider does not take', () => {
  const body = jsonBody('{"model":"m","logit_bias":{"1":2},"keep":1}')
  const groq = connectTo(providers.groq, { key: 'k' })

  test('are refused with LiteLLM’s text', () => {
    assert.throws(
      () => groq.draft(askFor('chat.completions', { body })),
      (error: unknown) =>
        error instanceof Unsupported &&
        error.param === 'logit_bias' &&
        error.message.startsWith(
          "groq does not support parameters: ['logit_bias'], for model=upstream-model.",
        ),
    )
  })

  test('are dropped by name under drop_params', () => {
    const draft = groq.draft(askFor('chat.completions', { body, dropParams: true }))
    assert.deepEqual(bodyOf(draft), { model: 'upstream-model', keep: 1 })
    assert.deepEqual(
      draft.edits.map(edit => edit.why),
      ['model', 'drop-params'],
    )
  })

  test('are sent when allowed_openai_params lists them, and elsewhere', () => {
    const allowed = groq.draft(askFor('chat.completions', { body, allowedParams: ['logit_bias'] }))
    assert.deepEqual(bodyOf(allowed).logit_bias, { '1': 2 })
    assert.deepEqual(bodyOf(openai().draft(askFor('chat.completions', { body }))).logit_bias, { '1': 2 })
  })

  test('a default of the deployment counts too', () => {
    const edits = [{ op: 'set', path: ['logprobs'], value: true, why: 'deployment-default' }] as const
    assert.throws(() => groq.draft(askFor('chat.completions', { edits })), Unsupported)
  })

  test('mistral’s names: the value moves, an inexact number stays', () => {
    const mistral = connectTo(providers.mistral, { key: 'k' })
    const sent = (text: string) =>
      bodyText(mistral.draft(askFor('chat.completions', { body: jsonBody(text) })))
    assert.deepEqual(JSON.parse(sent('{"model":"m","seed":7,"max_completion_tokens":9}')), {
      model: 'upstream-model',
      random_seed: 7,
      max_tokens: 9,
    })
    assert.match(sent('{"model":"m","seed":12345678901234567890}'), /"seed":12345678901234567890/)
    assert.match(sent('{"model":"m","max_completion_tokens":9,"max_tokens":8}'), /"max_tokens":8/)
  })
})

describe('the registry', () => {
  test('every row is there once, under its own name', () => {
    assert.equal(new Set(ROWS.map(row => row.name)).size, ROWS.length)
    for (const [name, provider] of Object.entries(providers)) assert.equal(provider.name, name)
    assert.equal(providers.constructor, undefined)
  })

  test('tags are LiteLLM’s', () => {
    assert.equal(providers.openai?.exception, 'OpenAIException')
    assert.equal(providers.azure?.exception, 'AzureException')
    assert.equal(providers.groq?.exception, 'GroqException')
    assert.equal(providers.hosted_vllm?.exception, 'Hosted_vllmException')
  })

  test('every OpenAI-compatible provider drafts every route', () => {
    const params = { id: 'i', item: 'i', file: 'f', batch: 'b' }
    for (const { name } of [...ROWS, { name: 'openai' }]) {
      // Where /responses is served is another test's: see text-apis.test.ts.
      const info = { mode: undefined, supportedEndpoints: ['/v1/responses'] }
      const connection = connectTo(providers[name], { key: 'k', apiBase: 'https://h/v1', info })
      for (const route of ROUTES) {
        const asked = {
          gemini: '{"contents":[{"parts":[{"text":"Hi"}]}]}',
          gemini_vectors:
            '{"content":{"parts":[{"text":"Hi"}]},"requests":[{"content":{"parts":[{"text":"Hi"}]}}]}',
          messages: '{"messages":[{"role":"user","content":"Hi"}]}',
          message_tokens: '{"messages":[{"role":"user","content":"Hi"}]}',
        }[route.shape as string]
        const body = asked === undefined ? {} : { body: jsonBody(asked) }
        const draft = connection.draft(askFor(route.name, { params, dropParams: true, ...body }))
        assert.doesNotMatch(draft.path, /:/)
        headersOf(draft.headers)
      }
    }
  })
})

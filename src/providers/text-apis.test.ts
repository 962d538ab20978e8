import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { collectLosses } from '../dialects/losses.ts'
import { responsesDoor } from '../dialects/responses.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, connectTo, jsonBody, urlOf } from './ask.fixture.ts'
import { azure } from './azure.ts'
import { providers } from './index.ts'
import { type Ask, type Connection, type Draft, type ProviderParams, Unsupported } from './provider.ts'

const HOST = 'https://somewhere.test/v1'

const connection = (name: string, more: Partial<ProviderParams> = {}): Connection =>
  connectTo(name === 'azure' ? azure : providers[name], { apiBase: HOST, key: 'k', ...more })

const CHAT: JsonObject = { model: 'group', messages: [{ role: 'user', content: 'hi' }], max_tokens: 64 }
const RESPONSES: JsonObject = { model: 'group', input: 'hi', max_output_tokens: 64, stream: true }

const draftOf = (made: Connection, route: string, body: JsonObject, more: Partial<Ask> = {}): Draft =>
  made.draft(askFor(route, { body: jsonBody(JSON.stringify(body)), stream: body.stream === true, ...more }))

const paths = (made: Connection, model = 'm'): readonly string[] => [
  draftOf(made, 'chat.completions', CHAT, { model }).path,
  draftOf(made, 'responses.create', RESPONSES, { model }).path,
]

const info = (mode: string | undefined, ...supportedEndpoints: string[]) => ({
  info: { mode, supportedEndpoints },
})
const BOTH = ['/v1/chat/completions', '/v1/responses']
const CHAT_ONLY = ['/v1/chat/completions', '/v1/chat/completions']
const RESPONSES_ONLY = ['/v1/responses', '/v1/responses']

describe('which API of a provider serves a call', () => {
  for (const name of [
    'openai',
    'xai',
    'openrouter',
    'litellm_proxy',
    'hosted_vllm',
    'volcengine',
    'dashscope',
  ])
    test(`${name}: both are there`, () => assert.deepEqual(paths(connection(name)), BOTH))

  for (const name of ['groq', 'mistral', 'deepseek', 'ollama', 'custom_openai', 'openai_like', 'azure_ai'])
    test(`${name}: only chat completions are known to be there`, () =>
      assert.deepEqual(paths(connection(name)), CHAT_ONLY))

  test('azure has both, at its own addresses', () => {
    const made = connection('azure', { apiBase: 'https://r.test', apiVersion: '2025-04-01-preview' })
    assert.deepEqual(paths(made), [
      '/openai/deployments/m/chat/completions?api-version=2025-04-01-preview',
      '/openai/responses?api-version=2025-04-01-preview',
    ])
    assert.deepEqual(paths(made, 'responses/m'), [
      '/openai/responses?api-version=2025-04-01-preview',
      '/openai/responses?api-version=2025-04-01-preview',
    ])
  })

  test('use_chat_completions_api turns /responses off, whatever else is said', () => {
    const extra = { use_chat_completions_api: true }
    assert.deepEqual(paths(connection('openai', { extra, ...info('responses') }), 'responses/m'), CHAT_ONLY)
    assert.deepEqual(paths(connection('openai', { extra: { use_chat_completions_api: false } })), BOTH)
    assert.throws(
      () => connection('openai', { extra: { use_chat_completions_api: 'perhaps' } }),
      /true or false/,
    )
  })

  test('model_info.supported_endpoints turns it on', () => {
    assert.deepEqual(
      paths(connection('groq', info(undefined, '/v1/chat/completions', '/v1/responses'))),
      BOTH,
    )
    assert.deepEqual(paths(connection('groq', info(undefined, '/v1/chat/completions'))), CHAT_ONLY)
  })

  test('a model that only responses serve: by its mode, by its name, by a setting for all', () => {
    const settings = { route_all_chat_openai_to_responses: true }
    assert.deepEqual(paths(connection('openai', info('responses'))), RESPONSES_ONLY)
    assert.deepEqual(paths(connection('groq', info('responses'))), RESPONSES_ONLY)
    assert.deepEqual(paths(connection('openai'), 'responses/m'), RESPONSES_ONLY)
    assert.deepEqual(paths(connection('openai', { settings })), RESPONSES_ONLY)
    assert.deepEqual(paths(connection('xai', { settings })), BOTH)
    assert.deepEqual(paths(connection('openai', info('chat'))), BOTH)
  })
})

describe('what is sent', () => {
  test('responses as chat completions, in the names that the provider knows', () => {
    assert.deepEqual(bodyOf(draftOf(connection('groq'), 'responses.create', RESPONSES)), {
      model: 'upstream-model',
      messages: [{ role: 'user', content: 'hi' }],
      max_completion_tokens: 64,
      stream: true,
      stream_options: { include_usage: true },
    })
    assert.equal(bodyOf(draftOf(connection('deepseek'), 'responses.create', RESPONSES)).max_tokens, 64)
  })

  test('the provider’s own rules hold for the body that came of it', () => {
    const body = { ...RESPONSES, user: 'me', top_logprobs: 2 }
    assert.throws(() => draftOf(connection('mistral'), 'responses.create', body), Unsupported)
    const draft = draftOf(
      connection('mistral'),
      'responses.create',
      { ...body, stream: false },
      { dropParams: true },
    )
    const sent = bodyOf(draft)
    assert.equal(sent.user, undefined)
    assert.deepEqual(
      draft.edits.map(edit => `${edit.path.join('.')} ${edit.why}`),
      ['user drop-params', 'logprobs drop-params', 'top_logprobs drop-params'],
    )
    const hint = draftOf(connection('mistral'), 'responses.create', { ...RESPONSES, user: 'me' })
    assert.equal(bodyOf(hint).user, undefined, 'for a hint nobody is refused')
  })

  test('chat completions as responses, and nothing is kept there', () => {
    const body = { ...CHAT, stream: true, stream_options: { include_usage: true } }
    assert.deepEqual(bodyOf(draftOf(connection('openai', info('responses')), 'chat.completions', body)), {
      model: 'upstream-model',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
      max_output_tokens: 64,
      stream: true,
      store: false,
    })
  })

  test('the edits of the gateway are made before, and the query of the client stays behind', () => {
    const edits = [{ op: 'set', path: ['temperature'], value: 0.5, why: 'deployment-default' } as const]
    const draft = draftOf(connection('groq'), 'responses.create', RESPONSES, { edits, query: 'beta=true' })
    assert.equal(bodyOf(draft).temperature, 0.5)
    assert.deepEqual(draft.edits, edits)
    assert.equal(urlOf(draft), `${HOST}/chat/completions`)
  })

  test('headers of another dialect stay behind', () => {
    const headers = [
      ['anthropic-beta', 'x'],
      ['x-own', 'y'],
    ] as const
    const draft = draftOf(connection('groq'), 'responses.create', RESPONSES, { headers })
    assert.deepEqual(
      draft.headers.map(([name]) => name).filter(name => !/^(?:accept|content|user)/.test(name)),
      ['x-own'],
    )
  })

  test('what was lost is told, and refused where it would have changed the answer', () => {
    const told = draftOf(connection('groq'), 'responses.create', {
      ...RESPONSES,
      client_metadata: { a: 'b' },
    })
    assert.deepEqual(
      told.warnings.map(warning => warning.lost),
      ['client_metadata'],
    )
    const stop = { ...CHAT, stop: ['END'] }
    const made = connection('openai', info('responses'))
    assert.throws(
      () => draftOf(made, 'chat.completions', stop),
      (error: unknown) =>
        error instanceof Unsupported &&
        error.param === 'stop' &&
        /does not support parameters/.test(error.message),
    )
    const dropped = draftOf(made, 'chat.completions', stop, { dropParams: true })
    assert.deepEqual(
      dropped.warnings.map(warning => warning.lost),
      ['stop'],
    )
  })

  test('a call in the provider’s own dialect is the client’s bytes', () => {
    const draft = draftOf(connection('openai'), 'responses.create', RESPONSES, { model: 'group' })
    assert.deepEqual(bodyOf(draft), RESPONSES)
    assert.deepEqual([draft.edits, draft.warnings], [[], []])
  })
})

describe('what cannot be made of chat completions', () => {
  const rows = [
    ['responses.get', 'GET responses is not supported for groq'],
    ['responses.delete', 'DELETE responses is not supported for groq'],
    ['responses.cancel', 'CANCEL responses is not supported for groq'],
    ['responses.input_items', 'list_input_items is not supported for groq'],
  ] as const
  for (const [route, message] of rows)
    test(`${route} is refused before anything is sent`, () => {
      assert.throws(
        () => draftOf(connection('groq'), route, RESPONSES, { params: { id: 'resp_1' } }),
        (error: unknown) => error instanceof Unsupported && error.message === message,
      )
      assert.ok(draftOf(connection('openai'), route, RESPONSES, { params: { id: 'resp_1' } }).path)
    })
})

describe('how the answer comes back', () => {
  const answer = {
    id: 'chatcmpl-1',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  }
  const translated = (made: Connection, ask: Ask, body: JsonObject): JsonObject => {
    const { translate } = made.reading(ask, () => ({ unique: 'u1', created: 7 }))
    assert.ok(translate)
    return JSON.parse(Buffer.from(translate(Buffer.from(JSON.stringify(body)))).toString()) as JsonObject
  }

  test('a chat completion is a response, which can be sent back', () => {
    const ask = askFor('responses.create', { body: jsonBody(JSON.stringify(RESPONSES)) })
    const response = translated(connection('groq'), ask, answer)
    assert.deepEqual([response.id, response.status, response.created_at], ['resp_u1', 'completed', 7])
    const back = responsesDoor.read({ input: response.output ?? [] }, collectLosses())
    assert.deepEqual(back.turns, [{ role: 'assistant', parts: [{ kind: 'text', text: 'Hello.' }] }])
  })

  test('a response is a chat completion', () => {
    const ask = askFor('chat.completions', { body: jsonBody(JSON.stringify(CHAT)) })
    const content = [{ type: 'output_text', text: 'Hello.', annotations: [] }]
    const completion = translated(connection('openai', info('responses')), ask, {
      id: 'resp_1',
      status: 'completed',
      output: [{ type: 'message', role: 'assistant', content }],
      usage: { input_tokens: 3, output_tokens: 2 },
    })
    assert.equal(completion.object, 'chat.completion')
    assert.deepEqual((completion.choices as JsonObject[])[0]?.finish_reason, 'stop')
  })

  test('in one dialect nothing is translated', () => {
    assert.deepEqual(connection('openai').reading(askFor('chat.completions')), {})
    assert.deepEqual(connection('openai').reading(askFor('responses.create')), {})
  })
})

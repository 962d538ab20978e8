import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Hit } from '../src/stage/recorder.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { chat, failing, message, steady } from './support/steady.ts'

/** What is the gateway's own, or another provider's, and surfaced in a request. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const keyed = (...more: (readonly [name: string, value: string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})
const typed = keyed(['content-type', 'application/json'])

const AWS = {
  model: 'bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0',
  aws_region_name: 'us-east-1',
  aws_access_key_id: 'AKIASTAGE',
  aws_secret_access_key: 'stage-secret',
}
const onBedrock = (group: string, stage: BedrockStage) => ({
  model_name: group,
  litellm_params: { ...AWS, aws_bedrock_runtime_endpoint: stage.url },
})
/** Its clock stands where a steady gateway's begins: signatures are good for five minutes. */
const bedrockStage = async (t: TestContext): Promise<BedrockStage> => {
  const stage = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)) })
  t.after(() => stage.close())
  return stage
}
const namesIn = (headers: BedrockStage['requests'][number]['headers']): readonly string[] =>
  headers.map(([name]) => name.toLowerCase())

test('M-001 the backup of a compaction and of a response gets the client’s bytes with another model, and no key of ours', async t => {
  const theatre = await play(t, {
    stages: { lead: {}, backup: { flavour: 'azure', models: ['prod'] } },
    start: steady().start,
    config: ({ lead, backup }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('second', backup, 'prod')],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { lead, backup } = theatre.stages
  failing(lead, 'gpt-4.1', 503)
  for (const [path, rest] of [
    ['/v1/responses/compact', '"input" : [{"role":"user","content":"Line\\u002c please."}]'],
    ['/v1/responses', '"input":"Line, please.",  "metadata": {"k":"v", "n": "1"}'],
    ['/v1/responses', '"input":"Line, please.","stream":true'],
  ] as const) {
    backup.clear()
    const reply = await theatre.ask(path, `{ "model" : "star", ${rest} }`, typed)
    assert.equal(reply.status, 200, `${path}: ${reply.text}`)
    assert.equal(backup.requests[0]?.text, `{ "model" : "prod", ${rest} }`)
    assertNothingRefused(backup.requests)
    assert.equal(reply.headers['x-litellm-model-group'], 'second')
    assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
  }
})

test('M-001 a compaction that falls to a provider of another kind brings the conversation there, and nothing of ours', async t => {
  const bedrock = await bedrockStage(t)
  const any = { models: ['*'] } as const
  const theatre = await play(t, {
    stages: {
      lead: {},
      claude: { ...any, flavour: 'anthropic' },
      gemini: { ...any, flavour: 'gemini' },
      plain: any,
    },
    start: steady().start,
    config: ({ lead, claude, gemini, plain }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('claude', claude, 'claude-sonnet-4-5'),
        deployment('flash', gemini, 'gemini-2.5-flash'),
        deployment('chatty', plain, 'gpt-oss', { model: 'groq/gpt-oss' }),
        onBedrock('signed', bedrock),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { lead, claude, gemini, plain } = theatre.stages
  failing(lead, 'gpt-4.1', 503)
  const input: Json = [{ role: 'user', content: 'Line, please.' }]
  for (const group of ['claude', 'flash', 'chatty', 'signed'])
    for (const [path, body] of [
      ['/v1/responses/compact', { model: 'star', input }],
      ['/v1/responses', { model: 'star', input: [...input, { type: 'compaction_trigger' }], store: false }],
    ] as const) {
      const reply = await theatre.ask(path, { ...body, metadata: { scene: 'one' }, fallbacks: [group] })
      assert.equal(reply.status, 200, `${group} ${path}: ${reply.text}`)
      assert.equal(reply.headers['x-litellm-model-group'], group)
      assert.match(reply.text, /"type": ?"compaction"/)
    }
  const hits = [claude, gemini, plain].flatMap(({ requests }) => requests)
  assert.equal(hits.length, 6)
  assertNothingRefused(hits)
  assert.ok(bedrock.requests.every(({ refused }) => refused === undefined))
  const bodies = [
    ...hits.map(({ text }) => text),
    ...bedrock.requests.map(({ json }) => JSON.stringify(json)),
  ]
  for (const text of bodies) {
    assert.match(text, /Line, please\./)
    assert.doesNotMatch(text, /litellm|model_group|understudy_|"star"|scene|fallbacks/)
  }
})

test('M-005 the metadata of a batch is the client’s: absent, null or an object, and the provider’s own answer', async t => {
  const theatre = await play(t, {
    stages: { lead: {}, backup: {} },
    start: steady().start,
    config: ({ lead, backup }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('second', backup, 'gpt-4.1')],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { lead, backup } = theatre.stages
  const batch = '"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h"'
  const wrong = {
    error: { message: 'Not like this.', type: 'invalid_request_error', param: null, code: null },
  }
  for (const more of ['', ', "metadata": null', ', "metadata": {"a" : "b"}']) {
    lead.clear()
    lead.script([{ kind: 'status', status: 400, body: wrong }])
    const reply = await theatre.ask('/v1/batches', `{${batch}${more}}`, typed)
    assert.equal(lead.requests[0]?.text, `{${batch}${more}}`)
    assert.equal(reply.status, 400)
    assert.match(String((reply.json().error as JsonObject).message), /Not like this\./)
  }
  assert.equal(backup.requests.length, 0)
})

test('M-010 every hop has the key of its own provider, whatever the one before it was given', async t => {
  const theatre = await play(t, {
    stages: { lead: {}, twin: {}, backup: { flavour: 'azure', models: ['prod'] } },
    start: steady().start,
    config: ({ lead, twin, backup }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1', { order: 1 }),
        deployment('star', twin, 'gpt-4.1', { order: 2 }),
        deployment('second', backup, 'prod'),
      ],
      router_settings: { num_retries: 1, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { lead, twin, backup } = theatre.stages
  for (const stream of [false, true]) {
    for (const stage of [lead, twin, backup]) stage.clear()
    for (const stage of [lead, twin]) failing(stage, 'gpt-4.1', 500)
    const reply = await theatre.ask(CHAT, chat('star', { stream }))
    assert.equal(reply.status, 200, reply.text)
    // A stage takes its own key and no other, so a key that stayed from an earlier hop would have been refused.
    for (const stage of [lead, twin, backup]) assertNothingRefused(stage.requests)
    const credentials = (hit: Hit | undefined) => [hit?.header('authorization'), hit?.header('api-key')]
    assert.deepEqual(credentials(lead.requests[0]), [`Bearer ${lead.key}`, undefined])
    assert.deepEqual(credentials(twin.requests[1]), [`Bearer ${twin.key}`, undefined])
    assert.deepEqual(credentials(backup.requests[0]), [undefined, backup.key])
  }
})

test('M-011 a hop to a provider that signs carries no key of the provider before it', async t => {
  const bedrock = await bedrockStage(t)
  const theatre = await play(t, {
    stages: {
      lead: {},
      azure: { flavour: 'azure', models: ['prod'] },
      claude: { flavour: 'anthropic', models: ['*'] },
    },
    start: steady().start,
    config: ({ lead, azure, claude }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('blue', azure, 'prod'),
        deployment('claude', claude, 'claude-sonnet-4-5'),
        onBedrock('signed', bedrock),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [{ star: ['blue'] }, { blue: ['signed'] }, { claude: ['signed'] }],
      },
    }),
  })
  failing(theatre.stages.lead, 'gpt-4.1', 529)
  failing(theatre.stages.azure, 'prod', 503)
  failing(theatre.stages.claude, 'claude-sonnet-4-5', 529)
  // What clients of Anthropic send with every request is for Anthropic.
  const betas = [
    ['anthropic-version', '2023-06-01'],
    ['anthropic-beta', 'context-management-2025-06-27'],
  ] as const
  for (const [path, group] of [
    [CHAT, 'star'],
    [CHAT, 'blue'],
    [CHAT, 'claude'],
    ['/v1/messages', 'claude'],
  ] as const)
    for (const stream of [false, true]) {
      const body = (path === CHAT ? chat : message)(group, { stream })
      const reply = await theatre.ask(path, body, keyed(['x-trace', 'one'], ...betas))
      assert.equal(reply.status, 200, reply.text)
      const { headers, refused } = bedrock.requests.at(-1) ?? assert.fail('nobody asked')
      assert.equal(refused, undefined)
      const names = namesIn(headers)
      for (const foreign of ['x-api-key', 'api-key', 'openai-beta', 'x-trace'])
        assert.ok(!names.includes(foreign), foreign)
      assert.ok(!names.some(name => name.startsWith('anthropic-')))
      const authorization = headers.filter(([name]) => name.toLowerCase() === 'authorization')
      assert.deepEqual(
        authorization.map(([, value]) => value.split(' ')[0]),
        ['AWS4-HMAC-SHA256'],
      )
    }
})

test('M-013 each attempt is signed for its own bytes, and what the provider says of a long prompt is not lost in a signature error', async t => {
  const bedrock = await bedrockStage(t)
  const theatre = await play(t, {
    stages: { lead: {} },
    start: steady().start,
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), onBedrock('signed', bedrock)],
      router_settings: { num_retries: 2, disable_cooldowns: true, fallbacks: [{ star: ['signed'] }] },
    }),
  })
  failing(theatre.stages.lead, 'gpt-4.1', 500)
  const content = [
    { type: 'text', text: `é🎭 ${'long '.repeat(2000)}` },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
  ]
  const body = chat('star', { messages: [{ role: 'user', content }] })
  const fault = (status: number, type: string, message: string, times = 1) =>
    bedrock.script({ kind: 'status', status, type, message }, times)
  fault(500, 'InternalServerException', 'Again.', 2)
  const served = await theatre.ask(CHAT, body)
  assert.equal(served.status, 200, served.text)
  assert.deepEqual(
    bedrock.requests.map(({ refused }) => refused),
    ['InternalServerException', 'InternalServerException', undefined],
  )
  for (const { headers } of bedrock.requests)
    assert.deepEqual(
      headers.filter(([name]) => name.toLowerCase() === 'content-type').map(([, value]) => value),
      ['application/json'],
    )
  fault(400, 'ValidationException', 'Input is too long for requested model.')
  const tooLong = await theatre.ask(CHAT, { ...body, model: 'signed' })
  assert.equal(tooLong.status, 400)
  const error = tooLong.json().error as JsonObject
  assert.equal(error.code, 'context_length_exceeded')
  assert.match(String(error.message), /Input is too long/)
})

test('M-014 a header that may stand once stands once, however the client spells its own', async t => {
  const theatre = await play(t, {
    stages: { lead: {}, backup: { flavour: 'azure', models: ['prod'] } },
    start: steady().start,
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1', { extra_headers: { 'Content-Type': 'application/json' } }),
        deployment('second', backup, 'prod'),
        { ...deployment('responder', lead, 'gpt-4.1-mini'), model_info: { mode: 'responses' } },
      ],
      general_settings: { forward_client_headers_to_llm_api: true },
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { lead, backup } = theatre.stages
  failing(lead, 'gpt-4.1', 503)
  for (const [path, body] of [
    [CHAT, chat('star')],
    ['/v1/responses', { model: 'star', input: 'x' }],
    ['/v1/responses/compact', { model: 'star', input: 'x' }],
    ['/v1/messages', message('star')],
    ['/v1/messages', message('responder')],
  ] as const)
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON']) {
      const reply = await theatre.ask(path, body, keyed(['Content-Type', type]))
      assert.equal(reply.status, 200, reply.text)
    }
  for (const stage of [lead, backup]) {
    assertNothingRefused(stage.requests)
    for (const hit of stage.requests)
      for (const single of [
        'content-type',
        'content-length',
        'host',
        'accept',
        'accept-encoding',
        'user-agent',
      ])
        assert.ok(hit.headers.filter(([name]) => name.toLowerCase() === single).length <= 1, hit.headText)
  }
})

test('M-134 a deployment whose key is missing is not called, and never with the key of the caller', async t => {
  const theatre = await play(t, {
    stages: { lead: {}, backup: {} },
    start: steady().start,
    env: { EMPTY_KEY: '' },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('unset', lead, 'gpt-4.1', { api_key: 'os.environ/NEVER_SET_KEY' }),
        deployment('empty', lead, 'gpt-4.1', { api_key: 'os.environ/EMPTY_KEY' }),
        deployment('second', backup, 'gpt-4.1'),
      ],
      router_settings: { num_retries: 1 },
    }),
  })
  const { lead, backup } = theatre.stages
  for (const group of ['unset', 'empty']) {
    const reply = await theatre.ask(CHAT, chat(group))
    assert.ok(reply.status === 401 || reply.status === 500, `${group}: ${reply.status}`)
    assert.ok(!reply.text.includes(MASTER_KEY))
    const served = await theatre.ask(CHAT, chat(group, { fallbacks: ['second'] }))
    assert.equal(served.status, 200, 'somebody who has a key serves')
  }
  assert.equal(lead.requests.length, 0, 'an empty credential was sent')
  assert.equal(backup.requests.length, 2)
})

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { request as send } from 'undici'
import { type BedrockFault, type BedrockStage, startBedrockStage } from '../../test/support/bedrock.ts'
import { Secret } from '../config/secret.ts'
import { joinSegments } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { bedrock } from './bedrock.ts'
import { readModel } from './bedrock-model.ts'
import { type Ask, type Connection, Unsupported } from './provider.ts'

const MODEL = 'anthropic.claude-sonnet-4-v1:0'
const KEYS = {
  aws_access_key_id: 'AKIASTAGE',
  aws_secret_access_key: 'stage-secret',
  aws_region_name: 'us-east-1',
}
const HELLO = '{"model":"group","messages":[{"role":"user","content":"hi"}]}'
const NOW = new Date('2026-03-04T05:06:07Z')

const chat = (more: Partial<Ask> = {}): Ask =>
  askFor('chat.completions', { body: jsonBody(HELLO), model: MODEL, ...more })
const at = (more: Parameters<typeof connectTo>[1] = {}) =>
  connectTo(bedrock, { model: `bedrock/${MODEL}`, extra: KEYS, ...more })

describe('the address', () => {
  test('the model says where and which', () => {
    const rows = [
      [`bedrock/${MODEL}`, MODEL, undefined, undefined],
      [`bedrock/converse/${MODEL}`, MODEL, undefined, 'converse'],
      [`bedrock/invoke/${MODEL}`, MODEL, undefined, 'invoke'],
      [`bedrock/invoke/eu-central-1/us.${MODEL}`, `us.${MODEL}`, 'eu-central-1', 'invoke'],
      [`bedrock/eu-central-1/converse/${MODEL}`, MODEL, 'eu-central-1', 'converse'],
      [`bedrock/eu-central-1/${MODEL}`, MODEL, 'eu-central-1', undefined],
      [`us-gov-west-1/${MODEL}`, MODEL, 'us-gov-west-1', undefined],
      [`bedrock/us.${MODEL}`, `us.${MODEL}`, undefined, undefined],
      [
        'bedrock/invoke/arn:aws:bedrock:ap-south-1:1:inference-profile/x',
        'arn:aws:bedrock:ap-south-1:1:inference-profile/x',
        'ap-south-1',
        'invoke',
      ],
    ] as const
    for (const [model, id, region, api] of rows) assert.deepEqual(readModel(model), { id, region, api })
    assert.throws(() => readModel('bedrock/invoke/amazon.nova-pro-v1:0'), /converse/)
  })

  test('the id is one encoded segment', () => {
    const host = 'https://bedrock-runtime.us-east-1.amazonaws.com'
    assert.equal(urlOf(at().draft(chat())), `${host}/model/anthropic.claude-sonnet-4-v1%3A0/converse`)
    const arn = 'arn:aws:bedrock:us-east-1:1:inference-profile/x'
    assert.equal(
      urlOf(at().draft(chat({ model: arn, stream: true }))),
      `${host}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream`,
    )
    assert.throws(() => at().draft(chat({ model: '..' })), Unsupported)
  })

  test('region: model, parameter, environment, default', () => {
    const base = (more: Parameters<typeof connectTo>[1]) =>
      /runtime\.(.*)\.amazonaws/.exec(at(more).baseUrl)?.[1]
    assert.equal(base({ model: `bedrock/eu-west-3/${MODEL}` }), 'eu-west-3')
    assert.equal(base({}), 'us-east-1')
    assert.equal(base({ extra: {}, env: { AWS_REGION: 'ca-central-1' } }), 'ca-central-1')
    assert.equal(base({ extra: {} }), 'us-west-2')
  })

  test('a name that a wildcard serves chooses no other region', () => {
    const wild = at({ model: 'bedrock/*' })
    const other = [`eu-west-3/${MODEL}`, 'arn:aws:bedrock:cn-north-1:1:inference-profile/x']
    for (const model of other)
      assert.throws(() => wild.draft(chat({ model })), /in us-east-1: for models in (eu-west-3|cn-north-1)/)
    assert.equal(wild.draft(chat({ model: `us-east-1/${MODEL}` })).origin, wild.baseUrl)
    const there = at({ model: 'bedrock/eu-west-3/*' }).draft(chat({ model: `eu-west-3/${MODEL}` }))
    assert.equal(there.origin, 'https://bedrock-runtime.eu-west-3.amazonaws.com')
  })

  test('model_id goes into the path, the client’s query does not', () => {
    const draft = at({ extra: { ...KEYS, model_id: 'profile' } }).draft(chat({ query: 'api-version=1' }))
    assert.equal(draft.path, '/model/profile/converse')
  })
})

describe('the draft', () => {
  test('what no conversation is made of is not served', () => {
    for (const route of ['embeddings', 'files.list', 'images.generations']) {
      assert.throws(() => at().draft(askFor(route)), Unsupported)
    }
  })

  test('the gateway’s edits come before the translation', () => {
    const edits = [
      { op: 'set', path: ['temperature'], value: 0, why: 'deployment-default' },
      { op: 'drop', path: ['num_retries'], why: 'gateway-controls' },
    ] as const
    const body = jsonBody('{"model":"g","num_retries":3,"messages":[{"role":"user","content":"hi"}]}')
    const draft = at().draft(chat({ body, edits }))
    assert.deepEqual(bodyOf(draft), {
      messages: [{ role: 'user', content: [{ text: 'hi' }] }],
      inferenceConfig: { temperature: 0 },
    })
    assert.deepEqual(draft.edits, edits)
  })

  test('a parameter without a place is refused in LiteLLM’s words, or dropped and said', () => {
    const body = jsonBody('{"seed":1,"logit_bias":{"7":-100},"messages":[{"role":"user","content":"hi"}]}')
    assert.throws(
      () => at().draft(chat({ body })),
      (error: unknown) =>
        error instanceof Unsupported &&
        error.param === 'logit_bias' &&
        error.message.startsWith("bedrock does not support parameters: ['logit_bias'], for model="),
    )
    assert.deepEqual(
      at()
        .draft(chat({ body, dropParams: true }))
        .warnings.map(warning => warning.lost),
      ['seed', 'logit_bias'],
    )
  })

  test('a hint without a place is said, and refused nobody', () => {
    const body = jsonBody('{"seed":1,"verbosity":"low","messages":[{"role":"user","content":"hi"}]}')
    assert.deepEqual(at().draft(chat({ body })).warnings, [
      { lost: 'seed', because: 'converse has no place for it' },
      { lost: 'verbosity', because: 'converse has no place for it' },
    ])
  })
})

describe('the credential', () => {
  test('without one AWS’s default chain is asked, but not by a deployment that lost its own key', () => {
    const found = at({ extra: {} })
    assert.equal(found.missing, undefined)
    assert.match(found.recipe?.mend ?? '', /set aws_access_key_id and aws_secret_access_key/)
    const { missing, credentialId, recipe } = at({ extra: {}, ambient: false })
    assert.match(missing ?? '', /aws_access_key_id.*AWS_BEARER_TOKEN_BEDROCK/)
    assert.equal(credentialId, '')
    assert.equal(recipe, undefined)
  })

  test('a Bedrock API key is a bearer token', async () => {
    const bearer = async (connection: Connection) =>
      headersOf(await connection.authorize(connection.draft(chat()), NOW)).authorization
    assert.equal(await bearer(at({ apiKey: new Secret('abc') })), 'Bearer abc')
    assert.equal(await bearer(at({ extra: {}, env: { AWS_BEARER_TOKEN_BEDROCK: 'abc' } })), 'Bearer abc')
    // Keys that the deployment names come before a token of the environment.
    assert.match((await bearer(at({ env: { AWS_BEARER_TOKEN_BEDROCK: 'abc' } }))) ?? '', /^AWS4-HMAC-SHA256 /)
  })

  test('a profile and a role are fetched, keys that are written down are not', () => {
    const fetched = (extra: JsonObject, env = {}) => at({ extra, env }).recipe !== undefined
    assert.equal(fetched({ aws_profile_name: 'p' }), true)
    assert.equal(fetched({ ...KEYS, aws_role_name: 'arn:aws:iam::1:role/r' }), true)
    assert.equal(fetched(KEYS), false)
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
    assert.equal(fetched({}, keys), false)
    assert.equal(fetched({}, { ...keys, AWS_ROLE_NAME: 'arn:aws:iam::1:role/r' }), true)
    // What the deployment itself writes is not overruled by a variable.
    assert.equal(fetched(KEYS, { AWS_ROLE_NAME: 'arn:aws:iam::1:role/r' }), false)
    assert.throws(() => at({ extra: { aws_web_identity_token: 'a.b.c' } }), /needs aws_role_name/)
    const where = { aws_role_name: 'arn:aws:iam::1:role/r', aws_sts_endpoint: 'sts.example' }
    assert.throws(() => at({ extra: where }), /aws_sts_endpoint is not an http or https URL/)
  })

  test('equal sign-ins are one, wherever the pod runs; another secret is another one', () => {
    const extra = { ...KEYS, aws_role_name: 'arn:aws:iam::1:role/r' }
    const one = at({ extra, env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/a' } })
    const two = at({ extra, env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/b' } })
    assert.equal(one.credentialId, two.credentialId)
    assert.notEqual(one.recipe?.id, two.recipe?.id)
    assert.equal(at({ extra }).recipe?.id, at({ extra }).recipe?.id)
    const other = at({ extra: { ...extra, aws_secret_access_key: 'other' } })
    assert.notEqual(other.credentialId, one.credentialId)
    assert.doesNotMatch(inspect(other, { depth: 9 }), /stage-secret|other/)
  })

  test('no secret is in the connection, the draft or the id', () => {
    const connection = at()
    const seen = inspect([connection, connection.draft(chat())], { depth: 9 })
    assert.doesNotMatch(seen, /stage-secret/)
    assert.match(connection.credentialId, /^[0-9a-f]{16}$/)
  })

  test('M-013 every attempt is signed anew', async () => {
    const connection = at()
    const draft = connection.draft(chat())
    const first = headersOf(await connection.authorize(draft, NOW))
    const later = headersOf(await connection.authorize(draft, new Date(NOW.getTime() + 1000)))
    assert.equal(first['x-amz-date'], '20260304T050607Z')
    assert.equal(later['x-amz-date'], '20260304T050608Z')
    assert.notEqual(first.authorization, later.authorization)
  })
})

describe('against the stage', () => {
  let stage: BedrockStage
  let connection: Connection
  before(async () => {
    stage = await startBedrockStage({ sessionToken: 'session', now: () => NOW, models: [MODEL] })
  })
  beforeEach(() => {
    const extra = { ...KEYS, aws_session_token: 'session', aws_bedrock_runtime_endpoint: stage.url }
    connection = at({ extra })
  })
  after(() => stage.close())

  type Exchange = {
    readonly status: number
    readonly headers: Record<string, string>
    readonly bytes: Uint8Array
    readonly cut: boolean
  }

  const exchange = async (ask: Ask): Promise<Exchange> => {
    const draft = connection.draft(ask)
    const answer = await send(urlOf(draft), {
      method: 'POST',
      headers: headersOf([...draft.headers, ...(await connection.authorize(draft, NOW))]),
      body: joinSegments(draft.body),
    })
    const chunks: Buffer[] = []
    let cut = false
    try {
      for await (const chunk of answer.body) chunks.push(chunk as Buffer)
    } catch {
      cut = true
    }
    const headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
    )
    return { status: answer.statusCode, headers, bytes: new Uint8Array(Buffer.concat(chunks)), cut }
  }

  const stamp = () => ({ unique: 'u', created: 7 })
  const streamed = async (fault?: BedrockFault) => {
    if (fault !== undefined) stage.script(fault)
    const ask = chat({
      stream: true,
      body: jsonBody(HELLO.replace('{', '{"stream":true,"stream_options":{"include_usage":true},')),
    })
    const { bytes, headers, cut } = await exchange(ask)
    const reading = connection.reading(ask, stamp)
    assert.equal(headers['content-type'], reading.streamType)
    const decoder = reading.decoder?.()
    assert.ok(decoder)
    return { cut, data: [...decoder.push(bytes), ...decoder.end()].map(event => event.data ?? '') }
  }
  const text = (data: readonly string[]): string =>
    data
      .filter(each => each !== '[DONE]')
      .map(each => JSON.parse(each) as { choices?: { delta?: { content?: string } }[] })
      .map(each => each.choices?.[0]?.delta?.content ?? '')
      .join('')

  test('a signed call is taken and its answer is a chat.completion', async () => {
    const ask = chat({ headers: [['x-trace', 'not signed']] })
    const { status, bytes } = await exchange(ask)
    assert.equal(status, 200)
    const whole = connection.reading(ask, stamp).translate?.(bytes)
    const answer = JSON.parse(new TextDecoder().decode(whole)) as JsonObject
    assert.equal(answer.id, 'chatcmpl-u')
    assert.match(JSON.stringify(answer.choices), /The understudy knows every line\./)
    const seen = stage.requests.at(-1)
    assert.equal(seen?.model, MODEL)
    assert.equal(seen?.headers.filter(([name]) => name.toLowerCase() === 'content-type').length, 1)
  })

  test('a streamed call ends with usage and [DONE]', async () => {
    const { data } = await streamed()
    assert.equal(text(data), 'The understudy knows every line.')
    assert.match(data.at(-2) ?? '', /"prompt_tokens":12/)
    assert.equal(data.at(-1), '[DONE]')
  })

  test('always_include_stream_usage brings the usage chunk too', async () => {
    const edits = [
      { op: 'set', path: ['stream_options'], value: { include_usage: true }, why: 'stream-usage' },
    ] as const
    for (const [made, expected] of [
      [edits, true],
      [[], false],
    ] as const) {
      const ask = chat({ stream: true, edits: made })
      const { bytes } = await exchange(ask)
      const decoder = connection.reading(ask, stamp).decoder?.()
      const said = decoder?.push(bytes).some(event => event.data?.includes('"prompt_tokens"'))
      assert.equal(said, expected)
    }
  })

  test('a body changed after signing is refused', async () => {
    const draft = connection.draft(chat())
    const headers = headersOf([...draft.headers, ...(await connection.authorize(draft, NOW))])
    const answer = await send(urlOf(draft), {
      method: 'POST',
      headers,
      body: `${JSON.stringify(bodyOf(draft))} `,
    })
    assert.equal(answer.statusCode, 403)
    await answer.body.dump()
  })

  test('a large body with a tool round trip and odd characters keeps its signature', async () => {
    const body = jsonBody(
      JSON.stringify({
        messages: [
          { role: 'user', content: `é🎭 ${'long '.repeat(20_000)}` },
          {
            role: 'assistant',
            tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }],
          },
          { role: 'tool', tool_call_id: 'a', content: 'ok' },
        ],
        tools: [{ type: 'function', function: { name: 'look' } }],
      }),
    )
    assert.equal((await exchange(chat({ body }))).status, 200)
  })

  test('an error status is read into OpenAI’s words', async () => {
    stage.script({ kind: 'status', status: 429, type: 'ThrottlingException', message: 'Too many requests' })
    const ask = chat()
    const { status, headers, bytes } = await exchange(ask)
    assert.equal(status, 429)
    assert.equal(
      connection.reading(ask, stamp).errorOf?.(status, headers, bytes)?.code,
      'rate_limit_exceeded',
    )
    const gone = await exchange(chat({ model: 'other' }))
    assert.equal(
      connection.reading(ask, stamp).errorOf?.(gone.status, gone.headers, gone.bytes)?.code,
      'model_not_found',
    )
  })

  test('an exception before or after content is an error event without an end', async () => {
    for (const [cue, said] of [
      [0, ''],
      [2, 'The understudy knows e'],
    ] as const) {
      const fault = {
        kind: 'exception',
        type: 'modelStreamErrorException',
        message: 'lost',
        after: cue,
      } as const
      const { data } = await streamed(fault)
      assert.equal(text(data), said)
      assert.match(data.at(-1) ?? '', /"code":"server_error"/)
      assert.ok(!data.includes('[DONE]'))
    }
  })

  test('a cut or an early end has no terminator', async () => {
    const broken = await streamed({ kind: 'cut', after: 1 })
    assert.ok(broken.cut && !broken.data.includes('[DONE]'))
    const early = await streamed({ kind: 'short', after: 1 })
    assert.ok(!early.cut && !early.data.includes('[DONE]'))
  })

  test('a corrupt frame ends the reading with an error', async () => {
    const { data } = await streamed({ kind: 'corrupt', after: 1 })
    assert.equal(text(data), 'The underst')
    assert.match(data.at(-1) ?? '', /cannot be read/)
    assert.ok(!data.includes('[DONE]'))
  })

  test('a scripted answer is played once', async () => {
    const answer = {
      content: [{ text: 'Once.' }],
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1 },
    }
    const { data } = await streamed({ kind: 'answer', answer })
    assert.equal(text(data), 'Once.')
    assert.equal(text((await streamed()).data), 'The understudy knows every line.')
  })

  test('without a stamp the answer still has an id and the time of its signature', async () => {
    const ask = chat()
    const { bytes } = await exchange(ask)
    const answer = JSON.parse(
      new TextDecoder().decode(connection.reading(ask).translate?.(bytes)),
    ) as JsonObject
    assert.match(String(answer.id), /^chatcmpl-.{8}/)
    assert.equal(answer.created, NOW.getTime() / 1000)
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { request as send } from 'undici'
import { type BedrockStage, startBedrockStage } from '../../test/support/bedrock.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { checkInvoke, countedBody } from './bedrock-invoke-rules.ts'
import { checkConverse } from './bedrock-rules.ts'
import { Breach } from './bedrock-shape.ts'
import { expectedSignature } from './bedrock-signature.ts'
import { openScene } from './open-scene.ts'

const NOW = new Date('2026-03-04T05:06:07Z')
const HELLO = { messages: [{ role: 'user', content: [{ text: 'hi' }] }] }
const PATH = '/model/anthropic.claude-3%3A0/converse'

test('the signature of AWS’s published example comes out', () => {
  const request = {
    method: 'GET',
    target: '/?Action=ListUsers&Version=2010-05-08',
    headers: [
      ['Host', 'iam.amazonaws.com'],
      ['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['X-Amz-Date', '20150830T123600Z'],
    ],
    body: new Uint8Array(),
  } as const
  const signer = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
    service: 'iam',
  }
  const scope = { date: '20150830T123600Z', names: ['content-type', 'host', 'x-amz-date'] }
  assert.equal(
    expectedSignature(request, signer, scope),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  )
})

describe('the signature check', () => {
  let stage: BedrockStage
  before(async () => {
    stage = await startBedrockStage({ sessionToken: 'session', bearerToken: 'bearer', now: () => NOW })
  })
  after(() => stage.close())

  type Changes = {
    readonly at?: Date
    readonly region?: string
    readonly secretAccessKey?: string
    readonly accessKeyId?: string
    readonly sessionToken?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly path?: string
    readonly body?: string
  }

  /** Signs one request, changes it afterwards, and returns the status and exception it meets. */
  const outcome = async (changes: Changes = {}): Promise<string> => {
    const body = JSON.stringify(HELLO)
    const signer = new SignatureV4({
      service: 'bedrock',
      region: changes.region ?? 'us-east-1',
      sha256: Sha256,
      credentials: {
        accessKeyId: changes.accessKeyId ?? 'AKIASTAGE',
        secretAccessKey: changes.secretAccessKey ?? 'stage-secret',
        sessionToken: changes.sessionToken ?? 'session',
      },
    })
    const { host, hostname, protocol } = new URL(stage.url)
    const headers = { host, 'content-type': 'application/json' }
    const signed = await signer.sign(
      { method: 'POST', protocol, hostname, path: PATH, headers, body },
      { signingDate: changes.at ?? NOW },
    )
    const answer = await send(stage.url + (changes.path ?? PATH), {
      method: 'POST',
      headers: { ...signed.headers, ...changes.headers },
      body: changes.body ?? body,
    })
    await answer.body.dump()
    return `${answer.statusCode} ${String(answer.headers['x-amzn-errortype'] ?? '').split(':')[0]}`.trim()
  }

  test('a right one passes', async () => assert.equal(await outcome(), '200'))

  const wrong: readonly (readonly [what: string, changes: Changes, outcome: string])[] = [
    ['another secret', { secretAccessKey: 'x' }, '403 InvalidSignatureException'],
    ['another key id', { accessKeyId: 'AKIAOTHER' }, '403 UnrecognizedClientException'],
    ['another session', { sessionToken: 'x' }, '403 UnrecognizedClientException'],
    ['another region', { region: 'eu-west-1' }, '403 InvalidSignatureException'],
    ['another body', { body: '{"messages":[]}' }, '403 InvalidSignatureException'],
    ['another path', { path: '/model/other/converse' }, '403 InvalidSignatureException'],
    ['another date', { headers: { 'x-amz-date': '20260304T050608Z' } }, '403 InvalidSignatureException'],
    ['an old signature', { at: new Date(NOW.getTime() - 301_000) }, '403 InvalidSignatureException'],
    ['a future signature', { at: new Date(NOW.getTime() + 301_000) }, '403 InvalidSignatureException'],
    ['no signature', { headers: { authorization: '' } }, '403 IncompleteSignatureException'],
    ['a wrong bearer', { headers: { authorization: 'Bearer x' } }, '403 AccessDeniedException'],
    [
      'another content-type',
      { headers: { 'content-type': 'application/json; a=b' } },
      '403 InvalidSignatureException',
    ],
  ]
  for (const [what, changes, expected] of wrong) {
    test(`${what} is refused`, async () => assert.equal(await outcome(changes), expected))
  }

  test('the bearer token passes without a signature', async () => {
    assert.equal(await outcome({ headers: { authorization: 'Bearer bearer' } }), '200')
  })

  test('a clock four minutes off is fine', async () => {
    assert.equal(await outcome({ at: new Date(NOW.getTime() - 240_000) }), '200')
  })
})

describe('the published shape', () => {
  const user = (...content: Json[]): Json => ({ role: 'user', content })
  const assistant = (...content: Json[]): Json => ({ role: 'assistant', content })
  const use = (id: string): Json => ({ toolUse: { toolUseId: id, name: 'look', input: {} } })
  const result = (id: string): Json => ({ toolResult: { toolUseId: id, content: [{ text: 'seen' }] } })
  const tools = { tools: [{ toolSpec: { name: 'look', inputSchema: { json: { type: 'object' } } } }] }
  const hi = { text: 'hi' }

  const accepted: readonly Json[] = [
    HELLO,
    {
      ...HELLO,
      system: [{ text: 'be brief' }],
      inferenceConfig: { maxTokens: 1, temperature: 1, topP: 0.5 },
    },
    {
      ...HELLO,
      additionalModelRequestFields: { top_k: 5 },
      requestMetadata: { a: 'b' },
      serviceTier: { type: 'flex' },
    },
    {
      messages: [user(hi), assistant(use('a'), use('b')), user(result('b'), result('a'), hi)],
      toolConfig: tools,
    },
    { ...HELLO, toolConfig: { ...tools, toolChoice: { tool: { name: 'look' } } } },
    { messages: [user({ image: { format: 'png', source: { bytes: 'AAAA' } } })] },
  ]
  accepted.forEach((request, index) => {
    test(`takes sample ${index + 1}`, () => assert.doesNotThrow(() => checkConverse(request)))
  })

  const refused: readonly (readonly [what: string, request: Json, says: RegExp])[] = [
    ['an unknown member', { ...HELLO, metadata: {} }, /extraneous key \[metadata\]/],
    ['a model', { ...HELLO, model: 'm' }, /extraneous key \[model\]/],
    [
      'an unknown member below',
      { ...HELLO, inferenceConfig: { max_tokens: 1 } },
      /inferenceConfig\.max_tokens/,
    ],
    ['no messages', { messages: [] }, /at least one/],
    ['messages that are no list', { messages: 'hi' }, /not a list/],
    ['a blank text', { messages: [user({ text: ' \n' })] }, /messages\.0\.content\.0 is blank/],
    ['a message without content', { messages: [user()] }, /is empty/],
    ['an assistant first', { messages: [assistant(hi)] }, /start with a user message/],
    ['two users in a row', { messages: [user(hi), user(hi)] }, /alternate/],
    ['a system role', { messages: [{ role: 'system', content: [hi] }] }, /must be user or assistant/],
    ['a content string', { messages: [{ role: 'user', content: 'hi' }] }, /not a list/],
    ['two kinds in one block', { messages: [user({ text: 'a', cachePoint: {} })] }, /exactly one/],
    [
      'tool blocks without tools',
      { messages: [user(hi), assistant(use('a')), user(result('a'))] },
      /toolConfig/,
    ],
    [
      'an unanswered call',
      { messages: [user(hi), assistant(use('a')), user(hi)], toolConfig: tools },
      /following Ids: a/,
    ],
    ['an answer nobody asked for', { messages: [user(result('a'))], toolConfig: tools }, /do not match/],
    [
      'a choice of no tool',
      { ...HELLO, toolConfig: { ...tools, toolChoice: { tool: { name: 'x' } } } },
      /not declared/,
    ],
    ['no tools', { ...HELLO, toolConfig: { tools: [] } }, /at least one/],
    [
      'an address as an image',
      { messages: [user({ image: { format: 'png', source: { bytes: 'http://x' } } })] },
      /base64/,
    ],
    [
      'an image format',
      { messages: [user({ image: { format: 'bmp', source: { bytes: 'AAAA' } } })] },
      /png, jpeg/,
    ],
    [
      'an empty result',
      {
        messages: [user(hi), assistant(use('a')), user({ toolResult: { toolUseId: 'a', content: [] } })],
        toolConfig: tools,
      },
      /toolResult is empty/,
    ],
    ['a temperature of 2', { ...HELLO, inferenceConfig: { temperature: 2 } }, /between 0 and 1/],
  ]
  for (const [what, request, says] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => checkConverse(request),
        (error: unknown) => error instanceof Breach && says.test(error.message),
      )
    })
  }
})

test('Nova takes the type, the properties and what is required of a tool’s schema, and nothing else', () => {
  const nova = 'us.amazon.nova-pro-v1:0'
  const asked = (json: JsonObject) => ({
    ...HELLO,
    toolConfig: {
      tools: [{ toolSpec: { name: 'look', inputSchema: { json: { type: 'object', ...json } } } }],
    },
  })
  assert.doesNotThrow(() => checkConverse(asked({ properties: {}, required: [] }), nova))
  for (const key of ['$schema', 'additionalProperties', '$defs', 'description'])
    assert.throws(() => checkConverse(asked({ [key]: {} }), nova), /extraneous key/)
  assert.doesNotThrow(() => checkConverse(asked({ $defs: {} })))
})

describe('what InvokeModel takes of Claude', () => {
  const scene = openScene({ flavour: 'bedrock', name: 'bedrock', issuer: 'bedrock' })
  const NEW = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
  const OLD = 'anthropic.claude-3-haiku-20240307-v1:0'
  const BODY = {
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'hi' }],
  }
  const marked = (cache_control: Json) => ({ system: [{ type: 'text', text: 's', cache_control }] })
  const tool = { name: 't', input_schema: { type: 'object' } }

  test('a plain call, and what its model and its betas allow', () => {
    checkInvoke(BODY, OLD, scene)
    checkInvoke({ ...BODY, output_config: { effort: 'low' } }, NEW, scene)
    checkInvoke({ ...BODY, ...marked({ type: 'ephemeral', ttl: '1h' }) }, NEW, scene)
    const anthropic_beta = ['context-management-2025-06-27', 'tool-search-tool-2025-10-19']
    const tools = [{ ...tool, defer_loading: true }]
    checkInvoke({ ...BODY, anthropic_beta, context_management: { edits: [] }, tools }, NEW, scene)
  })

  const wrong: readonly (readonly [what: string, more: Json, message: RegExp, model?: string])[] = [
    ['a key too many', { stream: true }, /#: extraneous key \[stream\] is not permitted/],
    ['the model', { model: NEW }, /extraneous key \[model\]/],
    ['no version', { anthropic_version: undefined as never }, /required key \[anthropic_version\] not found/],
    ['another version', { anthropic_version: '2023-06-01' }, /must be bedrock-2023-05-31/],
    ['an unknown beta', { anthropic_beta: ['claude-code-20250219'] }, /^invalid beta flag$/],
    ['no beta', { anthropic_beta: [] }, /valid list/],
    ['a beta of newer models', { anthropic_beta: ['interleaved-thinking-2025-05-14'] }, /invalid beta/, OLD],
    ['context_management alone', { context_management: {} }, /^context_management: Extra inputs/],
    ['a scope', marked({ type: 'ephemeral', scope: 'global' }), /cache_control\.scope: Extra inputs/],
    ['an hour', marked({ type: 'ephemeral', ttl: '1h' }), /^system\.0\.cache_control\.ttl: Extra/, OLD],
    ['an effort', { output_config: {} }, /extraneous key \[output_config\]/, OLD],
    [
      'a held back tool',
      { tools: [{ ...tool, defer_loading: true }] },
      /^tools\.0\.custom\.defer_loading: Extra/,
    ],
    ['a hosted tool', { tools: [{ type: 'web_search_20250305', name: 'w' }] }, /'web_search_20250305' found/],
    ['what the Messages API refuses', { messages: [{ role: 'assistant', content: 'x' }] }, /./],
  ]
  for (const [what, more, message, model = NEW] of wrong)
    test(`${what} is refused`, () => {
      const body = JSON.parse(JSON.stringify({ ...BODY, ...(more as object) })) as Json
      assert.throws(
        () => checkInvoke(body, model, scene),
        (error: unknown) => error instanceof Breach && message.test(error.message),
      )
    })

  test('a count holds such a body', () => {
    const body = Buffer.from(JSON.stringify(BODY)).toString('base64')
    assert.deepEqual(countedBody({ input: { invokeModel: { body } } }), BODY)
    for (const value of [{}, { input: { invokeModel: { body: '{' } } }, { input: {}, model: 'm' }])
      assert.throws(() => countedBody(value), Breach)
  })
})

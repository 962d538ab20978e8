import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import OpenAI from 'openai'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'

/** A prompt is counted by whoever counts, in whatever dialect; by the gateway where nobody does. */

const STAGES = {
  openai: { models: ['*'] },
  azure: { flavour: 'azure', models: ['*'] },
  plain: { models: ['*'] },
  anthropic: { flavour: 'anthropic', models: ['*'] },
  gemini: { flavour: 'gemini', models: ['*'] },
  vertex: { flavour: 'vertex_ai', models: ['*'] },
} as const

const CLAUDE = 'claude-sonnet-4-5'
const BEDROCK_CLAUDE = 'anthropic.claude-sonnet-4-20250514-v1:0'
/** OpenAI's own address is known to count; another one says so. */
const COUNTS = { supported_endpoints: ['/v1/responses', '/v1/responses/input_tokens'] }
/** Groups that `lead` and `azure` fall back to. */
const BACKUPS = ['anthropic', 'gemini', 'vertex', 'bedrock', 'plain', 'openai'] as const

const bedrock = await startBedrockStage()
after(() => bedrock.close())

const house: Play<typeof STAGES> = await play(
  { after },
  {
    stages: STAGES,
    config: ({ openai, azure, plain, anthropic, gemini, vertex }) => ({
      model_list: [
        { ...deployment('openai', openai, 'gpt-4.1'), model_info: COUNTS },
        deployment('silent', openai, 'gpt-4.1'),
        deployment('plain', plain, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('anthropic', anthropic, CLAUDE),
        deployment('gemini', gemini, 'gemini-2.5-flash'),
        deployment('vertex', vertex, 'gemini-2.5-flash', {
          model: 'vertex_ai/gemini-2.5-flash',
          vertex_project: 'p',
        }),
        {
          model_name: 'bedrock',
          litellm_params: {
            model: `bedrock/${BEDROCK_CLAUDE}`,
            aws_bedrock_runtime_endpoint: bedrock.url,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIASTAGE',
            aws_secret_access_key: 'stage-secret',
          },
        },
        ...BACKUPS.map(backup => deployment(`azure-${backup}`, azure, 'gpt-4.1')),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: BACKUPS.map(backup => ({ [`azure-${backup}`]: [backup] })),
      },
    }),
  },
)
const { stages } = house
const client = new OpenAI({ apiKey: house.key, baseURL: `${house.url}/v1`, maxRetries: 0 })

let bedrockSeen = 0
beforeEach(() => {
  for (const stage of Object.values(stages)) stage.clear()
  bedrockSeen = bedrock.requests.length
})

const nothingRefused = (): void => {
  assertNothingRefused(Object.values(stages).flatMap(stage => stage.requests))
  assert.deepEqual(
    bedrock.requests.slice(bedrockSeen).flatMap(({ refused }) => refused ?? []),
    [],
  )
}

const PATH = '/v1/responses/input_tokens'
const SCHEMA: JsonObject = {
  type: 'object',
  properties: { at: { type: 'string' } },
  required: ['at'],
  additionalProperties: false,
}
const INPUT: JsonObject[] = [
  { type: 'message', role: 'user', content: 'Where are you?' },
  { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{"at":"left"}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'a tree' },
]
const PROMPT: JsonObject = {
  instructions: 'Be brief.',
  input: INPUT,
  tools: [{ type: 'function', name: 'look', description: 'Looks.', parameters: SCHEMA, strict: false }],
}

const tokensIn = (reply: Reply): number => {
  assert.equal(reply.status, 200, reply.text)
  const { object, input_tokens: tokens, ...more } = reply.json()
  assert.deepEqual([object, more], ['response.input_tokens', {}])
  assert.ok(Number(tokens) > 10, reply.text)
  return Number(tokens)
}

const bodyAt = (backup: (typeof BACKUPS)[number]): JsonObject => {
  const body: Json | undefined =
    backup === 'bedrock' ? bedrock.requests.at(-1)?.json : stages[backup].requests.at(-1)?.json
  assert.ok(isObject(body), 'nobody was asked')
  return body
}

const MESSAGES = [
  { role: 'user', content: [{ type: 'text', text: 'Where are you?' }] },
  { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'look', input: { at: 'left' } }] },
  {
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'a tree' }] }],
  },
]

/** What each of them is asked, for the prompt above. */
const ASKED: Readonly<Record<(typeof BACKUPS)[number], (body: JsonObject) => void>> = {
  anthropic: body => {
    assert.deepEqual(Object.keys(body).toSorted(), ['messages', 'model', 'system', 'tools'])
    assert.deepEqual([body.model, body.system, body.messages], [CLAUDE, 'Be brief.', MESSAGES])
    assert.equal(stages.anthropic.requests[0]?.target, '/v1/messages/count_tokens')
  },
  gemini: ({ generateContentRequest: inner, ...more }) => {
    assert.deepEqual(more, {})
    assert.ok(isObject(inner))
    assert.equal(inner.model, 'models/gemini-2.5-flash')
    assert.deepEqual(inner.systemInstruction, { parts: [{ text: 'Be brief.' }] })
    assert.ok(Array.isArray(inner.contents) && inner.contents.length === 3 && Array.isArray(inner.tools))
    assert.equal(stages.gemini.requests[0]?.target, '/v1beta/models/gemini-2.5-flash:countTokens')
  },
  vertex: body => {
    assert.deepEqual(Object.keys(body).toSorted(), ['contents', 'systemInstruction', 'tools'])
    assert.match(stages.vertex.requests[0]?.target ?? '', /\/models\/gemini-2\.5-flash:countTokens$/)
  },
  bedrock: ({ input }) => {
    const { body } = (input as { invokeModel: { body: string } }).invokeModel
    const whole = JSON.parse(Buffer.from(body, 'base64').toString()) as JsonObject
    assert.deepEqual([whole.system, whole.messages], ['Be brief.', MESSAGES])
    assert.match(bedrock.requests.at(-1)?.target ?? '', /\/count-tokens$/)
  },
  plain: () => {},
  openai: body => assert.deepEqual(body, { model: 'gpt-4.1', ...PROMPT }),
}

describe('the count of a response', () => {
  for (const backup of BACKUPS)
    for (const lead of [backup, `azure-${backup}`])
      test(`${lead === backup ? backup : `azure, which is down, then ${backup}`}`, async () => {
        if (lead !== backup) stages.azure.script(always({ kind: 'status', status: 503 }))
        const reply = await house.ask(PATH, { model: lead, ...PROMPT })
        tokensIn(reply)
        assert.equal(reply.headers['x-litellm-model-group'], backup)
        if (lead !== backup) assert.equal(stages.azure.requests.length, 1)
        const dropped = reply.headers['x-understudy-dropped']
        if (backup === 'plain') {
          assert.equal(dropped, 'the exact count')
          assert.equal(stages.plain.requests.length, 0)
        } else {
          assert.equal(dropped, undefined)
          ASKED[backup](bodyAt(backup))
        }
        nothingRefused()
      })

  test('by one of its own dialect: the bytes as they came, but for the model', async () => {
    const text = (model: string): string =>
      `{"model":"${model}", "input":"\\u0078",  "truncation":"auto", "reasoning":{"effort":"low"}}`
    const reply = await house.ask(PATH, text('azure-plain'))
    assert.equal(reply.status, 200, reply.text)
    const [hit] = stages.azure.requests
    assert.match(hit?.target ?? '', /^\/openai\/v1\/responses\/input_tokens(?:\?|$)/)
    assert.equal(hit?.text, text('gpt-4.1'))
    nothingRefused()
  })

  test('an address that has no such endpoint after all: the fallback counts', async () => {
    const message = 'Unknown request URL: POST /v1/responses/input_tokens.'
    const error = { message, type: 'invalid_request_error', param: null, code: 'unknown_url' }
    stages.azure.script(always({ kind: 'status', status: 404, body: { error } }))
    const reply = await house.ask(PATH, { model: 'azure-plain', ...PROMPT })
    tokensIn(reply)
    assert.equal(reply.headers['x-litellm-model-group'], 'plain')
  })

  test('the official client hears a count from each of them', async () => {
    for (const model of BACKUPS) {
      const { object, input_tokens: tokens } = await client.responses.inputTokens.count({
        model,
        input: 'What is your line?',
        text: { format: { type: 'json_schema', name: 'answer', schema: SCHEMA, strict: true } },
      })
      assert.deepEqual([object, tokens > 4], ['response.input_tokens', true], model)
    }
    nothingRefused()
  })

  test('what has no place in the other dialect is named, with drop_params off too', async () => {
    for (const [model, more, lost] of [
      ['gemini', { text: { verbosity: 'low' } }, 'verbosity'],
      ['anthropic', { input: 'Go and search.', tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    ] as const) {
      const reply = await house.ask(PATH, { model, ...PROMPT, ...more })
      tokensIn(reply)
      assert.equal(reply.headers['x-understudy-dropped'], lost)
      assert.equal(stages[model].requests.length, 1)
    }
    nothingRefused()
  })

  test('a prompt that cannot be carried as a whole is counted here', async () => {
    const sound = { type: 'input_audio', input_audio: { data: 'A'.repeat(44_000), format: 'mp3' } }
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'What is said here?' }, sound] }]
    const reply = await house.ask(PATH, { model: 'anthropic', input })
    const tokens = tokensIn(reply)
    assert.ok(tokens > 24 && tokens < 40, String(tokens))
    assert.equal(reply.headers['x-understudy-dropped'], 'the exact count')
    assert.equal(stages.anthropic.requests.length, 0)
  })

  for (const [param, more] of [
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['input[0].id', { input: [{ type: 'item_reference', id: 'rs_1' }] }],
    ['input[0].encrypted_content', { input: [{ type: 'compaction', encrypted_content: 'gAAA' }] }],
  ] as const)
    test(`half a prompt is counted by nobody: ${param} is refused by its name`, async () => {
      for (const model of ['plain', 'anthropic']) {
        const reply = await house.ask(PATH, { model, input: 'Go.', ...more })
        const error = reply.json().error as JsonObject
        assert.deepEqual([reply.status, error.param], [400, param], reply.text)
      }
      for (const stage of [stages.plain, stages.anthropic]) assert.equal(stage.requests.length, 0)
    })

  test('a failure of the count is told as OpenAI tells it', async () => {
    const body = { type: 'error', error: { type: 'invalid_request_error', message: 'model: too odd' } }
    stages.anthropic.script(always({ kind: 'status', status: 400, body }))
    const error = await client.responses.inputTokens
      .count({ model: 'anthropic', input: 'x' })
      .catch((reason: unknown) => reason)
    assert.ok(error instanceof OpenAI.BadRequestError)
  })
})

describe('the other two doors', () => {
  const messages = (model: string): Promise<Reply> =>
    house.ask('/v1/messages/count_tokens', {
      model,
      system: 'Be brief.',
      messages: MESSAGES as unknown as Json,
      tools: [{ name: 'look', description: 'Looks.', input_schema: SCHEMA }],
    })
  const contents = (model: string): Promise<Reply> =>
    house.ask(`/v1beta/models/${model}:countTokens`, {
      generateContentRequest: {
        model: `models/${model}`,
        systemInstruction: { parts: [{ text: 'Be brief.' }] },
        contents: [{ role: 'user', parts: [{ text: 'Where are you?' }] }],
      },
    })
  const doors = [
    ['messages', messages, 'input_tokens'],
    ['gemini', contents, 'totalTokens'],
  ] as const
  for (const [name, send, member] of doors) {
    for (const model of ['anthropic', 'gemini', 'vertex', 'bedrock', 'openai'] as const)
      test(`${name}: ${model} counts`, async () => {
        const reply = await send(model)
        assert.equal(reply.status, 200, reply.text)
        assert.ok(Number(reply.json()[member]) > 4, reply.text)
        assert.equal(reply.headers['x-understudy-dropped'], undefined)
        bodyAt(model)
        nothingRefused()
      })

    test(`${name}: an address that is not known to count is not asked`, async () => {
      for (const model of ['silent', 'azure-plain', 'plain']) {
        const reply = await send(model)
        assert.ok(Number(reply.json()[member]) > 4, reply.text)
        assert.equal(reply.headers['x-understudy-dropped'], 'the exact count')
      }
      for (const stage of [stages.openai, stages.azure, stages.plain]) assert.equal(stage.requests.length, 0)
    })
  }
})

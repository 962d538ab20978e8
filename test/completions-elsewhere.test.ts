import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { CANONICAL } from '../src/stage/lines.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { assertErrorShape } from './support/answers.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'

/** OpenAI's older text completions, by its own client and as Python programs send them, at providers that have chat only. */

const any = ['*'] as const
const house = await play(
  { after },
  {
    stages: {
      lead: {},
      claude: { flavour: 'anthropic', models: any },
      google: { flavour: 'gemini', models: any },
      cohere: { flavour: 'cohere', models: any },
    },
    config: ({ lead, claude, google, cohere }) => ({
      model_list: [
        deployment('star', lead, 'gpt-3.5-turbo-instruct'),
        {
          ...deployment('claude', claude, 'claude-sonnet-4-5'),
          model_info: { supports_assistant_prefill: true },
        },
        deployment('gemini', google, 'gemini-2.5-pro'),
        deployment('cohere', cohere, 'command-a-03-2025'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['claude'] }] },
      litellm_settings: { drop_params: false },
    }),
  },
)
const client = clientOf(house)
const { lead, claude, google, cohere } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
})

const chosen = { index: 0, text: CANONICAL, logprobs: null, finish_reason: 'stop' }

for (const [group, stage] of [
  ['claude', claude],
  ['gemini', google],
  ['cohere', cohere],
] as const) {
  test(`${group}: a prompt is answered as text, whole and streamed`, async () => {
    const whole = await client.completions.create({ model: group, prompt: 'hi', max_tokens: 50 })
    assert.match(whole.id, /^cmpl-/)
    assert.deepEqual([whole.object, whole.model, whole.choices], ['text_completion', group, [chosen]])
    assert.ok((whole.usage?.completion_tokens ?? 0) > 0)
    const stream = await client.completions.create({
      model: group,
      prompt: ['hi'],
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    const ends: (string | null)[] = []
    const usages: unknown[] = []
    for await (const { choices, usage, object } of stream) {
      assert.equal(object, 'text_completion')
      for (const choice of choices) {
        text += choice.text
        if (choice.finish_reason !== null) ends.push(choice.finish_reason)
      }
      if (usage) usages.push(usage)
    }
    assert.deepEqual([text, ends, usages.length], [CANONICAL, ['stop'], 1])
    assertNothingRefused(stage.requests)
  })
}

test('the lead is out: its prompt is what the backup’s user says, with what both know beside it', async () => {
  lead.script([{ kind: 'status', status: 503 }])
  // The body of OpenAI's Python client.
  const body = '{"model":"star","prompt":"Hello","max_tokens":40,"stop":["X"],"temperature":0.3,"user":"u"}'
  const answer = await house.ask('/v1/completions', body)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json().model, 'claude')
  assert.deepEqual(answer.json().choices, [chosen])
  const sent = claude.requests[0]?.json as JsonObject
  assert.deepEqual(sent.messages, [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }])
  assert.deepEqual(
    [sent.max_tokens, sent.stop_sequences, sent.temperature, sent.metadata],
    [40, ['X'], 0.3, { user_id: 'u' }],
  )
  assert.equal(answer.headers['x-litellm-attempted-fallbacks'], '1')
})

test('its own provider gets the request byte for byte but for the model', async () => {
  const body = '{"model":"star","prompt":["a","b"],"echo":true,"n":1}'
  assert.equal((await house.ask('/v1/completions', body)).status, 200)
  assert.equal(lead.requests[0]?.body.toString(), body.replace('star', 'gpt-3.5-turbo-instruct'))
})

test('what only a provider of text completions can do is refused by its name, and nothing is sent', async () => {
  for (const [name, value] of [
    ['prompt', ['a', 'b']],
    ['prompt', [1, 2, 3]],
    ['prompt', ''],
    ['echo', true],
    ['suffix', 'the end'],
    ['logprobs', 2],
    ['best_of', 3],
    ['n', 2],
    ['messages', [{ role: 'user', content: 'x' }]],
    ['tools', [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]],
    ['functions', [{ name: 'look', parameters: { type: 'object' } }]],
  ] as const) {
    const answer = await house.ask('/v1/completions', { model: 'claude', prompt: 'x', [name]: value })
    assertErrorShape(answer, 400)
    assert.equal((answer.json().error as JsonObject).param, name)
  }
  assert.equal(claude.requests.length, 0)
})

test('a text that breaks off is not gone on with as if its beginning had been the user’s', async () => {
  lead.script([{ kind: 'cut', how: 'rst', afterContent: 3 }])
  const answer = await house.ask('/v1/completions', { model: 'star', prompt: 'hi', stream: true })
  assert.equal(claude.requests.length, 0, answer.text)
  assert.ok(answer.text.includes('"error"') && !answer.text.includes('[DONE]'), answer.text)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import type { JsonObject } from '../src/wire/json.ts'
import { bodies, CHAT, dropped, RESPONSES, refusing, said } from './repairs.fixture.ts'
import { deployment, play } from './support/harness.ts'

/** One limit of the answer for everybody, and models that give less. */

const REFUSALS: readonly (readonly [name: string, words: string, most: number])[] = [
  [
    'max_tokens',
    'max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.',
    16_384,
  ],
  [
    'max_completion_tokens',
    'max_completion_tokens is too large: 32000. This model supports at most 4096 completion tokens, whereas you provided 32000.',
    4096,
  ],
  ['max_tokens', 'Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', 8192],
  ['max_tokens', '<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]', 8192],
  [
    'max_completion_tokens',
    '`max_completion_tokens` must be less than or equal to `8192`, the maximum value for `max_completion_tokens` is less than the `context_window` for this model',
    8192,
  ],
  [
    'max_tokens',
    'max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku-20241022',
    8192,
  ],
  [
    'max_tokens',
    'The maximum tokens you requested exceeds the model limit of 8192. Try again with a maximum tokens value that is lower than 8192.',
    8192,
  ],
  [
    'max_tokens',
    'Unable to submit request because it has a maxOutputTokens value of 32000 but the supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try again.',
    8192,
  ],
  [
    'max_tokens',
    "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 32768 tokens and your request has 768 input tokens (32000 > 32768 - 768).",
    32_000,
  ],
]

const house = (t: Parameters<typeof play>[0], router: JsonObject = {}) =>
  play(t, {
    stages: { lead: {}, backup: { models: ['*'] }, claude: { flavour: 'anthropic' as const, models: ['*'] } },
    config: ({ lead, backup, claude }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('second', backup, 'gpt-4.1'),
        // One for each refusal: what was learned of one model is known of no other.
        ...REFUSALS.map((_, at) => deployment(`gives-${at}`, backup, `model-${at}`)),
        deployment('claude', claude, 'claude-sonnet-4-5'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ claude: ['second'] }, { star: ['claude'] }],
        ...router,
      },
    }),
  })

const LIMITS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'] as const
const limitIn = (body: JsonObject | undefined): unknown =>
  LIMITS.map(name => body?.[name]).find(value => value !== undefined)

test('a limit above the model’s becomes the one that the refusal names, in the words of each provider', async t => {
  const { stages, ask } = await house(t)
  for (const [at, [name, words, most]] of REFUSALS.entries()) {
    const { backup } = stages
    backup.clear()
    backup.script([refusing(words, 'invalid_value', name)])
    const body = { model: `gives-${at}`, messages: [{ role: 'user', content: 'Line?' }], [name]: 50_000 }
    const reply = await ask(CHAT, body)
    assert.equal(reply.status, 200, `${words}: ${reply.text}`)
    assert.deepEqual(bodies(backup).map(limitIn).at(-1), most, words)
    assert.deepEqual(dropped(reply), [])
  }
})

test('an agent’s limit follows it to a model that gives less, is refused there once, and never again', async t => {
  const { stages, url, key } = await house(t)
  const { claude, backup } = stages
  const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 })
  const turn = (): Promise<Anthropic.Message> => {
    claude.script([{ kind: 'status', status: 529 }])
    return client.messages
      .stream({ model: 'claude', max_tokens: 32_000, messages: [{ role: 'user', content: 'Line?' }] })
      .finalMessage()
  }
  backup.script([refusing(REFUSALS[1]?.[1] ?? '', 'invalid_value', 'max_completion_tokens')])
  assert.equal((await turn()).model, 'second')
  assert.deepEqual(bodies(backup).map(limitIn), [32_000, 4096])
  assert.equal((await turn()).model, 'second')
  assert.deepEqual(bodies(backup).map(limitIn), [32_000, 4096, 4096], 'learned')
})

test('the limit of a response is mended where a translation wrote it', async t => {
  const { stages, ask } = await house(t)
  const { lead, claude } = stages
  lead.script([{ kind: 'status', status: 503 }])
  claude.script([
    {
      kind: 'status',
      status: 400,
      body: { type: 'error', error: { type: 'invalid_request_error', message: REFUSALS[5]?.[1] ?? '' } },
    },
  ])
  const reply = await ask(RESPONSES, { model: 'star', input: 'Line?', max_output_tokens: 100_000 })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.json().model, 'claude')
  assert.deepEqual(bodies(claude).map(limitIn), [100_000, 8192])
})

test('a limit that is below the one that is named was not what was wrong', async t => {
  const { stages, ask } = await house(t)
  const words = REFUSALS[0]?.[1] ?? ''
  stages.backup.script([refusing(words, 'invalid_value', 'max_tokens')])
  const body = { model: 'second', messages: [{ role: 'user', content: 'Line?' }], max_tokens: 12 }
  const reply = await ask(CHAT, body)
  assert.equal(reply.status, 400)
  assert.match(String(said(reply).message), /max_tokens is too large/)
  assert.equal(stages.backup.requests.length, 1)
})

test('learn_unsupported_params: false leaves the limit, and its refusal, to the client', async t => {
  const { stages, ask } = await house(t, { learn_unsupported_params: false })
  stages.backup.script([refusing(REFUSALS[0]?.[1] ?? '', 'invalid_value', 'max_tokens')])
  const body = { model: 'second', messages: [{ role: 'user', content: 'Line?' }], max_tokens: 32_000 }
  assert.equal((await ask(CHAT, body)).status, 400)
})

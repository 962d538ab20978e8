import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import {
  type APICallError,
  embedMany,
  generateImage,
  generateObject,
  generateText,
  type ModelMessage,
  StreamProviderError,
  stepCountIs,
} from 'ai'
import { z } from 'zod'
import type { Fault } from '../src/stage/faults.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { type ClientName, ensemble, failing, looked, once, TASK, told, tools } from './ai-sdk.fixture.ts'
import { deployment } from './support/harness.ts'

/** AI SDK while the primary fails: before the answer, before the first event, in the middle, and between steps. */
const house = await ensemble(
  { after },
  {
    fallbacks: [
      { gpt: ['claude'] },
      { claude: ['flash'] },
      { flash: ['gpt'] },
      { pro: ['bedrock'] },
      { vectors: ['vectors-second'] },
      { painter: ['painter-second'] },
    ],
    more: ({ openai, anthropic, gemini }) => [
      deployment('pro', openai, 'gpt-4.1'),
      deployment('alone', openai, 'gpt-4.1'),
      deployment('hermit', anthropic, 'claude-sonnet-4-5'),
      deployment('monk', gemini, 'gemini-2.5-flash'),
      deployment('vectors', openai, 'text-embedding-3-small'),
      deployment('vectors-second', openai, 'text-embedding-3-small'),
      deployment('painter', openai, 'gpt-image-1'),
      deployment('painter-second', openai, 'gpt-image-1'),
    ],
  },
)
const { clients, stages, asked } = house
const { models } = clients
beforeEach(house.clear)

type Primary = keyof typeof stages
/** A client, the group it asks for with the provider that serves it, and the other provider that follows. */
type Pair = readonly [client: ClientName, group: string, primary: Primary, backup: string]

const PAIRS: readonly Pair[] = [
  ['openai (responses)', 'gpt', 'openai', 'anthropic'],
  ['openai (responses)', 'claude', 'anthropic', 'gemini'],
  ['openai.chat', 'gpt', 'openai', 'anthropic'],
  ['openai.chat', 'pro', 'openai', 'bedrock'],
  ['openai-compatible', 'claude', 'anthropic', 'gemini'],
  ['anthropic', 'claude', 'anthropic', 'gemini'],
  ['anthropic', 'flash', 'gemini', 'openai'],
  ['anthropic', 'pro', 'openai', 'bedrock'],
  ['google', 'flash', 'gemini', 'openai'],
  ['google', 'gpt', 'openai', 'anthropic'],
]

const DOWN: Fault = { kind: 'status', status: 503 }
const OK: Fault = { kind: 'ok' }
const schema = z.object({ line: z.string() })

/** What befalls a stream before its first content: nobody hears of it. */
const EARLY: readonly Fault[] = [
  DOWN,
  { kind: 'html', status: 502 },
  { kind: 'reset', when: 'after-headers' },
  { kind: 'cut', how: 'rst', afterContent: 0 },
  { kind: 'error-event', error: { type: 'server_error', message: 'Not today.' }, afterContent: 0 },
]

for (const [client, group, primary, backup] of PAIRS)
  describe(`${client}, ${group} at ${primary}, then ${backup}`, () => {
    const model = () => models[client](group)

    test('a whole answer and an object, while the primary is down', async () => {
      stages[primary].script([DOWN, DOWN])
      const { text } = await generateText({ model: model(), prompt: '[stage:say good evening]', ...once })
      assert.equal(text, 'good evening')
      const { object } = await generateObject({ model: model(), schema, prompt: 'Say it.', ...once })
      assert.equal(typeof object.line, 'string')
      assert.deepEqual(asked(), { [primary]: 2, [backup]: 2 })
    })

    test('streams that fail before their first content are whole', async () => {
      for (const fault of EARLY) {
        stages[primary].script([fault])
        const { text, finish, errors } = await told(model(), '[stage:say good evening]')
        assert.deepEqual([errors, text, finish], [[], 'good evening', 'stop'], JSON.stringify(fault))
      }
      assert.deepEqual(asked(), { [primary]: EARLY.length, [backup]: EARLY.length })
    })

    test('a task whose steps are served by both', async () => {
      for (const faults of [
        [OK, DOWN, OK],
        [DOWN, OK, DOWN],
      ]) {
        stages[primary].script(faults)
        const streamed = await told(model(), TASK, true)
        assert.deepEqual(streamed.errors, [])
        assert.deepEqual([streamed.calls, streamed.steps, streamed.text], [looked, 3, 'trees everywhere'])
      }
      assert.deepEqual(asked(), { [primary]: 6, [backup]: 3 })
    })

    test('a talk whose turns are served by both', async () => {
      const messages: ModelMessage[] = []
      // The first one is for a gateway that has never heard of a client that names items.
      for (const [fault, says] of [
        [OK, 'one'],
        [OK, 'two'],
        [DOWN, 'three'],
        [OK, 'four'],
        [DOWN, 'five'],
      ] as const) {
        messages.push({ role: 'user', content: `[stage:reason] [stage:say act ${says}]` })
        stages[primary].clear()
        stages[primary].script([fault])
        const answer = await generateText({
          model: model(),
          messages,
          tools,
          stopWhen: stepCountIs(3),
          ...once,
        })
        assert.equal(answer.text, `act ${says}`)
        messages.push(...answer.response.messages)
        asked()
      }
    })
  })

/** Clients whose streams another provider may go on with in the middle. */
const RESUMED: readonly ClientName[] = ['openai.chat', 'openai-compatible', 'anthropic']

for (const client of RESUMED)
  test(`${client}: a stream that breaks in the middle is gone on with by the other provider`, async () => {
    for (const [group, primary, backup] of [
      ['gpt', 'openai', 'anthropic'],
      ['claude', 'anthropic', 'gemini'],
      ['pro', 'openai', 'bedrock'],
    ] as const) {
      house.clear()
      stages[primary].script([{ kind: 'cut', how: 'rst', afterContent: 3 }])
      const { text, finish, errors } = await told(
        models[client](group),
        '[stage:say one two three four five]',
      )
      assert.deepEqual([errors, text, finish], [[], 'one two three four five', 'stop'], group)
      assert.deepEqual(asked(), { [primary]: 1, [backup]: 1 })
    }
  })

for (const client of Object.keys(models) as ClientName[])
  test(`${client}: a stream that breaks, with nobody to go on, tells an error and never looks whole`, async () => {
    for (const [group, primary] of [
      ['alone', 'openai'],
      ['hermit', 'anthropic'],
      ['monk', 'gemini'],
    ] as const)
      for (const fault of [
        { kind: 'cut', how: 'rst', afterContent: 2 },
        { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 },
        { kind: 'error-event', error: { type: 'server_error', message: 'Not today.' }, afterContent: 2 },
      ] as const) {
        house.clear()
        stages[primary].script([fault])
        const { text, finish, errors } = await told(models[client](group), '[stage:say one two three four]')
        const where = `${group}, ${fault.kind}`
        assert.deepEqual([text, finish, errors.length], ['one two', 'error', 1], where)
        const [error] = errors
        assert.ok(StreamProviderError.isInstance(error), where)
        assert.match(error.message, /litellm\./, where)
        assert.deepEqual(asked(), { [primary]: 1 })
      }
  })

test('embedMany and generateImage, while the primary is down', async () => {
  stages.openai.script([DOWN, OK, DOWN, OK])
  const { embeddings } = await embedMany({
    model: clients.openai.embedding('vectors'),
    values: ['to be', 'or not'],
    ...once,
  })
  assert.equal(embeddings.length, 2)
  const { images } = await generateImage({
    model: clients.openai.image('painter'),
    prompt: 'a stage',
    ...once,
  })
  assert.equal(images.length, 1)
  assert.deepEqual(asked(), { openai: 4 })
})

type Refused = Pick<APICallError, 'statusCode' | 'isRetryable'>

const errorOf = (error: APICallError): JsonObject => {
  const { error: told } = JSON.parse(error.responseBody ?? '') as { error: JsonObject }
  assert.equal(error.message, told.message)
  return told
}

for (const client of Object.keys(models) as ClientName[])
  test(`${client}: errors have a status, a body that its schema reads, and say whether another try is worth it`, async () => {
    const ask = (from: typeof clients, group: string) =>
      failing(generateText({ model: from.models[client](group), prompt: 'Hello', ...once }))
    const is = (error: APICallError, expected: Refused): void =>
      assert.deepEqual(
        { statusCode: error.statusCode, isRetryable: error.isRetryable },
        expected,
        String(error.message),
      )
    const stranger = await ask(house.strangers, 'alone')
    is(stranger, { statusCode: 401, isRetryable: false })
    errorOf(stranger)
    const nobody = await ask(clients, 'nobody')
    is(nobody, { statusCode: 400, isRetryable: false })
    assert.match(String(errorOf(nobody).message), /nobody/)
    for (const [status, isRetryable] of [
      [400, false],
      [404, false],
      [500, true],
      [client === 'anthropic' ? 529 : 503, true],
    ] as const)
      for (const [group, stage] of [
        ['alone', stages.openai],
        ['hermit', stages.anthropic],
      ] as const) {
        stage.script([{ kind: 'status', status }])
        const error = await ask(clients, group)
        is(error, { statusCode: status, isRetryable })
        errorOf(error)
        assert.ok(error.responseHeaders?.['x-litellm-call-id'])
      }
  })

test('the client’s own tries wait as long as a rate limit says', async () => {
  stages.anthropic.script([{ kind: 'status', status: 429, headers: { 'retry-after': '1' } }])
  const begun = performance.now()
  const { text } = await generateText({ model: clients.anthropic('hermit'), prompt: 'Hello', maxRetries: 1 })
  assert.equal(text, 'The understudy knows every line.')
  assert.ok(performance.now() - begun >= 950)
  assert.equal(stages.anthropic.requests.length, 2)
})

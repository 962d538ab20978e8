import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'

/** Where nobody who counts prompts can be asked, the gateway counts, and says so: a count is no answer that would be wrong. */

const STAGES = {
  azure: { flavour: 'azure', models: ['*'] },
  anthropic: { flavour: 'anthropic', models: ['*'] },
  gemini: { flavour: 'gemini', models: ['*'] },
  spare: { flavour: 'anthropic', models: ['*'] },
} as const
type Name = Exclude<keyof typeof STAGES, 'spare'>

const STATUSES = [404, 405, 501, 503] as const

const house: Play<typeof STAGES> = await play(
  { after },
  {
    stages: STAGES,
    config: ({ azure, anthropic, gemini, spare }) => ({
      model_list: [
        // One for each status: what one has answered keeps nobody from the next.
        ...[...STATUSES, 429].flatMap(status => [
          deployment(`azure-${status}`, azure, 'gpt-4.1'),
          deployment(`anthropic-${status}`, anthropic, 'claude-sonnet-4-5'),
          deployment(`gemini-${status}`, gemini, 'gemini-2.5-flash'),
        ]),
        deployment('anthropic-other', anthropic, 'claude-haiku-4-5'),
        deployment('gemini-other', gemini, 'gemini-2.5-pro'),
        deployment('lead', azure, 'gpt-4.1-mini'),
        deployment('spare', spare, 'claude-sonnet-4-5'),
      ],
      router_settings: {
        num_retries: 2,
        retry_after: 0,
        cooldown_time: 60,
        fallbacks: [{ lead: ['spare'] }],
      },
    }),
  },
)
const { stages } = house

beforeEach(() => {
  for (const stage of Object.values(stages)) stage.clear()
})

const WORDS = 'Where are you, and where is everybody else?'

const SEND: Readonly<Record<Name, (model: string, more?: JsonObject) => Promise<Reply>>> = {
  azure: (model, more) => house.ask('/v1/responses/input_tokens', { model, input: WORDS, ...more }),
  anthropic: (model, more) =>
    house.ask('/v1/messages/count_tokens', {
      model,
      messages: [{ role: 'user', content: WORDS }],
      ...more,
    }),
  gemini: (model, more) =>
    house.ask(`/v1beta/models/${model}:countTokens`, {
      contents: [{ role: 'user', parts: [{ text: WORDS }] }],
      ...more,
    }),
}
const MEMBER: Readonly<Record<Name, string>> = {
  azure: 'input_tokens',
  anthropic: 'input_tokens',
  gemini: 'totalTokens',
}

const estimated = (name: Name, reply: Reply): void => {
  assert.equal(reply.status, 200, reply.text)
  const tokens = Number(reply.json()[MEMBER[name]])
  assert.ok(tokens > 8 && tokens < 20, reply.text)
  assert.equal(reply.headers['x-understudy-dropped'], 'the exact count')
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '0')
}

for (const name of ['azure', 'anthropic', 'gemini'] as const)
  describe(`a lone counter (${name})`, () => {
    for (const status of STATUSES)
      test(`that answers ${status}: counted here`, async () => {
        stages[name].script(always({ kind: 'status', status }))
        estimated(name, await SEND[name](`${name}-${status}`))
        assert.ok(stages[name].requests.length > 0)
      })

    test('that is limited for a while: counted here at once, and it is not asked again meanwhile', async () => {
      stages[name].script(always({ kind: 'status', status: 429, headers: { 'retry-after': '30' } }))
      const began = performance.now()
      for (let call = 0; call < 3; call += 1) estimated(name, await SEND[name](`${name}-429`))
      assert.ok(performance.now() - began < 20_000, 'nobody waits for half a minute to hear an estimate')
      assert.equal(stages[name].requests.length, 1)
    })
  })

describe('a count that is refused', () => {
  test('for what the caller wrote stays an error', async () => {
    const error = { message: "Unknown parameter: 'nonsense'.", type: 'invalid_request_error', code: 'x' }
    stages.azure.script(always({ kind: 'status', status: 400, body: { error } }))
    const reply = await SEND.azure('lead', { disable_fallbacks: true })
    assert.equal(reply.status, 400, reply.text)
  })

  test('is told where the client wants nobody in its place', async () => {
    stages.azure.script(always({ kind: 'status', status: 404 }))
    const reply = await SEND.azure('lead', { disable_fallbacks: true })
    assert.equal(reply.status, 404, reply.text)
  })
})

test('of what holds no conversation nothing is counted, and the failure is told', async () => {
  for (const [name, status] of [
    ['anthropic', 529],
    ['gemini', 503],
  ] as const) {
    stages[name].script(always({ kind: 'status', status: 503 }))
    const reply = await SEND[name](`${name}-other`, { messages: 'x', contents: 'x' })
    assert.equal(reply.status, status, reply.text)
  }
})

test('whoever else counts is asked first', async () => {
  stages.azure.script(always({ kind: 'status', status: 404 }))
  const reply = await SEND.azure('lead')
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-understudy-dropped'], undefined)
  assert.equal(stages.spare.requests.length, 1)
  // And when all of them are out, it is the gateway's turn.
  stages.spare.script(always({ kind: 'status', status: 503 }))
  const last = await SEND.azure('lead')
  assert.equal(last.headers['x-understudy-dropped'], 'the exact count')
  assert.equal(last.headers['x-litellm-model-group'], 'lead')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** litellm_params and request parameters that change what a provider receives, or how many requests it gets at once. */

const CHAT = '/v1/chat/completions'
const { messages } = chat('any') as { messages: JsonObject[] }
/** Groq refuses logit_bias by its own documentation. */
const groq = (group: string, stage: Stage, more: JsonObject = {}) => ({
  model_name: group,
  litellm_params: { model: `groq/${group}`, api_base: stage.baseUrl, api_key: stage.key, ...more },
})
const bodyAt = (stage: Stage, place = -1): JsonObject => stage.requests.at(place)?.json as JsonObject

test('a parameter the provider is known to refuse: 400 by name, or dropped where drop_params says so', async t => {
  const stages = { stage: { models: ['*'] } }
  for (const everywhere of [false, true]) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: [
          groq('plain', stage),
          groq('drops', stage, { drop_params: true }),
          groq('keeps', stage, { drop_params: false }),
          groq('allowed', stage, { allowed_openai_params: ['logit_bias'] }),
          deployment('second', stage, 'second'),
        ],
        litellm_settings: { drop_params: everywhere },
      }),
    })
    const { stage } = theatre.stages
    const biased = { logit_bias: { '1': 2 } }
    const sent = async (group: string, more: JsonObject = {}): Promise<JsonObject | number> => {
      stage.clear()
      const reply = await theatre.ask(CHAT, chat(group, { ...biased, ...more }))
      return reply.status === 200 ? bodyAt(stage) : reply.status
    }
    const without = (model: string) => ({ model, messages })
    const withBias = (model: string) => ({ model, messages, ...biased })
    assert.deepEqual(await sent('plain'), everywhere ? without('plain') : 400)
    assert.deepEqual(await sent('drops'), without('drops'))
    assert.equal(await sent('keeps'), 400)
    assert.deepEqual(await sent('allowed'), withBias('allowed'))
    assert.deepEqual(await sent('keeps', { drop_params: true }), without('keeps'), 'the request decides')
    assert.equal(await sent('drops', { drop_params: false }), 400, 'the request decides')
    assert.deepEqual(await sent('keeps', { allowed_openai_params: ['logit_bias'] }), withBias('keeps'))
    stage.clear()
    const refused = await theatre.ask(CHAT, chat('keeps', biased))
    assert.match(
      String((refused.json().error as JsonObject).message),
      /^litellm\.UnsupportedParamsError: GroqException - groq does not support parameters: \['logit_bias'\], for model=keeps\. To drop these, set `litellm\.drop_params=True`/,
    )
    assert.equal(stage.requests.length, 0)
    const elsewhere = await theatre.ask(CHAT, chat('keeps', { ...biased, fallbacks: ['second'] }))
    assert.equal(elsewhere.status, 200)
    assert.deepEqual(bodyAt(stage), withBias('second'))
    await theatre.close()
  }
})

test('additional_drop_params removes by path, at the deployment and in the request', async t => {
  const theatre = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm', {
          additional_drop_params: ['user', 'tools[*].function.strict', 'response_format.json_schema.strict'],
        }),
      ],
    }),
  })
  const { stage } = theatre.stages
  const tool = (name: string, more: JsonObject = {}): JsonObject => ({
    type: 'function',
    function: { name, parameters: { type: 'object' }, ...more },
  })
  const schema = { name: 's', schema: { type: 'object' } }
  const body = chat('star', {
    user: 'someone',
    seed: 1,
    tools: [tool('a', { strict: true }), tool('b')],
    response_format: { type: 'json_schema', json_schema: { ...schema, strict: true } },
  })
  const reply = await theatre.ask(CHAT, { ...body, additional_drop_params: ['seed', 'nothing.there'] })
  assert.equal(reply.status, 200)
  assert.deepEqual(bodyAt(stage), {
    model: 'm',
    messages,
    tools: [tool('a'), tool('b')],
    response_format: { type: 'json_schema', json_schema: schema },
  })
})

test("a deployment's values: defaults under the client's, extra_body over them, tools before the request's, headers added", async t => {
  const tool = (name: string): JsonObject => ({
    type: 'function',
    function: { name, parameters: { type: 'object' } },
  })
  const theatre = await play(t, {
    stages: { stage: { models: ['*'], accepts: ['top_k'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm', {
          temperature: 0.3,
          max_tokens: 7,
          tools: [tool('ours')],
          extra_body: { top_k: 5, seed: 42 },
          extra_headers: { 'x-team': 'blue', 'OpenAI-Beta': 'ours=v1' },
        }),
      ],
    }),
  })
  const { stage } = theatre.stages
  await theatre.ask(CHAT, chat('star', { temperature: 0.9, seed: 1, tools: [tool('theirs')] }), {
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['openai-beta', 'theirs=v1'],
      ['x-team', 'red'],
    ],
  })
  assert.deepEqual(bodyAt(stage), {
    model: 'm',
    messages,
    temperature: 0.9,
    max_tokens: 7,
    seed: 42,
    top_k: 5,
    tools: [tool('ours'), tool('theirs')],
  })
  assert.equal(stage.requests[0]?.header('x-team'), 'blue')
  assert.equal(stage.requests[0]?.header('openai-beta'), 'ours=v1')
  assert.equal(stage.requests[0]?.header('x-litellm-call-id'), undefined)
  await theatre.ask(CHAT, chat('star'))
  assert.deepEqual(bodyAt(stage).tools, [tool('ours')])
})

test('a default is added to no endpoint that does not publish it', async t => {
  const theatre = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm', { temperature: 0.3, top_p: 0.5, voice: 'alloy', dimensions: 256 }),
      ],
      router_settings: { default_litellm_params: { service_tier: 'flex', timeout: 30 } },
    }),
  })
  const { stage } = theatre.stages
  const service_tier = 'flex'
  for (const [path, body, expected] of [
    [CHAT, chat('star'), { temperature: 0.3, top_p: 0.5, service_tier }],
    ['/v1/responses', response('star'), { temperature: 0.3, top_p: 0.5, service_tier }],
    ['/v1/responses/compact', response('star'), { service_tier }],
    ['/v1/responses/input_tokens', response('star'), {}],
    ['/v1/embeddings', { model: 'star', input: 'x' }, { dimensions: 256 }],
    ['/v1/moderations', { model: 'star', input: 'x' }, {}],
    ['/v1/images/generations', { model: 'star', prompt: 'x' }, {}],
    ['/v1/audio/speech', { model: 'star', input: 'x', voice: 'echo' }, {}],
    ['/v1/rerank', { model: 'star', query: 'x', documents: ['y'] }, {}],
  ] as const) {
    const reply = await theatre.ask(path, body)
    assert.equal(reply.status, 200, `${path}: ${reply.text}`)
    assert.deepEqual(bodyAt(stage), { ...body, model: 'm', ...expected }, path)
  }
})

test('M-127 max_parallel_requests: the next one waits, does not fail, and starts when the first has ended, however it ends', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        {
          ...deployment('star', stage, 'm', { max_parallel_requests: 1 }),
          model_info: { id: 'one-at-a-time' },
        },
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const { board } = house.served().house
  const held = () => stage.script([{ kind: 'stall', when: 'before-headers', ms: 60 }])
  // Ends well.
  held()
  const both = await Promise.all([theatre.ask(CHAT, chat('star')), theatre.ask(CHAT, chat('star'))])
  assert.deepEqual(
    both.map(reply => reply.status),
    [200, 200],
  )
  const [first, second] = stage.requests
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 55)
  // Ends with an error, in a stream that breaks, with a client that leaves.
  stage.clear()
  stage.script([
    { kind: 'status', status: 500 },
    { kind: 'cut', how: 'rst', afterContent: 2 },
    { kind: 'stall', when: 'mid-stream' },
  ])
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 500)
  await theatre.ask(CHAT, chat('star', { stream: true }))
  const leaver = await theatre.send({ path: CHAT, body: chat('star', { stream: true }) })
  await leaver.event()
  const waiting = theatre.ask(CHAT, chat('star'))
  leaver.leave()
  assert.equal((await waiting).status, 200)
  assert.equal(stage.requests.length, 4)
  // One that waits and leaves takes no slot with it.
  stage.clear()
  stage.script([{ kind: 'stall', when: 'before-headers' }])
  const holder = await theatre.send({ path: CHAT, body: chat('star') })
  await stage.waitForRequest(1)
  const impatient = await theatre.send({ path: CHAT, body: chat('star') })
  impatient.leave()
  holder.leave()
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.equal(board.inFlight('one-at-a-time'), 0)
})

test('default_max_parallel_requests holds for deployments that say nothing', async t => {
  const theatre = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm'),
        deployment('wide', stage, 'w', { max_parallel_requests: 9 }),
      ],
      router_settings: { num_retries: 0, default_max_parallel_requests: 1 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'none', 500)
  stage.script([{ kind: 'stall', when: 'before-headers', ms: 50 }], { model: 'm' })
  stage.script([{ kind: 'stall', when: 'before-headers', ms: 50 }], { model: 'w' })
  const all = ['star', 'star', 'wide', 'wide'].map(group => theatre.ask(CHAT, chat(group)))
  await Promise.all(all)
  const at = (model: string) =>
    stage.requests.filter((_, place) => asked(stage)[place] === model).map(hit => hit.at)
  const [m1 = 0, m2 = 0] = at('m')
  const [w1 = 0, w2 = 0] = at('w')
  assert.ok(m2 - m1 >= 45)
  assert.ok(w2 - w1 < 45)
})

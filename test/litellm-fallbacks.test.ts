import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { asked, chat, failing, message, response, steady } from './support/steady.ts'

/** Which group is asked next: every scope and form of the lists, names, depth, cycles. One stage; its models are the groups. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const DOORS = { [CHAT]: chat, '/v1/responses': response, '/v1/messages': message }
const groups = (stage: Stage, names: readonly string[]) => names.map(name => deployment(name, stage, name))
const messageOf = (reply: { json: () => JsonObject }): string =>
  String((reply.json().error as JsonObject).message)
const refusal = (code: string, message = 'no') => ({
  body: { error: { message, type: null, param: null, code } },
})

const SCOPES: readonly (readonly [name: string, settings: JsonObject, body: JsonObject])[] = [
  ['router_settings.fallbacks', { router_settings: { fallbacks: [{ a: ['b'] }] } }, {}],
  ['litellm_settings.fallbacks', { litellm_settings: { fallbacks: [{ a: ['b'] }] } }, {}],
  ['a list for every group', { router_settings: { fallbacks: [{ '*': ['b'] }] } }, {}],
  ['router_settings.default_fallbacks', { router_settings: { default_fallbacks: ['b'] } }, {}],
  ['litellm_settings.default_fallbacks', { litellm_settings: { default_fallbacks: ['b'] } }, {}],
  ['a dict in the file', { router_settings: { fallbacks: [{ a: [{ model: 'b' }] }] } }, {}],
  ['names in the request', {}, { fallbacks: ['b'] }],
  ['dicts in the request', {}, { fallbacks: [{ model: 'b' }] }],
  [
    'router_settings over litellm_settings',
    {
      router_settings: { fallbacks: [{ a: ['b'] }] },
      litellm_settings: { fallbacks: [{ a: ['c'] }] },
    },
    {},
  ],
  ['the request over the file', { router_settings: { fallbacks: [{ a: ['c'] }] } }, { fallbacks: ['b'] }],
  ["the group's own entry over '*'", { router_settings: { fallbacks: [{ '*': ['c'] }, { a: ['b'] }] } }, {}],
]

test('M-031 every scope and form of the list leads to the same upstream sequence, stream and not, on chat, responses and messages', async t => {
  for (const [name, settings, body] of SCOPES) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({ model_list: groups(stage, ['a', 'b', 'c']), ...settings }),
    })
    const { stage } = theatre.stages
    for (const [path, make] of Object.entries(DOORS))
      for (const stream of [false, true]) {
        stage.clear()
        failing(stage, 'a', 500)
        const reply = await theatre.ask(path, make('a', { stream, num_retries: 0, ...body }))
        assert.equal(reply.status, 200, `${name} ${path} ${stream}`)
        assert.deepEqual(asked(stage), ['a', 'b'], `${name} ${path} ${stream}`)
        assert.equal(reply.headers['x-litellm-model-group'], 'b')
        assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
      }
    await theatre.close()
  }
})

test('M-035 a dict overrides values, null removes one, and its limits are for the gateway', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b', 'slow']),
      router_settings: {
        num_retries: 0,
        fallbacks: [
          { a: [{ model: 'b', temperature: 0.5, max_tokens: null, seed: 7, num_retries: 2, timeout: 30 }] },
        ],
      },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'a', 500)
  await theatre.ask(CHAT, chat('a', { max_tokens: 9, temperature: 1, user: 'u' }))
  const { messages } = chat('b') as { messages: Json }
  assert.deepEqual(stage.requests.at(-1)?.json, {
    model: 'b',
    messages,
    temperature: 0.5,
    user: 'u',
    seed: 7,
  })
  // The compacting endpoint publishes neither temperature nor seed: what it does not have is not added to it.
  const compacted = await theatre.ask('/v1/responses/compact', response('a'))
  assert.equal(compacted.status, 200)
  assert.deepEqual(stage.requests.at(-1)?.json, response('b'))
  // num_retries of the dict counts for that group only.
  stage.clear()
  for (const model of ['a', 'b']) failing(stage, model, 500)
  await theatre.ask(CHAT, chat('a'))
  assert.deepEqual(asked(stage), ['a', 'b', 'b', 'b'])
  // The same from the client, where its own limit may end a hop.
  stage.clear()
  failing(stage, 'a', 500)
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 'slow' })
  const fallbacks = [
    { model: 'slow', timeout: 0.05 },
    { model: 'b', max_tokens: null, top_p: 0.1 },
  ]
  const reply = await theatre.ask(CHAT, chat('a', { max_tokens: 9, fallbacks }))
  assert.equal(reply.status, 200)
  assert.deepEqual(asked(stage), ['a', 'slow', 'b'])
  assert.deepEqual(stage.requests.at(-1)?.json, { model: 'b', messages, top_p: 0.1 })
})

test("M-001 what the fallback group receives differs by nothing from a direct request's bytes", async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'a', {
          temperature: 0.1,
          extra_body: { top_k: 3 },
          extra_headers: { 'x-a': '1' },
        }),
        deployment('b', stage, 'b', { frequency_penalty: 1 }),
      ],
      router_settings: { num_retries: 1, fallbacks: [{ a: ['b'] }] },
    }),
  })
  const { stage } = theatre.stages
  const text = (model: string) =>
    `{ "seed": 12345678901234567890, "model":"${model}","messages":[{"role":"user","content":"\\u00e9"}],  "metadata": {"k":"v"} }`
  failing(stage, 'a', 503)
  const typed = {
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['content-type', 'application/json'],
    ],
  } as const
  assert.equal((await theatre.ask(CHAT, text('b'), typed)).status, 200)
  assert.equal((await theatre.ask(CHAT, text('a'), typed)).status, 200)
  const [direct, , , after] = stage.requests
  assert.equal(after?.text, direct?.text)
  const names = (hit: typeof direct) => hit?.headers.map(([name, value]) => `${name}: ${value}`)
  assert.deepEqual(names(after), names(direct))
})

test('M-136 wildcards as sources and as targets', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('openai/*', stage, '*'),
        deployment('anthropic/*', stage, 'claude-*'),
        deployment('b', stage, 'b'),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [{ 'openai/x': ['openai/y'] }, { 'anthropic/*': ['openai/y'] }, { '*': ['b'] }],
      },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['x', 'claude-3', 'z']) failing(stage, model, 500)
  const route = async (model: string, more: JsonObject = {}) => {
    const before = stage.requests.length
    const reply = await theatre.ask(CHAT, chat(model, more))
    assert.equal(reply.status, 200, model)
    return asked(stage).slice(before)
  }
  assert.deepEqual(await route('openai/x'), ['x', 'y'])
  assert.deepEqual(await route('anthropic/3'), ['claude-3', 'y'])
  assert.deepEqual(await route('openai/z'), ['z', 'b'])
  assert.deepEqual(await route('openai/z', { fallbacks: ['openai/y'] }), ['z', 'y'])
})

test('an alias is served by the entry for itself, else by the entry for its group; a name that is one deployment works too', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        ...groups(stage, ['a', 'b', 'c']),
        { ...deployment('d', stage, 'd1'), model_info: { id: 'id-of-d1' } },
        { ...deployment('d', stage, 'd2'), model_info: { id: 'id-of-d2' } },
      ],
      router_settings: {
        num_retries: 0,
        cooldown_time: 60,
        model_group_alias: { nick: 'a', pet: { model: 'a', hidden: true } },
        fallbacks: [{ a: ['b'] }, { pet: ['c'] }, { b: ['id-of-d2'] }],
      },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'a', 500)
  assert.equal((await theatre.ask(CHAT, chat('nick'))).headers['x-litellm-model-group'], 'b')
  assert.equal((await theatre.ask(CHAT, chat('pet'))).headers['x-litellm-model-group'], 'c')
  // d2 rests after its 429; as a target named by id it is asked all the same.
  failing(stage, 'd2', 429)
  for (let round = 0; round < 6; round += 1) await theatre.ask(CHAT, chat('d'))
  stage.clear()
  for (const model of ['a', 'b']) failing(stage, model, 500)
  const reply = await theatre.ask(CHAT, chat('a'))
  assert.equal(reply.status, 200)
  assert.deepEqual(asked(stage), ['a', 'b', 'd2'])
  assert.equal(reply.headers['x-litellm-model-id'], 'id-of-d2')
})

test('M-050 M-112 max_fallbacks is the depth of the walk: A:[B,C], B:[D]', async t => {
  const expected: Readonly<Record<number, readonly string[]>> = {
    0: ['A'],
    1: ['A', 'B', 'C'],
    2: ['A', 'B', 'D', 'C'],
    5: ['A', 'B', 'D', 'C'],
    100: ['A', 'B', 'D', 'C'],
  }
  for (const [max, order] of Object.entries(expected)) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: groups(stage, ['A', 'B', 'C', 'D']),
        router_settings: {
          num_retries: 0,
          max_fallbacks: Number(max),
          fallbacks: [{ A: ['B', 'C'] }, { B: ['D'] }],
        },
      }),
    })
    const { stage } = theatre.stages
    for (const model of ['A', 'B', 'C', 'D']) failing(stage, model, 500)
    for (const stream of [false, true]) {
      const before = stage.requests.length
      const reply = await theatre.ask(CHAT, chat('A', { stream }))
      assert.deepEqual(asked(stage).slice(before), order, `max_fallbacks ${max}`)
      assert.equal(reply.headers['x-litellm-attempted-fallbacks'], String(order.length - 1))
      assert.equal(reply.status, 500)
    }
    await theatre.close()
  }
})

test('M-050 M-110 cycles end, no group is asked twice, and retries of a fallback are its own', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['A', 'B', 'C', 'D', 'E', 'F']),
      router_settings: {
        num_retries: 1,
        max_fallbacks: 100,
        fallbacks: [
          { A: ['B', 'A'] },
          { B: ['A'] },
          { C: ['D'] },
          { D: ['E', 'C'] },
          { E: ['C', 'F', 'D'] },
          { F: ['C', 'E'] },
        ],
      },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['A', 'B', 'C', 'D', 'E', 'F']) failing(stage, model, 500)
  await theatre.ask(CHAT, chat('A'))
  assert.deepEqual(asked(stage), ['A', 'A', 'B', 'B'])
  const before = stage.requests.length
  const reply = await theatre.ask(CHAT, chat('C'))
  assert.deepEqual(asked(stage).slice(before), ['C', 'C', 'D', 'D', 'E', 'E', 'F', 'F'])
  assert.equal(reply.status, 500)
  assert.ok(reply.text.length < 64 * 1024)
})

test('disable_fallbacks in the body and in the metadata: the first group only', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b']),
      router_settings: { num_retries: 1, fallbacks: [{ a: ['b'] }] },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'a', 500)
  for (const more of [
    { disable_fallbacks: true },
    { disable_fallbacks: 'true' },
    { metadata: { disable_fallbacks: true } },
    { litellm_metadata: { disable_fallbacks: true } },
    { disable_fallbacks: true, fallbacks: ['b'] },
  ])
    for (const stream of [false, true]) {
      const before = stage.requests.length
      const reply = await theatre.ask(CHAT, chat('a', { stream, ...more }))
      assert.equal(reply.status, 500)
      assert.deepEqual(asked(stage).slice(before), ['a', 'a'], JSON.stringify(more))
    }
})

const TYPED = [
  ['context_window_fallbacks', 'context_length_exceeded', 'ContextWindowExceededError'],
  ['content_policy_fallbacks', 'content_policy_violation', 'ContentPolicyViolationError'],
] as const

for (const [list, code, exception] of TYPED)
  for (const stream of [false, true])
    test(`M-104 M-106 ${list}: configured, without an entry for the group, in the request (stream ${stream})`, async t => {
      const theatre = await play(t, {
        stages,
        start: steady().start,
        config: ({ stage }) => ({
          model_list: groups(stage, ['a', 'lacks', 'b', 'typed']),
          router_settings: {
            num_retries: 3,
            fallbacks: [{ a: ['b'] }, { lacks: ['b'] }],
            [list]: [{ a: ['typed'] }],
          },
        }),
      })
      const { stage } = theatre.stages
      const forget = () => {
        stage.clear()
        for (const model of ['a', 'lacks']) failing(stage, model, 400, refusal(code))
      }
      forget()
      const served = await theatre.ask(CHAT, chat('a', { stream }))
      assert.equal(served.status, 200)
      assert.deepEqual(asked(stage), ['a', 'typed'], 'one attempt at the primary, then the typed list')
      forget()
      const lacking = await theatre.ask(CHAT, chat('lacks', { stream }))
      assert.equal(lacking.status, 400)
      assert.deepEqual(asked(stage), ['lacks'], 'a list that lacks the group ends the way')
      assert.equal((lacking.json().error as JsonObject).code, code)
      assert.equal(
        messageOf(lacking),
        `litellm.${exception}: ${exception}: OpenAIException - no. Received Model Group=lacks\nAvailable Model Group Fallbacks=None\nError doing the fallback: litellm.${exception}: ${exception}: OpenAIException - no`,
      )
      forget()
      await theatre.ask(CHAT, chat('lacks', { stream, [list]: [{ lacks: ['typed'] }] }))
      assert.deepEqual(asked(stage), ['lacks', 'typed'], "the request's own typed list")
      forget()
      await theatre.ask(CHAT, chat('lacks', { stream, fallbacks: ['b'] }))
      assert.deepEqual(asked(stage), ['lacks', 'b'], "the request's own list is for any error")
    })

test('M-109 without context_window_fallbacks the general list serves, and the error says which setting is missing', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b']),
      router_settings: { num_retries: 0, fallbacks: [{ a: ['b'] }] },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'a', 400, refusal('context_length_exceeded'))
  assert.equal((await theatre.ask(CHAT, chat('a'))).status, 200)
  failing(stage, 'b', 400, {
    body: { error: { message: 'prompt is too long: 9 tokens > 8 maximum', type: null } },
  })
  const reply = await theatre.ask(CHAT, chat('a'))
  assert.equal(reply.status, 400)
  assert.equal(
    (reply.json().error as JsonObject).code,
    'context_length_exceeded',
    'agents compact on this word',
  )
  assert.match(
    messageOf(reply),
    /OpenAIException - no\nmodel=a\. context_window_fallbacks=None\. fallbacks=\[\{'a': \['b'\]\}\]\.\n\nSet 'context_window_fallback' - https:\S+\. Received Model Group=a\nAvailable Model Group Fallbacks=\['b'\]\nError doing the fallback: litellm\.ContextWindowExceededError/,
  )
})

test('M-107 a content refusal is not routed around by the general list, unless the operator says so', async t => {
  for (const around of [false, true]) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: groups(stage, ['a', 'b']),
        router_settings: {
          fallbacks: [{ a: ['b'] }],
          default_fallbacks: ['b'],
          fallback_on_content_policy: around,
        },
      }),
    })
    const { stage } = theatre.stages
    for (const code of ['content_policy_violation', 'content_filter', 'ResponsibleAIPolicyViolation'])
      for (const stream of [false, true]) {
        stage.clear()
        failing(stage, 'a', 400, refusal(code))
        const reply = await theatre.ask(CHAT, chat('a', { stream }))
        assert.deepEqual(asked(stage), around ? ['a', 'b'] : ['a'], `${code} around=${around}`)
        assert.equal(reply.status, around ? 200 : 400)
      }
    await theatre.close()
  }
})

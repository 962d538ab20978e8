import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestRecord } from '../src/record/trail.ts'
import type { Fault } from '../src/stage/faults.ts'
import { closedPort, type Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { endingOf, framesOf } from './support/answers.ts'
import { openHall, tracesOf } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'
import { chat, failing, message, response } from './support/steady.ts'

/** What is written about a call: once, and with what is known. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const any = { models: ['*'] } as const
const price = (input: number, output: number): JsonObject => ({
  input_cost_per_token: input,
  output_cost_per_token: output,
})
const named = (group: string, stage: Stage, model: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, model, more),
  model_info: { id: model },
})

/** What is not known is left out: a zero would be a price. */
const assertUncounted = (record: RequestRecord | undefined): void => {
  assert.ok(record)
  for (const part of [record, ...record.steps])
    assert.deepEqual([part.usage, part.costUsd], [undefined, undefined])
}

test('M-118 a client that leaves a stream, early or late, has one record that says so and claims no tokens but what was counted or delivered', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, claude: { ...any, flavour: 'anthropic' } },
    config: ({ lead, claude }) => ({
      model_list: [
        named('star', lead, 'm', price(1, 1)),
        named('claude', claude, 'claude-sonnet-4-5', price(1, 1)),
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  const { lead, claude } = hall.stages
  const moments: readonly (readonly [when: (Fault & { kind: 'stall' })['when'], words: number])[] = [
    ['after-lifecycle', 0],
    ['mid-stream', 1],
  ]
  let calls = 0
  for (const [when, words] of moments)
    for (const [path, body] of [
      [CHAT, chat('star', { stream: true })],
      ['/v1/responses', response('star', { stream: true })],
      ['/v1/messages', message('star', { stream: true })],
      ['/v1/messages', message('claude', { stream: true })],
    ] as const) {
      const stage = body.model === 'star' ? lead : claude
      stage.clear()
      stage.script([{ kind: 'stall', when, afterContent: 3 }])
      const client = await hall.send({ path, body })
      const hit = await stage.waitForRequest(1)
      if (words > 0) await client.event()
      client.leave()
      await hit.closedByPeer
      calls += 1
      const records = await hall.recorded(calls)
      assert.equal(records.length, calls)
      const record = records.at(-1)
      assert.equal(record?.end, 'client_left')
      assert.deepEqual(
        tracesOf(record).map(([id]) => id),
        [body.model === 'star' ? 'm' : 'claude-sonnet-4-5'],
      )
      if (body.model === 'star' || words === 0) assertUncounted(record)
      else {
        // Claude counts the prompt at the beginning, and says 1 of the answer until its end.
        const { usage, costUsd, steps } = record ?? assert.fail('nothing was recorded')
        assert.ok((usage?.inputTokens ?? 0) > 0)
        assert.equal(usage?.outputTokens, Math.ceil('The understudy knows'.length / 4))
        assert.equal(costUsd, (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0))
        assert.equal(steps[0]?.estimated, true)
      }
    }
})

test('M-119 a client that leaves before a whole answer ends the provider’s work too, and is recorded', async t => {
  const puppet = await startPuppet(t)
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({
      model_list: [
        named('star', lead, 'm', price(1, 1)),
        {
          model_name: 'signed',
          litellm_params: {
            model: 'bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0',
            aws_bedrock_runtime_endpoint: new URL(puppet.baseUrl).origin,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIASTAGE',
            aws_secret_access_key: 'stage-secret',
          },
        },
      ],
    }),
  })
  const { lead } = hall.stages
  lead.script([{ kind: 'stall', when: 'before-headers' }])
  const client = await hall.send({ path: CHAT, body: chat('star') })
  const hit = await lead.waitForRequest(1)
  const left = client.leave()
  const { at } = await hit.closedByPeer
  assert.ok(at - left < 250, `noticed after ${at - left} ms`)
  const [record] = await hall.recorded(1)
  assert.equal(record?.end, 'client_left')
  assertUncounted(record)
  // A provider whose answer is translated hears of it just the same.
  const other = await hall.send({ path: CHAT, body: chat('signed') })
  const call = await puppet.next()
  call.head({ 'content-type': 'application/json', 'content-length': '9999' })
  await call.write('{"output":')
  other.leave()
  await call.left
  const [, abroad] = await hall.recorded(2)
  assert.equal(abroad?.end, 'client_left')
  assertUncounted(abroad)
  await hall.quiet()
})

/** A message of Claude's whose usage comes in several events. */
const counted = (deltas: readonly JsonObject[]): string => {
  const start = {
    input_tokens: 100,
    output_tokens: 1,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  }
  const base = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5', content: [] }
  const text = { type: 'text', text: '', citations: null }
  const events: readonly JsonObject[] = [
    { type: 'message_start', message: { ...base, stop_reason: null, stop_sequence: null, usage: start } },
    { type: 'content_block_start', index: 0, content_block: text },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Word.' } },
    { type: 'content_block_stop', index: 0 },
    ...deltas.map((usage, at) => ({
      type: 'message_delta',
      delta: { stop_reason: at === deltas.length - 1 ? 'end_turn' : null, stop_sequence: null },
      usage,
    })),
    { type: 'message_stop' },
  ]
  return events.map(one => `event: ${String(one.type)}\ndata: ${JSON.stringify(one)}\n\n`).join('')
}

/** Input and output tokens as a stream tells them, the later word over the earlier. */
const toldIn = (path: string, text: string): readonly [Json | undefined, Json | undefined] => {
  const usages = framesOf(text).flatMap(({ data }) => {
    const value: Json = data.startsWith('{') ? JSON.parse(data) : null
    if (!isObject(value)) return []
    const { usage, message: begun, response: made } = value
    return [usage, isObject(begun) ? begun.usage : null, isObject(made) ? made.usage : null].filter(isObject)
  })
  return toldBy(path, Object.assign({}, ...usages))
}

const toldBy = (path: string, usage: Json | undefined): readonly [Json | undefined, Json | undefined] => {
  if (!isObject(usage)) return [undefined, undefined]
  return path === CHAT
    ? [usage.prompt_tokens, usage.completion_tokens]
    : [usage.input_tokens, usage.output_tokens]
}

/** A chat, a response and a message, each to its own group. */
const STREAMED = [
  [CHAT, chat('chat', { stream: true, stream_options: { include_usage: true } })],
  ['/v1/responses', response('chat', { stream: true })],
  ['/v1/messages', message('message', { stream: true })],
] as const

test('M-088 the usage of a message comes in two events or more: the last word counts, nothing is added twice or lost', async t => {
  const hall = await openHall(t, {
    stages: { claude: { flavour: 'anthropic', models: ['*'] } },
    config: ({ claude }) => ({
      model_list: ['chat', 'message'].map(group => named(group, claude, 'claude-sonnet-4-5')),
    }),
  })
  const headers = { 'content-type': 'text/event-stream' }
  let calls = 0
  for (const [deltas, input, output] of [
    [[{ output_tokens: 5 }, { output_tokens: 9 }], 100, 9],
    [[{ input_tokens: 100, output_tokens: 9 }], 100, 9],
    [[{ input_tokens: 120, output_tokens: 9, cache_read_input_tokens: 0 }], 120, 9],
  ] as const)
    for (const [path, body] of STREAMED) {
      const what = `${path} ${JSON.stringify(deltas)}`
      hall.stages.claude.script([{ kind: 'status', status: 200, headers, body: counted(deltas) }])
      const reply = await hall.ask(path, body)
      const [toldInput, toldOutput] = toldIn(path, reply.text)
      assert.equal(toldOutput, output, what)
      assert.equal(toldInput, input, what)
      calls += 1
      const usage = (await hall.recorded(calls)).at(-1)?.usage
      assert.deepEqual([usage?.inputTokens, usage?.outputTokens], [input, output], what)
    }
})

test('M-124 an answer that one began and another finished costs the sum of both, each at its own price, once', async t => {
  const prefill = { supports_assistant_prefill: true }
  const hall = await openHall(t, {
    stages: {
      openai: { ...any, prefill: 'continue' },
      claude: { ...any, flavour: 'anthropic' },
      repeat: any,
    },
    config: ({ openai, claude, repeat }) => ({
      model_list: [
        named('chat', openai, 'a', price(0.5, 0.25)),
        named('message', claude, 'claude-sonnet-4-5', price(0.5, 0.25)),
        {
          ...deployment('continues', openai, 'b', price(0.001, 0.01)),
          model_info: { id: 'continues', ...prefill },
        },
        { ...deployment('repeats', repeat, 'c', price(0.001, 0.01)), model_info: { id: 'repeats' } },
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { openai, claude } = hall.stages
  const near = (one: number | undefined, other: number): boolean =>
    Math.abs((one ?? Number.NaN) - other) < 1e-9
  let calls = 0
  for (const [path, body] of STREAMED)
    for (const target of ['continues', 'repeats'] as const) {
      const what = `${path} to ${target}`
      // What is stored belongs to who began it.
      const free = path === '/v1/responses' ? { store: false } : {}
      for (const stage of [openai, claude]) stage.clear()
      openai.script([{ kind: 'cut', how: 'rst', afterContent: 4 }], { model: 'a' })
      claude.script([{ kind: 'cut', how: 'rst', afterContent: 4 }])
      const reply = await hall.ask(path, { ...body, ...free, fallbacks: [target] })
      assert.deepEqual([endingOf(reply.text).successes, endingOf(reply.text).errors], [1, 0], what)
      calls += 1
      const records = await hall.recorded(calls)
      assert.equal(records.length, calls, 'one record')
      const record = records.at(-1)
      const [begun, finished, ...others] = record?.steps ?? []
      // The Responses API has no beginning of an answer that could be gone on with.
      const resumed = target === 'repeats' || path === '/v1/responses' ? 'splice' : 'continuation'
      assert.deepEqual([finished?.deployment, finished?.resumed, others], [target, resumed, []], what)
      assert.ok(begun?.usage && finished?.usage, what)
      // Nobody counts an answer that broke: it is no less than what was delivered.
      assert.equal(begun.estimated, true, what)
      assert.equal(begun.usage.outputTokens, Math.ceil('The understudy knows every'.length / 4), what)
      assert.ok(begun.usage.inputTokens > 0, what)
      assert.ok(near(begun.costUsd, begun.usage.inputTokens * 0.5 + begun.usage.outputTokens * 0.25), what)
      const own = finished.usage.inputTokens * 0.001 + finished.usage.outputTokens * 0.01
      assert.ok(near(finished.costUsd, own), what)
      assert.ok(near(record?.costUsd, (begun.costUsd ?? 0) + (finished.costUsd ?? 0)), what)
      const [, output] = toldIn(path, reply.text)
      assert.equal(
        output,
        begun.usage.outputTokens + finished.usage.outputTokens,
        `${what}: as the client hears`,
      )
    }
})

test('M-121 M-122 who served a fallback is who is paid: one record with both groups, the count and the right price', async t => {
  const hall = await openHall(t, {
    stages: { stage: any },
    config: ({ stage }) => ({
      model_list: [named('A', stage, 'a', price(9, 9)), named('B', stage, 'b', price(0.001, 0.01))],
      router_settings: { num_retries: 0, fallbacks: [{ A: ['B'] }] },
    }),
  })
  failing(hall.stages.stage, 'a', 400)
  let calls = 0
  for (const stream of [false, true]) {
    const more = stream ? { stream, stream_options: { include_usage: true } } : {}
    const reply = await hall.ask(CHAT, chat('A', more))
    assert.equal(reply.status, 200)
    calls += 1
    const records = await hall.recorded(calls)
    assert.equal(records.length, calls)
    const { requestedModel, group, servedGroup, fallbacks, usage, costUsd, steps } =
      records.at(-1) ?? assert.fail('nothing was recorded')
    assert.deepEqual([requestedModel, group, servedGroup, fallbacks], ['A', 'A', 'B', 1])
    const { inputTokens = 0, outputTokens = 0 } = usage ?? {}
    assert.ok(inputTokens > 0 && outputTokens > 0)
    const due = inputTokens * 0.001 + outputTokens * 0.01
    assert.ok(Math.abs((costUsd ?? 0) - due) < 1e-9, `${costUsd} for ${due}`)
    assert.deepEqual(
      steps.map(step => [step.deployment, step.costUsd !== undefined]),
      [
        ['a', false],
        ['b', true],
      ],
    )
    if (!stream) assert.ok(Math.abs(Number(reply.headers['x-litellm-response-cost']) - due) < 1e-9)
  }
})

test('M-121 M-122 and so it is where the one who served speaks another dialect: what the client is told is what is charged', async t => {
  const dear = price(9, 9)
  const hall = await openHall(t, {
    stages: {
      lead: any,
      plain: any,
      claude: { ...any, flavour: 'anthropic' },
      gemini: { ...any, flavour: 'gemini' },
    },
    config: ({ lead, plain, claude, gemini }) => ({
      model_list: [
        named('A', lead, 'a', dear),
        named('claude', claude, 'claude-sonnet-4-5', price(0.001, 0.01)),
        named('flash', gemini, 'gemini-2.5-flash', price(0.001, 0.01)),
        named('chatty', plain, 'c', { ...price(0.001, 0.01), model: 'groq/c' }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  failing(hall.stages.lead, 'a', 500)
  let calls = 0
  for (const [target, id] of [
    ['claude', 'claude-sonnet-4-5'],
    ['flash', 'gemini-2.5-flash'],
    ['chatty', 'c'],
  ] as const)
    for (const [path, body] of STREAMED)
      for (const stream of [true, false]) {
        const what = `${path} to ${target}, stream ${stream}`
        const { stream_options: options, ...rest } = body
        const more = stream && options !== undefined ? { stream_options: options } : {}
        const reply = await hall.ask(path, { ...rest, ...more, model: 'A', stream, fallbacks: [target] })
        assert.equal(reply.status, 200, `${what}: ${reply.text}`)
        calls += 1
        const records = await hall.recorded(calls)
        assert.equal(records.length, calls, what)
        const record = records.at(-1)
        assert.deepEqual([record?.group, record?.servedGroup, record?.fallbacks], ['A', target, 1], what)
        assert.deepEqual(
          record?.steps.map(step => [step.deployment, step.costUsd !== undefined]),
          [
            ['a', false],
            [id, true],
          ],
          what,
        )
        const { inputTokens = 0, outputTokens = 0 } = record?.usage ?? {}
        const due = inputTokens * 0.001 + outputTokens * 0.01
        assert.ok(inputTokens > 0 && outputTokens > 0, what)
        assert.ok(Math.abs((record?.costUsd ?? 0) - due) < 1e-9, what)
        const told = stream ? toldIn(path, reply.text) : toldBy(path, reply.json().usage)
        assert.deepEqual(told, [inputTokens, outputTokens], what)
      }
})

test('M-125 the words of an error are no completion: nothing is counted and nothing is charged for them', async t => {
  const port = await closedPort()
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({
      model_list: [
        named('keyless', lead, 'k', { ...price(1, 1), api_key: 'sk-not-the-right-one' }),
        named('nowhere', lead, 'w', { ...price(1, 1), api_base: `http://127.0.0.1:${port}/v1` }),
        named('wordy', lead, 'm', price(1, 1)),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const error = { message: 'sorry '.repeat(500), type: 'server_error', code: null }
  const early: Fault = { kind: 'error-event', error, afterContent: 0 }
  hall.stages.lead.script([early, { ...early, afterContent: 1 }], { model: 'm' })
  for (const group of ['keyless', 'nowhere', 'wordy', 'wordy'])
    await hall.ask(CHAT, chat(group, { stream: true }))
  for (const record of await hall.recorded(4)) {
    assert.notEqual(record.end, 'complete')
    assertUncounted(record)
  }
})

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { RequestRecord } from '../src/record/trail.ts'
import type { Fault } from '../src/stage/faults.ts'
import { closedPort, type Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { plant } from './support/canary.ts'
import { errorOf, openHall, tracesOf } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { chat, failing, response } from './support/steady.ts'

/** What is written about a call: once, with what is known, and never what it said. Each number has its row in docs/museum.md. */

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

test('M-118 a client that leaves a stream, early or late, has one record that says so and claims no tokens that nobody counted', async t => {
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({
      model_list: [named('star', lead, 'm', price(1, 1))],
      router_settings: { num_retries: 0 },
    }),
  })
  const { lead } = hall.stages
  const moments: readonly (readonly [when: (Fault & { kind: 'stall' })['when'], words: number])[] = [
    ['after-lifecycle', 0],
    ['mid-stream', 1],
  ]
  let calls = 0
  for (const [when, words] of moments)
    for (const [path, body] of [
      [CHAT, chat('star', { stream: true })],
      ['/v1/responses', response('star', { stream: true })],
    ] as const) {
      lead.clear()
      lead.script([{ kind: 'stall', when, afterContent: 3 }])
      const client = await hall.send({ path, body })
      const hit = await lead.waitForRequest(1)
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
        ['m'],
      )
      assertUncounted(record)
    }
})

test('M-119 a client that leaves before a whole answer ends the provider’s work too, and is recorded', async t => {
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({ model_list: [named('star', lead, 'm', price(1, 1))] }),
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

test('M-158 what was asked and said is in no log line, and with turn_off_message_logging not even where a provider repeats it', async t => {
  for (const silent of [false, true]) {
    const prompt = plant('the prompt').text
    const hall = await openHall(t, {
      stages: { lead: { ...any, says: `${prompt} is said.` } },
      config: ({ lead }) => ({
        model_list: [named('star', lead, 'm', { timeout: 0.3 })],
        router_settings: { num_retries: 1, disable_cooldowns: true },
        litellm_settings: { turn_off_message_logging: silent },
      }),
    })
    const { lead } = hall.stages
    const body = chat('star', { messages: [{ role: 'user', content: prompt }] })
    const echo = (status: number): Fault => ({
      kind: 'status',
      status,
      body: {
        error: { message: `Input should be an image: input_value='${prompt}'`, type: null, code: null },
      },
    })
    const faults: readonly Fault[] = [
      { kind: 'ok' },
      { kind: 'status', status: 500 },
      { kind: 'stall', when: 'before-headers' },
      { kind: 'cut', how: 'fin', afterContent: 1 },
      { kind: 'bad-json' },
      ...(silent ? [echo(400), echo(500), echo(429)] : []),
    ]
    for (const fault of faults)
      for (const stream of [false, true]) {
        lead.clear()
        lead.script([fault, fault])
        await hall.ask(CHAT, { ...body, stream })
      }
    lead.clear()
    lead.script([{ kind: 'stall', when: 'mid-stream' }])
    const client = await hall.send({ path: CHAT, body: { ...body, stream: true } })
    await client.event()
    client.leave()
    const records = await hall.recorded(faults.length * 2 + 1)
    const log = await readFile(requestLogPath(hall.dataDir), 'utf8')
    assert.ok(!log.includes(prompt), 'the log holds the prompt')
    // What went wrong is told all the same.
    const classes = new Set<string>(records.map(({ error }) => error?.class ?? 'none'))
    for (const expected of silent ? ['caller_fault', 'rate_limit', 'transient'] : ['transient', 'transport'])
      assert.ok(classes.has(expected), expected)
    if (silent) {
      lead.clear()
      lead.script([echo(400)])
      assert.match(
        String(errorOf(await hall.ask(CHAT, body)).message),
        /input_value/,
        'the client reads its own words',
      )
    }
    await hall.close()
  }
})

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { assertMessagesError, endingOf, framesOf } from './support/answers.ts'
import { assertNothingRefused } from './support/canary.ts'
import { keyed, openHall, tracesOf } from './support/hall.ts'
import { deployment, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { parseSse } from './support/sse.ts'
import { asked, chat, message, response } from './support/steady.ts'

/** What other gateways got wrong at the Messages door, or behind it. Each number has its row in docs/museum.md. */

const MESSAGES = '/v1/messages'
const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'
const SONNET = 'claude-sonnet-4-5'
/** Models of their own: a limit holds for everybody at the same address with the same key and model. */
const [FIRST, SECOND] = ['claude-haiku-4-5', 'claude-opus-4-5'] as const
const anthropic = { flavour: 'anthropic', models: ['*'] } as const
const named = (id: string, stage: Stage, model: string, more: JsonObject = {}) => ({
  ...deployment(id, stage, model, more),
  model_info: { id },
})
/** One of a group that has more than one. */
const member = (id: string, group: string, stage: Stage, params: JsonObject) => ({
  ...named(id, stage, id.endsWith('1') ? FIRST : SECOND, params),
  model_name: group,
})

/** Each with a model of its own: what one is to do is no script for another. */
const HASTY = [
  { id: 'hasty', on: 'claude', model: 'claude-sonnet-4-0', path: MESSAGES },
  { id: 'hasty-bridged', on: 'openai', model: 'gpt-4o', path: MESSAGES },
  { id: 'hasty-chat', on: 'claude', model: 'claude-opus-4-0', path: CHAT },
  { id: 'hasty-response', on: 'claude', model: 'claude-opus-4-1', path: RESPONSES },
] as const

const hall = await openHall(
  { after },
  {
    stages: { claude: anthropic, twin: anthropic, openai: { models: ['*'] } },
    config: ({ claude, twin, openai }) => ({
      model_list: [
        ...['alone', 'safe', 'crossed'].map(id => named(id, claude, SONNET)),
        named('spare', twin, SONNET),
        ...['bridged', 'gpt'].map(id => named(id, openai, 'gpt-4.1')),
        // Of the two APIs of OpenAI this provider has chat completions only.
        named('chatty', openai, 'gpt-4o-mini', { model: 'groq/gpt-4o-mini' }),
        member('pair-1', 'pair', claude, { order: 1 }),
        member('pair-2', 'pair', claude, { order: 2 }),
        member('flat-1', 'flat', claude, { weight: 1 }),
        member('flat-2', 'flat', claude, { weight: 0 }),
        ...HASTY.map(({ id, on, model }) =>
          named(id, on === 'claude' ? claude : openai, model, { stream_timeout: 0.2 }),
        ),
      ],
      router_settings: {
        num_retries: 0,
        allowed_fails: 0,
        cooldown_time: 60,
        fallbacks: [{ safe: ['spare'] }, { crossed: ['gpt'] }],
      },
    }),
  },
)
const { claude, twin, openai } = hall.stages
beforeEach(() => {
  // Whatever a case has put to rest, or was told to wait for, is over for the next one.
  hall.pass(3_600_000)
  for (const stage of [claude, twin, openai]) stage.clear()
})

const streamed = { stream: true } as const
const overloaded = { type: 'overloaded_error', message: 'Overloaded' }
const event = (error: JsonObject, afterContent: number): Fault => ({
  kind: 'error-event',
  error,
  afterContent,
})

let calls = 0
const ask = async (path: string, body: JsonObject, ...headers: (readonly [string, string])[]) => {
  calls += 1
  return hall.ask(path, body, keyed(...headers))
}
const recordOf = async (count = calls) => (await hall.recorded(count)).at(-1)

/** The words of a streamed message. */
const saidIn = (text: string): string =>
  framesOf(text)
    .map(({ data }): Json => (data.startsWith('{') ? JSON.parse(data) : {}))
    .map(value => (isObject(value) && isObject(value.delta) ? (value.delta.text ?? '') : ''))
    .join('')

/** One error event in the dialect's own form, the last one, and no claim that the message is whole. */
const assertBroken = (reply: Reply, what: string): JsonObject => {
  assert.equal(reply.status, 200, what)
  const { starts, successes, errors, stops } = endingOf(reply.text)
  assert.deepEqual([starts, successes, errors, stops], [1, 0, 1, 0], what)
  const last = framesOf(reply.text).at(-1)
  assert.equal(last?.event, 'error', what)
  const value = JSON.parse(last?.data ?? '') as JsonObject
  assert.ok(value.type === 'error' && isObject(value.error), what)
  assert.deepEqual([typeof value.error.type, typeof value.error.message], ['string', 'string'], what)
  assert.ok(CANONICAL.startsWith(saidIn(reply.text)), what)
  return value.error
}

test('M-008 Anthropic’s own fallbacks go to Anthropic as they are; without their beta the word is the gateway’s', async () => {
  const rest = '"max_tokens": 64, "messages": [{"role":"user","content":"Line\\u002c please."}]'
  for (const [beta, own] of [
    ['server-side-fallback-2026-06-01', '[{"model" : "claude-opus-4-8"}]'],
    ['context-management-2025-06-27, server-side-fallback-2026-07-01', '"default"'],
  ] as const) {
    claude.clear()
    const body = (model: string) => `{"model": "${model}", "fallbacks": ${own}, ${rest}}`
    const native = await hall.ask(MESSAGES, body('crossed'), {
      ...keyed(['anthropic-beta', beta], ['content-type', 'application/json']),
    })
    calls += 1
    assert.equal(native.status, 200, native.text)
    assert.equal(claude.requests[0]?.text, body(SONNET))
    assert.equal(claude.requests[0]?.header('anthropic-beta'), beta)
    // Neither is it a list of the gateway: the groups of the file follow, and they hear nothing of it.
    claude.clear()
    openai.clear()
    claude.script([{ kind: 'status', status: 529 }])
    const fallen = await hall.ask(MESSAGES, body('crossed'), {
      ...keyed(['anthropic-beta', beta], ['content-type', 'application/json']),
    })
    calls += 1
    assert.equal(fallen.status, 200, fallen.text)
    assert.equal(fallen.headers['x-litellm-model-group'], 'gpt')
    assert.ok(!openai.requests[0]?.text.includes('fallbacks'))
    assert.match(String((await recordOf())?.steps.at(-1)?.lost), /fallbacks/)
    hall.pass(3_600_000)
  }
  claude.clear()
  claude.script([{ kind: 'status', status: 529 }])
  const ours = await ask(MESSAGES, message('alone', { fallbacks: ['spare'] }), [
    'anthropic-beta',
    'x-2026-01-01',
  ])
  assert.equal(ours.headers['x-litellm-model-group'], 'spare', ours.text)
  for (const { text } of [...claude.requests, ...twin.requests]) assert.ok(!text.includes('fallbacks'))
  assertNothingRefused([...claude.requests, ...twin.requests, ...openai.requests])
})

test('M-016 a message that fails everywhere before its content is an HTTP error; one that is saved has one start, its saviour’s', async () => {
  for (const [group, spare] of [
    ['safe', twin],
    ['crossed', openai],
  ] as const) {
    claude.script([event(overloaded, 0), event(overloaded, 0)])
    spare.script([{ kind: 'status', status: 529 }])
    const failed = await ask(MESSAGES, message(group, streamed))
    const error = assertMessagesError(failed, 529)
    assert.equal(error.type, 'overloaded_error')
    assert.equal(failed.headers['x-litellm-attempted-fallbacks'], '1')
    hall.pass(3_600_000)
    const served = await ask(MESSAGES, message(group, streamed))
    assert.equal(served.status, 200)
    assert.deepEqual(endingOf(served.text), { starts: 1, successes: 1, errors: 0, stops: 0 })
    assert.equal(saidIn(served.text), CANONICAL)
    const first = JSON.parse(framesOf(served.text)[0]?.data ?? '') as { message: JsonObject }
    assert.equal(first.message.model, group === 'safe' ? 'spare' : 'gpt')
    hall.pass(3_600_000)
  }
})

test('M-017 M-053 a rate limit inside a 200 counts as one at this door too: for the client, the rest and the record', async () => {
  const limit = { type: 'rate_limit_error', message: 'This request would exceed your rate limit.' }
  for (const [body, fault] of [
    [message('pair', streamed), event(limit, 0)],
    [message('pair'), { kind: 'error-in-200', error: limit }],
  ] as const) {
    hall.pass(3_600_000)
    claude.clear()
    for (const model of [FIRST, SECOND]) claude.script([fault], { model })
    const reply = await ask(MESSAGES, body)
    assert.equal(assertMessagesError(reply, 429).type, 'rate_limit_error')
    assert.deepEqual(hall.resting(), ['flat-1', 'flat-2', 'pair-1', 'pair-2'], 'a limit is the account’s')
    const record = await recordOf()
    assert.deepEqual(tracesOf(record), [
      ['pair-1', 'rate_limit'],
      ['pair-2', 'rate_limit'],
    ])
    assert.equal(record?.error?.status, 429)
  }
})

test('M-059 M-061 a message that is wrong is a 4xx and nobody rests; an account without money rests at once', async () => {
  for (const [group, stage, model] of [
    ['flat', claude, FIRST],
    ['bridged', openai, 'gpt-4.1'],
  ] as const)
    for (const error of [
      { type: 'invalid_request_error', message: 'messages.0: No such role.' },
      { type: 'BadRequestError', message: 'messages.0: No such role.', code: 400 },
    ]) {
      stage.clear()
      stage.script([event(error, 0)], { model })
      const reply = await ask(MESSAGES, message(group, streamed))
      const told = assertMessagesError(reply, 400)
      assert.equal(told.type, 'invalid_request_error')
      assert.match(String(told.message), /No such role\./)
      assert.deepEqual(hall.resting(), [])
    }
  claude.clear()
  const poor = 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.'
  const body = { type: 'error', error: { type: 'invalid_request_error', message: poor } }
  claude.script(always({ kind: 'status', status: 400, body }), { model: FIRST })
  for (let round = 0; round < 3; round += 1) {
    const reply = await ask(MESSAGES, message('pair', { stream: round === 1 }))
    assert.equal(reply.status, 200, reply.text)
  }
  assert.deepEqual(hall.resting(), ['pair-1'])
  assert.deepEqual(asked(claude), [FIRST, SECOND, SECOND, SECOND])
})

const CUTS: readonly Fault[] = [
  { kind: 'cut', how: 'fin', afterContent: 2 },
  { kind: 'cut', how: 'rst', afterContent: 2 },
  { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 },
  { kind: 'malformed-event', afterContent: 2 },
  event({ type: 'api_error', message: 'lost' }, 2),
]

test('M-070 M-071 M-074 M-082 a message that breaks is finished by its fallback or ends with one error event, native or translated', async () => {
  for (const fault of CUTS) {
    const what = JSON.stringify(fault)
    for (const [group, stage] of [
      ['alone', claude],
      ['bridged', openai],
    ] as const) {
      stage.clear()
      stage.script(always(fault))
      const started = performance.now()
      assertBroken(await ask(MESSAGES, message(group, streamed)), `${group}: ${what}`)
      assert.ok(performance.now() - started < 2000, what)
      assert.ok(stage.requests.length <= 2, `${stage.requests.length} requests: ${what}`)
      assert.equal((await recordOf())?.end, 'upstream_broke')
    }
    for (const group of ['safe', 'crossed']) {
      hall.pass(3_600_000)
      for (const stage of [claude, twin, openai]) stage.clear()
      claude.script([fault])
      const saved = await ask(MESSAGES, message(group, streamed))
      assert.deepEqual(endingOf(saved.text), { starts: 1, successes: 1, errors: 0, stops: 0 }, what)
      assert.equal(saidIn(saved.text), CANONICAL, what)
    }
  }
  await hall.quiet()
})

const inBand = (rest: JsonObject): JsonObject => ({
  id: 'gen-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  ...rest,
})
const lost = { error: { code: 502, message: 'The engine is lost.' } }

test('M-083 an error between the lines of a chat is no empty success of a message or a response that it is translated to', async () => {
  const shapes = [
    inBand({ choices: [], ...lost }),
    inBand({ choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }], ...lost }),
    inBand({ choices: [{ index: 0, delta: {}, finish_reason: 'error', native_finish_reason: 'ENGINE' }] }),
  ]
  for (const shape of shapes)
    for (const stream of [true, false]) {
      const body = stream ? `data: ${JSON.stringify(shape)}\n\ndata: [DONE]\n\n` : shape
      const type = stream ? 'text/event-stream' : 'application/json'
      openai.clear()
      openai.script(always({ kind: 'status', status: 200, headers: { 'content-type': type }, body }))
      const what = JSON.stringify(shape)
      for (const [path, asking] of [
        [MESSAGES, message('bridged', { stream })],
        [RESPONSES, response('chatty', { stream })],
      ] as const) {
        const saved = await ask(path, { ...asking, fallbacks: ['spare'] })
        assert.equal(saved.headers['x-litellm-model-group'], 'spare', what)
        const alone = await ask(path, asking)
        assert.ok(alone.status >= 500, `${alone.status}: ${what}`)
        if (path === MESSAGES) assertMessagesError(alone, alone.status)
        const record = await recordOf()
        assert.deepEqual([record?.usage, record?.costUsd], [undefined, undefined], what)
      }
    }
})

test('M-085 a message means the same in every legal spelling of its events, native or translated', async () => {
  const settled = (text: string): string => text.replaceAll(/(?:msg_|chatcmpl)[\w-]+/g, '<id>')
  for (const [path, body] of [
    [MESSAGES, message('alone', streamed)],
    [MESSAGES, message('bridged', streamed)],
    [CHAT, chat('alone', streamed)],
    [RESPONSES, response('alone', streamed)],
  ] as const) {
    const heard = async (fault: Fault) => {
      const stage = body.model === 'alone' ? claude : openai
      stage.script([fault])
      const reply = await ask(path, body)
      const frames = parseSse(Buffer.from(reply.text)).filter(({ data }) => data !== '')
      return frames.map(({ event, data }) => [event, settled(data).replaceAll(/"created(?:_at)?":\d+/g, '')])
    }
    const typesOf = (frames: Awaited<ReturnType<typeof heard>>) => frames.map(([name]) => name)
    const whole = await heard({ kind: 'ok' })
    for (const [newline, split] of [
      ['lf', 5],
      ['crlf', 3],
      ['cr', 4],
    ] as const) {
      const more = { comments: true, noSpace: newline === 'cr', bom: newline === 'crlf' }
      const spelled = await heard({ kind: 'sse-style', newline, split, ...more })
      const what = `${path} ${String(body.model)} ${newline} ${split}`
      assert.deepEqual(typesOf(spelled), typesOf(whole), what)
      if (path !== RESPONSES) assert.deepEqual(spelled, whole, what)
    }
  }
})

test('M-091 M-092 stream_timeout holds at this door and behind it: an error before content, an error event after', async () => {
  const askHasty = async ({ id, on, model, path }: (typeof HASTY)[number]) => {
    const stage = on === 'claude' ? claude : openai
    const fail = (fault: Fault) => stage.script(always(fault), { model })
    const body = path === MESSAGES ? message(id, streamed) : (path === CHAT ? chat : response)(id, streamed)
    fail({ kind: 'stall', when: 'after-lifecycle' })
    const early = await ask(path, body)
    assert.equal(early.status, path === MESSAGES ? 504 : 408, `${id}: ${early.text}`)
    if (path === MESSAGES) assert.equal(assertMessagesError(early, 504).type, 'timeout_error')
    // With somebody to go to, the client sees nothing of it.
    const saved = await ask(path, { ...body, fallbacks: ['spare'] })
    assert.equal(saved.headers['x-litellm-model-group'], 'spare', id)
    fail({ kind: 'stall', when: 'mid-stream', afterContent: 2 })
    const late = await ask(path, body)
    if (path === MESSAGES) assert.equal(assertBroken(late, id).type, 'timeout_error', id)
    else assert.deepEqual([endingOf(late.text).successes, endingOf(late.text).errors], [0, 1], id)
  }
  await Promise.all(HASTY.map(askHasty))
  await hall.quiet()
})

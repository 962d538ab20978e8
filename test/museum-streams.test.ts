import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { endingOf, framesOf } from './support/answers.ts'
import { errorOf, openHall } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { startPuppet } from './support/puppet.ts'
import { asked, chat, failing, response } from './support/steady.ts'

/** What a stream may end with, and who may go on with it. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const any = { models: ['*'] } as const
const streamed: JsonObject = { stream: true }
const CUTS: readonly Fault[] = [
  { kind: 'cut', how: 'fin', afterContent: 2 },
  { kind: 'cut', how: 'rst', afterContent: 2 },
  { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 },
  { kind: 'malformed-event', afterContent: 2 },
  { kind: 'error-event', error: { message: 'lost', type: 'server_error', code: null }, afterContent: 2 },
]

/** The words of a streamed chat or response. */
const saidIn = (text: string): string =>
  framesOf(text)
    .map(({ data }): string => {
      const value: Json = data.startsWith('{') ? JSON.parse(data) : {}
      if (!isObject(value)) return ''
      if (value.type === 'response.output_text.delta') return String(value.delta)
      const [choice] = Array.isArray(value.choices) ? value.choices : []
      const delta = isObject(choice) && isObject(choice.delta) ? choice.delta.content : ''
      return typeof delta === 'string' ? delta : ''
    })
    .join('')

/** `star` on the lead falls back to `second` on the backup, one attempt each. */
const pairOf = (lead: Stage, backup: Stage, info: JsonObject = {}) => ({
  model_list: [
    deployment('star', lead, 'm'),
    { ...deployment('second', backup, 'n'), model_info: { id: 'n', ...info } },
  ],
  router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
})

test('M-070 M-071 a stream that breaks with a fallback at hand is either whole or ends with one error', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => pairOf(lead, backup),
  })
  for (const fault of CUTS)
    for (const [path, body] of [
      [CHAT, chat('star', streamed)],
      ['/v1/responses', response('star', streamed)],
    ] as const) {
      hall.stages.lead.clear()
      hall.stages.lead.script([fault])
      // Read to the end that HTTP asks for: a client must not have to infer a cut from its socket.
      const reply = await hall.ask(path, body)
      assert.equal(reply.status, 200)
      const { starts, successes, errors, stops } = endingOf(reply.text)
      assert.equal(starts, 1)
      assert.equal(successes + errors, 1, reply.text)
      if (errors === 1) assert.equal(stops, 0, 'the terminator of a whole answer after an error')
      else assert.equal(saidIn(reply.text), CANONICAL)
      assert.ok(CANONICAL.startsWith(saidIn(reply.text)), 'a word twice, or of somebody else')
    }
})

test('M-070 a fallback that says the same goes on where the stream broke: the client has the whole answer', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => pairOf(lead, backup),
  })
  for (const fault of CUTS)
    for (const [path, body] of [
      [CHAT, chat('star', streamed)],
      // A stored response belongs to who began it.
      ['/v1/responses', response('star', { ...streamed, store: false })],
    ] as const) {
      hall.stages.lead.clear()
      hall.stages.lead.script([fault])
      const reply = await hall.ask(path, body)
      assert.equal(saidIn(reply.text), CANONICAL, JSON.stringify(fault))
      assert.deepEqual([endingOf(reply.text).successes, endingOf(reply.text).errors], [1, 0])
    }
})

test('M-073 an error as the first event is an HTTP error with the caller’s status, and follows the general fallbacks', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => ({
      model_list: [deployment('star', lead, 'm'), deployment('second', backup, 'n')],
      router_settings: {
        num_retries: 2,
        allowed_fails: 0,
        cooldown_time: 60,
        fallbacks: [{ star: ['second'] }],
      },
    }),
  })
  const { lead, backup } = hall.stages
  const error = {
    object: 'error',
    message: 'temperature must be positive',
    type: 'BadRequestError',
    code: 400,
  }
  for (const done of [false, true]) {
    lead.script([{ kind: 'error-event', error, done, afterContent: 0 }])
    const alone = await hall.ask(CHAT, chat('star', { stream: true, disable_fallbacks: true }))
    assert.equal(alone.status, 400, alone.text)
    assert.match(String(errorOf(alone).message), /temperature must be positive/)
    lead.script([{ kind: 'error-event', error, done, afterContent: 0 }])
    assert.equal((await hall.ask(CHAT, chat('star', streamed))).status, 200)
  }
  assert.deepEqual([asked(lead).length, asked(backup).length], [4, 2], 'once at each group')
  assert.deepEqual(hall.resting(), [])
})

test('M-074 an error in the middle without any fallback is told once, and the gateway goes on', async t => {
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'm')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { lead } = hall.stages
  const limit = { message: 'Slow down.', type: 'rate_limit_error', code: 429 }
  for (const fault of [
    ...CUTS,
    { kind: 'error-event', error: limit, afterContent: 3 },
    { kind: 'error-event', error: limit, afterContent: 3, done: true },
    { kind: 'reset', when: 'mid-stream', afterContent: 3 },
  ] as const satisfies readonly Fault[]) {
    lead.clear()
    lead.script(always(fault))
    const started = performance.now()
    const reply = await hall.ask(CHAT, chat('star', streamed))
    assert.ok(performance.now() - started < 2000)
    assert.deepEqual([endingOf(reply.text).errors, endingOf(reply.text).successes], [1, 0])
    assert.ok(lead.requests.length <= 2, `${lead.requests.length} requests for one`)
    lead.clear()
    assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
    await hall.quiet()
  }
})

test('M-077 an answer that broke is not put into the mouth of a model that takes no prefill, and the first failure is told', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: { ...any, prefill: 'reject', says: 'Somebody else speaks here.' } },
    config: ({ lead, backup }) => pairOf(lead, backup),
  })
  const { lead, backup } = hall.stages
  lead.script([
    { kind: 'error-event', error: { message: 'The lead lost it.', type: 'server_error' }, afterContent: 2 },
  ])
  const reply = await hall.ask(CHAT, chat('star', streamed))
  for (const hit of backup.requests)
    assert.deepEqual((hit.json as JsonObject).messages, chat('star').messages, 'the prompt is the client’s')
  assert.deepEqual([endingOf(reply.text).errors, endingOf(reply.text).successes], [1, 0])
  assert.match(reply.text, /The lead lost it\./)
  assert.doesNotMatch(reply.text, /prefill|Somebody/)
})

test('M-079 who goes on with a broken answer gets the client’s messages and at most the answer so far, and no words of ours', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: { ...any, prefill: 'continue' } },
    config: ({ lead, backup }) => pairOf(lead, backup, { supports_assistant_prefill: true }),
  })
  const { lead, backup } = hall.stages
  lead.script([{ kind: 'cut', how: 'fin', afterContent: 2 }])
  const messages = [
    { role: 'system', content: 'Odpovedaj po slovensky.' },
    { role: 'user', content: 'Čo bolo ďalej?' },
  ]
  const reply = await hall.ask(CHAT, { model: 'star', messages, ...streamed })
  assert.equal(saidIn(reply.text), CANONICAL)
  const [hit, ...others] = backup.requests
  assert.ok(hit)
  assert.equal(others.length, 0)
  const sent = (hit.json as JsonObject).messages as readonly JsonObject[]
  assert.deepEqual(sent.slice(0, 2), messages)
  assert.ok(sent.length <= 3)
  if (sent.length === 3) {
    assert.equal(sent[2]?.role, 'assistant')
    assert.ok(CANONICAL.startsWith(String(sent[2]?.content)))
  }
})

test('M-080 disable_fallbacks holds before and after the first content, in the body and in the metadata', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => pairOf(lead, backup),
  })
  const { lead, backup } = hall.stages
  for (const more of [{ disable_fallbacks: true }, { litellm_metadata: { disable_fallbacks: true } }])
    for (const afterContent of [0, 2]) {
      lead.clear()
      lead.script(always({ kind: 'cut', how: 'fin', afterContent }))
      const reply = await hall.ask(CHAT, chat('star', { stream: true, ...more }))
      assert.equal(reply.status, afterContent === 0 ? 500 : 200)
      if (afterContent > 0) assert.equal(endingOf(reply.text).errors, 1)
    }
  assert.equal(backup.requests.length, 0)
})

const inBand = (rest: JsonObject): JsonObject => ({
  id: 'gen-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  ...rest,
})
const lost = { error: { code: 502, message: 'The engine is lost.' } }
const choice = (more: JsonObject): JsonObject => ({ index: 0, delta: { content: '' }, ...more })

test('M-083 an error between the lines is no empty success: before content the fallback answers, else it is told', async t => {
  const hall = await openHall(t, {
    stages: { lead: any, backup: any },
    config: ({ lead, backup }) => pairOf(lead, backup),
  })
  const { lead } = hall.stages
  const shapes = [
    inBand({ choices: [], ...lost }),
    inBand({ choices: [choice({ finish_reason: 'error' })], ...lost }),
    inBand({ choices: [choice({ finish_reason: 'error', native_finish_reason: 'ENGINE' })] }),
    inBand({ choices: [choice({ finish_reason: null, ...lost })] }),
  ]
  for (const shape of shapes)
    for (const stream of [true, false]) {
      const body = stream ? `data: ${JSON.stringify(shape)}\n\ndata: [DONE]\n\n` : shape
      const type = stream ? 'text/event-stream' : 'application/json'
      lead.clear()
      lead.script(always({ kind: 'status', status: 200, headers: { 'content-type': type }, body }))
      const served = await hall.ask(CHAT, chat('star', { stream }))
      assert.equal(served.headers['x-litellm-model-group'], 'second', JSON.stringify(shape))
      const alone = await hall.ask(CHAT, chat('star', { stream, disable_fallbacks: true }))
      assert.ok(alone.status >= 500, `${alone.status}: ${JSON.stringify(shape)}`)
      const record = (await hall.records()).at(-1)
      assert.deepEqual([record?.usage, record?.costUsd], [undefined, undefined])
    }
})

test('M-086 a silent provider does not leave its client without a sign of life, and no sign falls inside an event', async t => {
  const puppet = await startPuppet(t)
  const hall = await openHall(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'k' },
        },
      ],
      litellm_settings: { sse_keepalive_ping_interval_seconds: 0.1 },
    },
  })
  const client = await hall.send({ path: CHAT, body: chat('star', streamed) })
  const call = await puppet.next()
  const event = (content: string) =>
    `data: ${JSON.stringify(inBand({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }))}\n\n`
  call.events()
  await call.write(event('One'))
  assert.equal((await client.head()).status, 200)
  assert.match((await client.event())?.data ?? '', /One/)
  assert.match((await client.event())?.raw ?? '', /^:/)
  const [half, rest] = [event('Two').slice(0, 20), event('Two').slice(20)]
  await call.write(half)
  assert.match(
    (await client.event())?.raw ?? '',
    /^:/,
    'half an event is held back, and the sign comes all the same',
  )
  await call.write(rest)
  let next = await client.event()
  while (next?.data === undefined) next = await client.event()
  assert.match(next.data, /Two/)
  call.reset()
})

test('M-095 five hundred refused streams leave every connection usable', async t => {
  const hall = await openHall(t, {
    stages: { lead: any },
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'm')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { lead } = hall.stages
  failing(lead, 'm', 429, { body: { error: { message: 'later '.repeat(500), type: null, code: null } } })
  for (let wave = 0; wave < 10; wave += 1) {
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => hall.ask(CHAT, chat('star', streamed))),
    )
    assert.deepEqual(new Set(replies.map(reply => reply.status)), new Set([429]))
  }
  assert.ok(lead.connections.length <= 60, `${lead.connections.length} connections for fifty at a time`)
  lead.clear()
  const started = performance.now()
  assert.equal((await hall.ask(CHAT, chat('star', streamed))).status, 200)
  assert.ok(performance.now() - started < 500)
  await hall.quiet()
})

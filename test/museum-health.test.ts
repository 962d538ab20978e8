import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemoryBoard } from '../src/shared/board.ts'
import { seededDice } from '../src/shared/clock.ts'
import type { Fault } from '../src/stage/faults.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { errorOf, openHall } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { asked, chat, failing, message, response } from './support/steady.ts'

/** What may put a deployment to rest, what may not, and what is left behind. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const stages = { stage: { models: ['*'] } } as const
const named = (group: string, stage: Stage, model: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, model, more),
  model_info: { id: model },
})
/** Two of a group, of which the first is drawn as long as it may be. */
const pair = (group: string, stage: Stage) => [
  named(group, stage, `${group}-1`, { weight: 1 }),
  named(group, stage, `${group}-2`, { weight: 0 }),
]

test('M-059 a request that the provider calls wrong inside its stream is a 4xx, and nobody rests for it', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: pair('m', stage),
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = hall.stages
  const words: readonly JsonObject[] = [
    { message: 'No such role.', type: 'invalid_request_error', code: null },
    { message: 'No such role.', type: 'BadRequestError', code: 400 },
    { message: 'No such role.', type: null, code: 422 },
  ]
  for (const error of words)
    for (const [path, body] of [
      [CHAT, chat('m', { stream: true })],
      ['/v1/responses', response('m', { stream: true })],
    ] as const) {
      stage.clear()
      stage.script([{ kind: 'error-event', error, afterContent: 0 }], { model: 'm-1' })
      const reply = await hall.ask(path, body)
      assert.equal(reply.status, 400, `${JSON.stringify(error)} ${path}: ${reply.text}`)
      assert.match(String(errorOf(reply).message), /No such role\./)
      assert.deepEqual(hall.resting(), [])
    }
  stage.clear()
  assert.equal((await hall.ask(CHAT, chat('m'))).status, 200)
  assert.deepEqual(asked(stage), ['m-1'])
})

test('M-061 a 400 about the account rests the deployment, a 400 about the request does not', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [...pair('poor', stage), ...pair('wrong', stage)],
      router_settings: { num_retries: 1, cooldown_time: 60 },
    }),
  })
  const { stage } = hall.stages
  const said = (message: string, type = 'invalid_request_error') => ({
    body: { type: 'error', error: { type, message } },
  })
  failing(stage, 'poor-1', 400, said('Your credit balance is too low to access the API. Please go to Plans.'))
  failing(stage, 'wrong-1', 400, said('messages.0.content: Field required'))
  for (let round = 0; round < 10; round += 1) {
    assert.equal((await hall.ask(CHAT, chat('poor'))).status, 200)
    assert.equal((await hall.ask(CHAT, chat('wrong'))).status, 400)
  }
  assert.deepEqual(hall.resting(), ['poor-1'])
  assert.equal(asked(stage).filter(model => model === 'poor-1').length, 1)
  assert.equal(asked(stage).filter(model => model === 'wrong-1').length, 10)
})

test('M-062 a rate limit between failures does not make them forgotten, and one after the rest locks nobody out', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        {
          ...deployment('star', stage, 'm'),
          model_info: { id: 'm', allowed_fails_policy: { InternalServerErrorAllowedFails: 2 } },
        },
      ],
      router_settings: { num_retries: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = hall.stages
  const status = (code: number): Fault => ({
    kind: 'status',
    status: code,
    ...(code === 429 ? { headers: { 'retry-after': '0' } } : {}),
  })
  stage.script([500, 500, 429, 500].map(status))
  for (const code of [500, 500, 429, 500]) {
    assert.deepEqual(hall.resting(), [])
    assert.equal((await hall.ask(CHAT, chat('star'))).status, code)
  }
  assert.deepEqual(hall.resting(), ['m'])
  for (let round = 0; round < 3; round += 1) {
    hall.pass(61_000)
    stage.script([status(429)])
    assert.equal((await hall.ask(CHAT, chat('star'))).status, 429)
  }
  hall.pass(61_000)
  assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
})

test('M-062 after a rest one request tries the deployment while the others go by, and its place is free again when its client leaves', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [named('star', stage, 'm1', { order: 1 }), named('star', stage, 'm2', { order: 2 })],
      router_settings: { num_retries: 0 },
    }),
  })
  const { stage } = hall.stages
  failing(stage, 'm1', 500)
  for (let round = 0; round < 6; round += 1) assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(hall.resting(), ['m1'])
  hall.pass(3_600_000)
  stage.clear()
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 'm1' })
  const probe = await hall.send({ path: CHAT, body: chat('star') })
  const hit = await stage.waitForRequest(1)
  assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['m1', 'm2'], 'a second request was risked on it')
  probe.leave()
  await hit.closedByPeer
  await hall.quiet()
  assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
  assert.equal(asked(stage).at(-1), 'm1', 'the place of the probe was not given back')
})

const FAULTS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 429, headers: { 'retry-after': '0' } },
  { kind: 'status', status: 400 },
  { kind: 'reset', when: 'before-headers' },
  { kind: 'cut', how: 'fin', afterContent: 2 },
  { kind: 'cut', how: 'rst', afterContent: 0 },
  { kind: 'error-event', error: { message: 'lost', type: 'server_error', code: null }, afterContent: 1 },
  { kind: 'bad-json' },
  { kind: 'html' },
  { kind: 'stall', when: 'mid-stream' },
]

test('M-131 after a crowd of faults and leaving clients nothing is counted, held or in flight any more', async t => {
  const seed = 20_260_924
  const dice = seededDice(seed)
  t.diagnostic(`seed ${seed}`)
  const hall = await openHall(t, {
    stages: { lead: { models: ['*'] }, backup: { models: ['*'] } },
    config: ({ lead, backup }) => ({
      model_list: [
        named('star', lead, 'm1', { max_parallel_requests: 8, timeout: 0.3 }),
        named('star', lead, 'm2', { max_parallel_requests: 8, timeout: 0.3 }),
        named('second', backup, 'ok', { max_parallel_requests: 8 }),
      ],
      router_settings: { num_retries: 1, cooldown_time: 1, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { lead } = hall.stages
  const pick = <Item>(list: readonly Item[]): Item | undefined =>
    list[Math.floor(dice.random() * list.length)]
  const one = async (): Promise<void> => {
    if (dice.random() < 0.2) lead.script([pick(FAULTS) ?? { kind: 'ok' }])
    const stream = dice.random() < 0.5
    const leaves = dice.random() < 0.15
    const [path, body] = pick([
      [CHAT, chat('star', { stream })],
      ['/v1/responses', response('star', { stream })],
      ['/v1/messages', message('star', { stream })],
    ] as const) ?? [CHAT, chat('star')]
    const client = await hall.send({ path, body })
    if (!leaves) {
      await client.head()
      await client.body()
    }
    client.leave()
  }
  for (let wave = 0; wave < 15; wave += 1) await Promise.all(Array.from({ length: 20 }, one))
  await hall.quiet()
  const board = hall.served().house.board as MemoryBoard
  assert.equal(board.extraSettles(), 0, 'an attempt was settled twice')
  const records = await hall.recorded(300)
  assert.equal(new Set(records.map(({ callId }) => callId)).size, 300, 'one record for one call')
})

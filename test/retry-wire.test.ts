import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'
import { until } from './support/inside.ts'
import { asked, chat, failing, response, type Steady, steady } from './support/steady.ts'

/** Retries, limits and health over real sockets: one test for each rule, on chat and on other endpoints. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const streamed =
  (make: typeof chat) =>
  (model: string): JsonObject =>
    make(model, { stream: true })
/** Path, what makes its body, and whether the answer is a stream. */
const ENDPOINTS = [
  [CHAT, chat, false],
  [CHAT, streamed(chat), true],
  ['/v1/responses', response, false],
  ['/v1/responses', streamed(response), true],
  ['/v1/responses/compact', response, false],
] as const

const named = (stage: Stage, group: string, id: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, id, more),
  model_info: { id },
})
const keyed = (...more: readonly (readonly [string, string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})
const silence: Fault = { kind: 'stall', when: 'before-headers' }
/** What is said in the headers, and nothing in the body. */
const limited = (headers: Readonly<Record<string, string>>): Fault => ({
  kind: 'status',
  status: 429,
  headers,
  body: { error: { message: 'slow down', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
})
const gap = (stage: Stage, one: number, other: number): number =>
  (stage.requests[other]?.at ?? Number.NaN) - (stage.requests[one]?.at ?? Number.NaN)

type Theatre = Awaited<ReturnType<typeof stand>>
const stand = async (
  t: TestContext,
  groups: Readonly<Record<string, readonly string[]>>,
  router: JsonObject = {},
) => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: Object.entries(groups).flatMap(([group, ids]) => ids.map(id => named(stage, group, id))),
      router_settings: router,
    }),
  })
  return { theatre, stage: theatre.stages.stage, house }
}
const idle = async (house: Steady): Promise<void> => {
  const { board } = house.served().house
  await until('everything is given back', () => Object.values(board.gauges()).every(count => count === 0))
}
const resting = (house: Steady): readonly string[] =>
  house
    .served()
    .house.board.snapshot()
    .flatMap(one => (one.cooling === undefined ? [] : [one.id]))
    .toSorted()
const many = (theatre: Theatre['theatre'], count: number, body: JsonObject): Promise<readonly Reply[]> =>
  Promise.all(Array.from({ length: count }, () => theatre.ask(CHAT, body)))

test('one 500 leads to another attempt at the same lone deployment, and not to its fallback', async t => {
  const { theatre, stage, house } = await stand(
    t,
    { star: ['m'], second: ['ok'] },
    { fallbacks: [{ star: ['second'] }] },
  )
  for (const [path, make] of ENDPOINTS) {
    stage.clear()
    stage.script([{ kind: 'status', status: 500 }], { model: 'm' })
    const reply = await theatre.ask(path, make('star'))
    assert.equal(reply.status, 200)
    assert.deepEqual(asked(stage), ['m', 'm'], path)
  }
  assert.deepEqual(resting(house), [])
  await idle(house)
})

test('nothing is sent to a domain before its Retry-After, by whatever request and endpoint', async t => {
  const { theatre, stage, house } = await stand(t, { star: ['m'] }, { num_retries: 0 })
  stage.script([limited({ 'retry-after-ms': '700' })])
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 429)
  const waiting = ENDPOINTS.map(([path, make]) => theatre.ask(path, make('star')))
  assert.deepEqual(
    (await Promise.all(waiting)).map(reply => reply.status),
    ENDPOINTS.map(() => 200),
  )
  assert.equal(stage.requests.length, 1 + ENDPOINTS.length)
  for (const at of ENDPOINTS.keys()) assert.ok(gap(stage, 0, 1 + at) >= 699, String(gap(stage, 0, 1 + at)))
  await idle(house)
})

test('nor by somebody who looks whether it is healthy', async t => {
  const { theatre, stage } = await stand(t, { star: ['m'] }, { num_retries: 0 })
  stage.script([limited({ 'retry-after': '30' })])
  await theatre.ask(CHAT, chat('star'))
  const reply = await theatre.ask('/health', undefined, { method: 'GET' })
  const { unhealthy_endpoints: unhealthy } = reply.json() as { unhealthy_endpoints: { error: string }[] }
  assert.match(unhealthy[0]?.error ?? '', /^The provider asked to be left alone for (29|30) s more\.$/)
  assert.equal(stage.requests.length, 1)
})

test('x-ratelimit-reset-* counts when nothing remains', async t => {
  const { theatre, stage } = await stand(t, { star: ['m'] })
  stage.script([limited({ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '400ms' })])
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.ok(gap(stage, 0, 1) >= 399)
})

test('total_timeout: a running attempt is given up at it, in whatever phase, and the client hears 408', async t => {
  const { theatre, stage, house } = await stand(
    t,
    { star: ['m'], second: ['n'], third: ['ok'] },
    { num_retries: 1, timeout: 30, total_timeout: 0.4, fallbacks: [{ star: ['second', 'third'] }] },
  )
  for (const [path, make, stream] of ENDPOINTS)
    for (const when of ['before-headers', 'before-first-event'] as const) {
      if (when === 'before-first-event' && !stream) continue
      stage.clear()
      failing(stage, 'm', 500)
      stage.script([{ kind: 'stall', when }], { model: 'n' })
      const started = performance.now()
      const reply = await theatre.ask(path, make('star'))
      const took = performance.now() - started
      assert.equal(reply.status, 408, `${path} ${stream} ${when}`)
      assert.ok(took >= 399 && took < 400 + 250, `${took}`)
      assert.deepEqual(asked(stage), ['m', 'm', 'n'])
      assert.match(
        String((reply.json().error as JsonObject).message),
        /^litellm\.Timeout: .* - timeout value=0\.4, /,
      )
      // The upstream is not left to go on for nobody.
      await stage.requests[2]?.closedByPeer
    }
  assert.deepEqual(resting(house), [])
  await idle(house)
})

test("a client's own timeout is the time of the whole request, retries and fallbacks included", async t => {
  const { theatre, stage, house } = await stand(
    t,
    { star: ['m'], second: ['n'] },
    { num_retries: 1, fallbacks: [{ star: ['second'] }] },
  )
  for (const [path, make] of ENDPOINTS) {
    stage.clear()
    failing(stage, 'm', 500)
    stage.script([silence], { model: 'n' })
    const started = performance.now()
    const reply = await theatre.ask(path, make('star'), keyed(['x-litellm-timeout', '0.3']))
    const took = performance.now() - started
    assert.equal(reply.status, 408, path)
    assert.ok(took >= 299 && took < 550, `${path} ${took}`)
    assert.deepEqual(asked(stage), ['m', 'm', 'n'])
  }
  assert.deepEqual(resting(house), [])
  await idle(house)
})

test('a stream that has begun is not held to the time of the request', async t => {
  const { theatre, stage, house } = await stand(t, { star: ['m'] }, { total_timeout: 0.2, timeout: 10 })
  stage.script([{ kind: 'slow', delayMs: 0, perEventMs: 60 }])
  const started = performance.now()
  const reply = await theatre.ask(CHAT, chat('star', { stream: true }))
  assert.equal(reply.status, 200)
  assert.match(reply.text, /\[DONE\]/)
  assert.ok(performance.now() - started > 250)
  await idle(house)
})

test('max_attempts: so many upstream requests and no more', async t => {
  const { theatre, stage, house } = await stand(
    t,
    { a: ['a'], b: ['b'], c: ['c'] },
    { num_retries: 2, max_attempts: 4, fallbacks: [{ a: ['b', 'c'] }] },
  )
  for (const model of ['a', 'b', 'c']) failing(stage, model, 500)
  for (const [path, make] of ENDPOINTS) {
    const before = stage.requests.length
    const reply = await theatre.ask(path, make('a'))
    assert.deepEqual(asked(stage).slice(before), ['a', 'a', 'a', 'b'], path)
    assert.equal(reply.status, 500)
  }
  await idle(house)
})

test('the retry budget: under a load that fails, retries do not multiply it; the next group serves', async t => {
  const { theatre, stage, house } = await stand(
    t,
    { lone: ['m'], star: ['s'], second: ['ok'] },
    { num_retries: 2, retry_after: 0.3, fallbacks: [{ star: ['second'] }] },
  )
  for (const model of ['m', 's']) failing(stage, model, 500)
  const failed = await many(theatre, 20, chat('lone'))
  assert.ok(failed.every(reply => reply.status === 500))
  const sent = asked(stage).filter(model => model === 'm').length
  assert.ok(sent >= 20 + 3 && sent <= 20 + 12, `${sent} requests for 20 calls`)
  const served = await many(theatre, 20, chat('star'))
  assert.ok(served.every(reply => reply.status === 200))
  assert.equal(asked(stage).filter(model => model === 'ok').length, 20)
  await idle(house)
})

test('soft rests: three failures in a row, a sibling meanwhile, one probe, and home', async t => {
  for (const [path, make] of ENDPOINTS) {
    const { theatre, stage, house } = await stand(t, { star: ['bad', 'good'] })
    failing(stage, 'bad', 503)
    const ask = () => theatre.ask(path, make('star'))
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(resting(house), [])
      assert.equal((await ask()).status, 200)
    }
    assert.deepEqual(resting(house), ['bad'])
    assert.deepEqual(asked(stage), ['bad', 'good', 'bad', 'good', 'bad', 'good'])
    assert.equal((await ask()).status, 200)
    assert.equal(asked(stage).at(-1), 'good')
    house.pass(5600)
    stage.clear()
    assert.equal((await ask()).status, 200)
    assert.deepEqual(asked(stage), ['bad'])
    assert.deepEqual(resting(house), [])
    await idle(house)
    await theatre.close()
  }
})

test('a probe is one request: who comes meanwhile goes elsewhere, and a client that leaves gives the place back', async t => {
  const { theatre, stage, house } = await stand(t, { star: ['bad', 'good'] })
  failing(stage, 'bad', 503)
  for (let round = 0; round < 3; round += 1) await theatre.ask(CHAT, chat('star'))
  house.pass(5600)
  stage.clear()
  stage.script([silence], { model: 'bad' })
  const client = await theatre.send({ path: CHAT, body: JSON.stringify(chat('star')) })
  const hit = await stage.waitForRequest(1)
  const others = await many(theatre, 5, chat('star'))
  assert.ok(others.every(reply => reply.status === 200))
  assert.deepEqual(asked(stage), ['bad', ...others.map(() => 'good')])
  assert.equal(house.served().house.board.gauges().probes, 1)
  client.leave()
  await hit.closedByPeer
  await idle(house)
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.equal(asked(stage).at(-1), 'bad', 'the next one is the next probe')
  assert.deepEqual(resting(house), [])
})

test('panic: with most of a group at rest and nobody else to ask, rests are set aside; no call is refused for one', async t => {
  const { theatre, stage, house } = await stand(t, { star: ['a', 'b', 'c'] }, { num_retries: 2 })
  for (const model of ['a', 'b', 'c']) failing(stage, model, 503)
  for (let round = 0; round < 3; round += 1) await theatre.ask(CHAT, chat('star'))
  assert.deepEqual(resting(house), ['a', 'b', 'c'])
  const before = stage.requests.length
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 503, "the provider's word, not 429 of ours")
  assert.ok(stage.requests.length > before)
  stage.clear()
  for (const [path, make] of ENDPOINTS) assert.equal((await theatre.ask(path, make('star'))).status, 200)
  await idle(house)
})

test('hard rests: five minutes, then one request finds out', async t => {
  for (const [status, code] of [
    [401, 'invalid_api_key'],
    [404, 'model_not_found'],
    [429, 'insufficient_quota'],
  ] as const) {
    const { theatre, stage, house } = await stand(t, { star: ['m', 'n'] }, { num_retries: 1 })
    failing(stage, 'm', status, { body: { error: { message: 'no', type: null, param: null, code } } })
    assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
    assert.deepEqual(resting(house), ['m'], code)
    house.pass(290_000)
    for (let round = 0; round < 3; round += 1) await theatre.ask(CHAT, chat('star'))
    assert.deepEqual(asked(stage), ['m', 'n', 'n', 'n', 'n'])
    house.pass(11_000)
    stage.clear()
    await theatre.ask(CHAT, chat('star'))
    assert.deepEqual(asked(stage), ['m'])
    await idle(house)
    await theatre.close()
  }
})

test('a rate limit rests every deployment of its domain, in other groups as well, for five seconds at least', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        { ...deployment('star', stage, 'm'), model_info: { id: 'm1' } },
        named(stage, 'star', 'n'),
        { ...deployment('moon', stage, 'm'), model_info: { id: 'm2' } },
        named(stage, 'moon', 'o'),
      ],
    }),
  })
  const { stage } = theatre.stages
  stage.script([limited({ 'retry-after': '1' })], { model: 'm' })
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(resting(house), ['m1', 'm2'])
  for (const group of ['star', 'moon']) await theatre.ask(CHAT, chat(group))
  assert.deepEqual(asked(stage), ['m', 'n', 'n', 'o'])
  house.pass(4900)
  assert.deepEqual(resting(house), ['m1', 'm2'])
  house.pass(200)
  assert.deepEqual(resting(house), [])
})

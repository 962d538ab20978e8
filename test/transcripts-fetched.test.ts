import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, beforeEach, test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { Hit } from '../src/stage/recorder.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { steady } from './support/steady.ts'
import { bodyAt, idOf, turn } from './transcripts.fixture.ts'

/** Nothing is kept, the owner is rate limited and still tells what was said: others go on from that. */
const dial = steady()
const house = await play(
  { after },
  {
    stages: { home: {}, twin: {}, azure: { flavour: 'azure', models: ['prod'] } },
    config: ({ home, twin, azure }) => ({
      model_list: [
        deployment('lead', home, 'gpt-4.1'),
        deployment('twin', twin, 'gpt-4.1'),
        deployment('lone', home, 'gpt-4.1'),
        deployment('blue', azure, 'prod'),
        deployment('dated', azure, 'prod', { api_base: azure.origin, api_version: '2025-04-01-preview' }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ lead: ['twin'] }, { blue: ['twin'] }, { dated: ['twin'] }],
      },
    }),
    start: dial.start,
  },
)
const { home, twin, azure } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
  dial.pass(3_600_000)
})

/** No new answers; what is there is told. */
const limited = (stage: Stage): void =>
  stage.script(always({ kind: 'status', status: 429, headers: { 'retry-after': '30' } }), {
    path: /\/responses$/,
  })

const targets = (hits: readonly Hit[]): readonly string[] =>
  hits.map(
    ({ method, target }) =>
      `${method} ${target.replace(/(?:resp|msg|item)_[0-9a-f]{32}/g, 'ID').replace(/conv_[0-9a-f]{32}/, 'CONV')}`,
  )

const assertLimited = (reply: Reply): void => {
  assert.equal(reply.status, 429, reply.text)
  assert.equal(twin.requests.length, 0)
  assert.equal(reply.headers['x-understudy-rehydrated'], undefined)
}

const textsIn = (body: JsonObject): readonly string[] =>
  (Array.isArray(body.input) ? body.input.filter(isObject) : []).map(({ content }) =>
    Array.isArray(content) && isObject(content[0] ?? null)
      ? String((content[0] as JsonObject).text)
      : String(content),
  )

/** What the log says of the newest call. */
const logged = async (): Promise<JsonObject> => {
  await dial.served().house.journal.flush()
  const lines = (await readFile(requestLogPath(house.dataDir), 'utf8')).trimEnd().split('\n')
  return JSON.parse(lines.at(-1) ?? '') as JsonObject
}

const LINE = 'The understudy knows every line.'

test('a conversation of two, the first of several pages, goes on elsewhere: all of it, in its order, as if asked directly', async () => {
  const lines = Array.from({ length: 230 }, (_, at) => `Line ${at}.`)
  const one = await turn(
    house,
    'lead',
    lines.map(content => ({ role: 'user', content })),
  )
  for (const stream of [false, true]) {
    for (const stage of [home, twin]) stage.clear()
    const two = await turn(house, 'lead', 'Second words, é.', { previous_response_id: idOf(one), stream })
    limited(home)
    const more = { previous_response_id: idOf(two), metadata: { a: '1' }, stream }
    const three = await turn(house, 'lead', 'Third words.', more)
    assert.equal(three.status, 200, three.text)
    assert.equal(
      three.headers['x-understudy-rehydrated'],
      'previous_response_id; responses=2; items=234; fetched=2',
    )
    assert.equal(three.headers['x-litellm-attempted-fallbacks'], '1')
    assert.deepEqual(textsIn(bodyAt(twin)), [...lines, LINE, 'Second words, é.', LINE, 'Third words.'])
    assert.ok(!JSON.stringify(bodyAt(twin)).includes('"id"'), 'ids mean something at home only')
    const rehydrated = Buffer.from(twin.requests[0]?.body ?? []).toString()
    await house.ask('/v1/responses', { ...bodyAt(twin), model: 'twin' })
    assert.equal(Buffer.from(twin.requests[1]?.body ?? []).toString(), rehydrated)
    const asked = targets(home.requests.slice(2)).toSorted()
    assert.deepEqual(asked, [
      'GET /v1/responses/ID',
      'GET /v1/responses/ID',
      'GET /v1/responses/ID/input_items?limit=100&order=asc',
      'GET /v1/responses/ID/input_items?limit=100&order=asc',
      'GET /v1/responses/ID/input_items?limit=100&order=asc&after=ID',
      'GET /v1/responses/ID/input_items?limit=100&order=asc&after=ID',
    ])
    assertNothingRefused([...home.requests, ...twin.requests])
    dial.pass(3_600_000)
  }
})

test('an owner that rests after its limit is asked for the conversation, and for nothing else', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  limited(home)
  for (const asked of [4, 6]) {
    const two = await turn(house, 'lead', 'Second words.', { previous_response_id: one })
    assert.equal(two.status, 200, two.text)
    assert.equal(home.requests.length, asked)
    const { fetched, rehydrated } = await logged()
    assert.match(String(fetched), /^requests=2; ms=\d+$/)
    assert.equal(rehydrated, 'previous_response_id; responses=1; items=3; fetched=1')
  }
  assert.equal(home.requests.filter(({ method }) => method === 'POST').length, 2)
})

test('Azure is asked in the form of its address, with its own key', async () => {
  for (const [group, base, query] of [
    ['blue', '/openai/v1', ''],
    ['dated', '/openai', 'api-version=2025-04-01-preview'],
  ] as const) {
    for (const stage of [azure, twin]) stage.clear()
    const one = idOf(await turn(house, group, 'First words.'))
    limited(azure)
    const two = await turn(house, group, 'Second words.', { previous_response_id: one })
    assert.equal(two.status, 200, two.text)
    assert.deepEqual(textsIn(bodyAt(twin)), ['First words.', LINE, 'Second words.'])
    assert.deepEqual(
      targets(azure.requests.slice(2)).toSorted(),
      [
        `GET ${base}/responses/ID${query === '' ? '' : `?${query}`}`,
        `GET ${base}/responses/ID/input_items?${query === '' ? '' : `${query}&`}limit=100&order=asc`,
      ].toSorted(),
    )
    assertNothingRefused([...azure.requests, ...twin.requests])
    dial.pass(3_600_000)
  }
})

test('a conversation of a limited owner goes on elsewhere, and the turn is not added to it: the answer says so', async () => {
  const items = [{ type: 'message', role: 'user', content: 'Told before.' }]
  const made = await house.ask('/v1/conversations', { items })
  const conversation = String(made.json().id)
  for (const asked of [conversation, { id: conversation }]) {
    for (const stage of [home, twin]) stage.clear()
    const first = await turn(house, 'lead', 'First words.', { conversation: asked })
    assert.equal(first.status, 200, first.text)
    const held = (await house.ask(`/v1/conversations/${conversation}/items?order=asc`)).json().data
    assert.ok(Array.isArray(held))
    home.clear()
    limited(home)
    const second = await turn(house, 'lead', 'Second words.', { conversation: asked, metadata: { a: '1' } })
    assert.equal(second.status, 200, second.text)
    assert.equal(
      second.headers['x-understudy-rehydrated'],
      `conversation; items=${held.length + 1}; fetched=1; added=false`,
    )
    const body = bodyAt(twin)
    assert.deepEqual(Object.keys(body).toSorted(), ['input', 'metadata', 'model'])
    const said = held
      .filter(isObject)
      .map(({ content }) => textsIn({ input: [{ content: content ?? null }] })[0])
    assert.deepEqual(textsIn(body), [...said, 'Second words.'])
    assert.deepEqual(targets(home.requests), [
      'POST /v1/responses',
      `GET /v1/conversations/CONV/items?limit=100&order=asc`,
    ])
    const rehydrated = Buffer.from(twin.requests[0]?.body ?? []).toString()
    await house.ask('/v1/responses', { ...body, model: 'twin' })
    assert.equal(Buffer.from(twin.requests[1]?.body ?? []).toString(), rehydrated)
    assertNothingRefused([...home.requests, ...twin.requests])
    dial.pass(3_600_000)
  }
  for (const fault of [{ kind: 'status', status: 403 }, { kind: 'html' }] as const) {
    for (const stage of [home, twin]) stage.clear()
    limited(home)
    home.script([fault], { path: /conversations/ })
    assertLimited(await turn(house, 'lead', 'More words.', { conversation }))
    dial.pass(3_600_000)
  }
  // Who is down tells nothing: its failure is told.
  home.clear()
  home.script(always({ kind: 'status', status: 503 }))
  assert.equal((await turn(house, 'lead', 'More words.', { conversation })).status, 503)
  assert.equal(home.requests.length, 1)
})

test('pictures are asked for by name', async () => {
  const picture = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' }
  const input = [{ role: 'user', content: [{ type: 'input_text', text: 'Look.' }, picture] }]
  const one = idOf(await turn(house, 'lead', input))
  limited(home)
  const two = await turn(house, 'lead', 'And now?', { previous_response_id: one })
  assert.equal(two.status, 200, two.text)
  assert.ok(JSON.stringify(bodyAt(twin)).includes(picture.image_url))
  assertNothingRefused([...home.requests, ...twin.requests])
})

test('what cannot be fetched changes nothing: the limit is told', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  const two = idOf(await turn(house, 'lead', 'Second words.', { previous_response_id: one }))
  const unstored = idOf(await turn(house, 'lead', 'First words.', { store: false }))
  const items = /\/input_items$/
  const cases = [
    [
      'refused',
      one,
      /^failed: HTTP 403; requests=2; ms=\d+$/,
      () => home.script([{ kind: 'status', status: 403 }], { path: items }),
    ],
    ['limited, too', one, /^failed: HTTP 429; /, () => home.script(always({ kind: 'status', status: 429 }))],
    ['cut', one, /^failed: /, () => home.script([{ kind: 'cut', how: 'rst' }], { path: items })],
    ['half a JSON', one, /^failed: /, () => home.script([{ kind: 'bad-json' }], { path: items })],
    [
      'the first turn is not told',
      two,
      /^failed: .*requests=4/,
      () => home.script([{ kind: 'ok' }, { kind: 'html' }], { path: items }),
    ],
    ['not stored', unstored, /^failed: HTTP 404/, () => undefined],
  ] as const
  for (const [said, id, told, fault] of cases) {
    dial.pass(3_600_000)
    for (const stage of [home, twin]) stage.clear()
    limited(home)
    fault()
    const reply = await turn(house, 'lead', 'More words.', { previous_response_id: id })
    assertLimited(reply)
    assert.equal(reply.headers['retry-after'], said === 'limited, too' ? '20' : '30', said)
    assert.equal(home.requests.at(-1)?.method, 'GET', said)
    assert.match(String((await logged()).fetched), told, said)
  }
})

test('a slow owner has the time that is left to the request', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  limited(home)
  home.script([{ kind: 'stall', when: 'before-headers' }], { path: /input_items/ })
  const reply = await turn(house, 'lead', 'More words.', { previous_response_id: one, timeout: 0.5 })
  assertLimited(reply)
  await home.requests.find(({ path }) => path.endsWith('/input_items'))?.closedByPeer
})

test('where nobody else serves the model nothing is fetched', async () => {
  const one = idOf(await turn(house, 'lone', 'First words.'))
  limited(home)
  assertLimited(await turn(house, 'lone', 'More words.', { previous_response_id: one }))
  assert.equal(home.requests.filter(({ method }) => method === 'GET').length, 0)
})

test('nothing is held any more when all has been said', async () => {
  await house.close()
  assert.equal(dial.served().house.memory.held, 0)
})

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { again } from './support/again.ts'
import { deployment, type Play, play, type Reply, type Start } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { parseSse } from './support/sse.ts'
import { steady } from './support/steady.ts'

/** Items that were named before a restart: their copies lie in the data directory, where transcripts are kept. */

const STAGES = { openai: {}, anthropic: { flavour: 'anthropic' as const, models: ['*'] } }
type Theatre = Play<typeof STAGES>
type Asking = Pick<Theatre, 'ask'>

const theatre = (t: TestContext, router: JsonObject = {}, start?: Start): Promise<Theatre> =>
  play(t, {
    stages: STAGES,
    ...(start === undefined ? {} : { start }),
    config: ({ openai, anthropic }) => ({
      model_list: [
        deployment('gpt', openai, 'gpt-4.1'),
        deployment('claude', anthropic, 'claude-sonnet-4-5'),
      ],
      general_settings: { public_routes: ['/responses*'] },
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ gpt: ['claude'] }, { claude: ['gpt'] }],
        transcripts: true,
        ...router,
      },
    }),
  })

const RESPONSES = '/v1/responses'
const LINE = 'to be or not to be'
const question = (content: string): JsonObject => ({ type: 'message', role: 'user', content })

type Answer = { readonly id: string; readonly items: readonly JsonObject[] }

const answerOf = async ({ ask }: Asking, model: string, more: JsonObject = {}): Promise<Answer> => {
  const input = [question(`[stage:reason] [stage:say ${LINE}]`)]
  const reply = await ask(RESPONSES, { model, input, ...more })
  assert.equal(reply.status, 200, reply.text)
  const last = parseSse(Buffer.from(reply.text)).findLast(({ data }) => data.startsWith('{'))
  const whole = more.stream === true ? (JSON.parse(last?.data ?? '') as JsonObject).response : reply.json()
  const { id, output } = whole as { id: string; output: readonly JsonObject[] }
  return { id, items: output.map(item => ({ type: 'item_reference', id: item.id ?? '' })) }
}

const goOn = (
  { ask }: Asking,
  model: string,
  items: readonly JsonObject[],
  more: Parameters<Asking['ask']>[2] = {},
): Promise<Reply> =>
  ask(RESPONSES, { model, input: [question('Line?'), ...items, question('And now?')] }, more)

const down = ({ stages: { openai } }: Theatre): void => openai.script(always({ kind: 'status', status: 503 }))

const filesOf = async ({ dataDir }: Theatre): Promise<readonly string[]> =>
  (await readdir(dataDir)).filter(name => name.includes('.db'))

for (const stream of [false, true]) {
  test(`what a translation made before a restart goes on at either provider, stream: ${stream}`, async t => {
    const house = await theatre(t)
    const { openai, anthropic } = house.stages
    const { items } = await answerOf(house, 'claude', { stream, reasoning: { effort: 'low' } })
    assert.ok(items.every(({ id }) => /^(?:msg|rs)_understudy_/.test(String(id))))
    await house.close()
    const later = await again(t, house)
    for (const model of ['claude', 'gpt']) {
      const reply = await goOn(later, model, items)
      assert.equal(reply.status, 200, reply.text)
    }
    assert.ok(anthropic.requests.at(-1)?.text.includes(LINE))
    assert.ok(openai.requests.at(-1)?.text.includes(LINE))
    assert.ok(!openai.requests.at(-1)?.text.includes('understudy_'))
  })

  test(`what a provider keeps goes on elsewhere after a restart while that one is out, stream: ${stream}`, async t => {
    const house = await theatre(t)
    const { openai, anthropic } = house.stages
    const { items } = await answerOf(house, 'gpt', { stream })
    assert.equal(items.length, 2)
    await house.close()
    for (const name of await filesOf(house)) {
      const bytes = await readFile(join(house.dataDir, name), 'latin1')
      for (const plain of [LINE, 'msg_', openai.baseUrl])
        assert.ok(!bytes.includes(plain), `${plain} in ${name}`)
    }
    const later = await again(t, house)
    // Its owner gets the names, as the client wrote them.
    assert.equal((await goOn(later, 'gpt', items)).status, 200)
    const asked = [question('Line?'), ...items, question('And now?')]
    assert.deepEqual(openai.requests.at(-1)?.json, { model: 'gpt-4.1', input: asked })
    down(house)
    const reply = await goOn(later, 'gpt', items)
    assert.equal(reply.status, 200, reply.text)
    assert.equal(anthropic.requests.length, 1)
    assert.ok(anthropic.requests[0]?.text.includes(LINE))
    assert.match(reply.headers['x-understudy-dropped'] ?? '', /input\[1\]/)
  })

  test(`the copies of a response that was deleted are gone, in its process and after a restart, stream: ${stream}`, async t => {
    const house = await theatre(t)
    const { anthropic } = house.stages
    const { id, items } = await answerOf(house, 'gpt', { stream })
    const other = await answerOf(house, 'gpt', { stream })
    const gone = await house.ask(`${RESPONSES}/${id}`, undefined, { method: 'DELETE' })
    assert.equal(gone.status, 200, gone.text)
    down(house)
    assert.equal((await goOn(house, 'gpt', items)).status, 503)
    await house.close()
    const later = await again(t, house)
    assert.equal((await goOn(later, 'gpt', items)).status, 503)
    assert.equal(anthropic.requests.length, 0)
    assert.equal((await goOn(later, 'gpt', other.items)).status, 200)
  })
}

test('a copy of another owner is not found', async t => {
  const house = await theatre(t)
  const { items } = await answerOf(house, 'claude')
  await house.close()
  const later = await again(t, house)
  const headers = [['content-type', 'application/json']] as const
  const stranger = await goOn(later, 'claude', items, { path: '/responses', headers })
  assert.equal(stranger.status, 400, stranger.text)
  assert.match(stranger.text, /not found/)
  assert.equal((await goOn(later, 'claude', items)).status, 200)
})

test('copies last as long as transcripts do, and a restart does not prolong it', async t => {
  const dial = steady()
  const house = await theatre(t, { transcripts_ttl: 3600 }, dial.start)
  const { items } = await answerOf(house, 'claude')
  dial.pass(3_599_000)
  assert.equal((await goOn(house, 'claude', items)).status, 200)
  dial.pass(2_000)
  assert.equal((await goOn(house, 'claude', items)).status, 400)
  await house.close()
  const restarted = steady()
  restarted.pass(3_601_000)
  assert.equal((await goOn(await again(t, house, restarted.start), 'claude', items)).status, 400)
})

test('copies of groups without transcripts stay in memory, and are told as lost after a restart', async t => {
  const house = await theatre(t, { transcripts: ['gpt'] })
  const { items } = await answerOf(house, 'claude')
  assert.equal((await goOn(house, 'claude', items)).status, 200)
  await house.close()
  assert.ok(!(await filesOf(house)).includes('store.db'))
  const reply = await goOn(await again(t, house), 'claude', items)
  assert.equal(reply.status, 400)
  assert.match(reply.text, /store: false/)
})

test('nothing of a call with store: false is on the disk', async t => {
  const house = await theatre(t)
  const { items } = await answerOf(house, 'claude', { store: false })
  await house.close()
  assert.ok(!(await filesOf(house)).includes('store.db'))
  assert.equal((await goOn(await again(t, house), 'claude', items)).status, 400)
})

import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { bodies, down, dropped, itemsOf, RESPONSES } from './repairs.fixture.ts'
import { again } from './support/again.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, type Reply, type Start } from './support/harness.ts'
import { inside, until } from './support/inside.ts'
import { rowsOf } from './support/kept.ts'
import { type Steady, steady } from './support/steady.ts'

/**
 * What one account has sealed or keeps, named again after a restart: no request is worse served than before. In `pair` the
 * other account is drawn first, every time, when nothing speaks for its maker.
 */

const STAGES = { maker: {}, other: {} }
type Theatre = Play<typeof STAGES>
type Asking = Pick<Theatre, 'ask'>

const theatre = (t: TestContext, router: JsonObject = {}, start?: Start): Promise<Theatre> =>
  play(t, {
    stages: STAGES,
    ...(start === undefined ? {} : { start }),
    config: ({ maker, other }) => ({
      model_list: [
        deployment('maker', maker, 'gpt-4.1'),
        deployment('other', other, 'gpt-4.1'),
        deployment('pair', other, 'gpt-4.1', { weight: 1 }),
        deployment('pair', maker, 'gpt-4.1', { weight: 1e-9 }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ maker: ['other'] }],
        ...router,
      },
    }),
  })

const question: JsonObject = { type: 'message', role: 'user', content: 'Line, please.' }

const outputOf = (reply: Reply): readonly JsonObject[] => {
  assert.equal(reply.status, 200, reply.text)
  return itemsOf({ input: reply.json().output ?? null })
}

const ask = ({ ask }: Asking, model: string, more: JsonObject): Promise<Reply> =>
  ask(RESPONSES, { model, input: [question], ...more })

const SEALED: JsonObject = {
  store: false,
  reasoning: { effort: 'low' },
  include: ['reasoning.encrypted_content'],
}

const reasoned = async (house: Theatre, model = 'maker'): Promise<readonly JsonObject[]> => [
  question,
  ...outputOf(await ask(house, model, SEALED)),
  question,
]

/** The gateway ends and another one begins with what it left. */
const restarted = async (t: TestContext, house: Theatre): Promise<Asking> => {
  await house.close()
  for (const stage of Object.values(house.stages)) stage.clear()
  return again(t, house)
}

/** So many requests reached the maker and the other one, and nobody was sent what is not his. */
const assertSeen = ({ stages: { maker, other } }: Theatre, atMaker: number, atOther: number): void => {
  assert.deepEqual([maker.requests.length, other.requests.length], [atMaker, atOther])
  assertNothingRefused([...maker.requests, ...other.requests])
}

/** What it has learned is on the disk. */
const written = ({ dataDir }: Theatre, { served }: Steady): Promise<void> => {
  const learned = served().house.board.origins.size()
  return until('it is written', () => rowsOf(dataDir, 'origins.db', 'origin') === learned, 20_000)
}

const typesAt = (stage: Stage): readonly unknown[] => itemsOf(bodies(stage).at(-1)).map(item => item.type)

test('reasoning goes to who can read it, and is left out of the hop elsewhere before anybody refuses it', async t => {
  const house = await theatre(t)
  const { maker, other } = house.stages
  const input = await reasoned(house)
  const later = await restarted(t, house)
  const there = await ask(later, 'pair', { ...SEALED, input })
  assert.equal(there.status, 200, there.text)
  assertSeen(house, 1, 0)
  assert.deepEqual(itemsOf(bodies(maker)[0]), input)
  down(maker)
  const elsewhere = await ask(later, 'maker', { ...SEALED, input })
  assert.equal(elsewhere.status, 200, elsewhere.text)
  assertSeen(house, 2, 1)
  assert.deepEqual(typesAt(other), ['message', 'message', 'message'])
  assert.deepEqual(dropped(elsewhere), ['input[2].id', 'input[1]'])
})

test('with encrypted_content_affinity reasoning is still bound to its maker', async t => {
  const house = await theatre(t, { optional_pre_call_checks: ['encrypted_content_affinity'] })
  const input = await reasoned(house)
  const later = await restarted(t, house)
  down(house.stages.maker)
  const reply = await ask(later, 'pair', { ...SEALED, input })
  assert.equal(reply.status, 503, reply.text)
  assertSeen(house, 1, 0)
})

test('a compaction goes to its maker, and to nobody else while that one is out', async t => {
  const house = await theatre(t)
  const compacted = await house.ask(`${RESPONSES}/compact`, { model: 'maker', input: [question] })
  const input = [...outputOf(compacted), question]
  assert.ok(input.some(item => item.type === 'compaction'))
  const later = await restarted(t, house)
  assert.equal((await ask(later, 'pair', { input })).status, 200)
  assertSeen(house, 1, 0)
  down(house.stages.maker)
  assert.equal((await ask(later, 'maker', { input })).status, 503)
  assertSeen(house, 2, 0)
})

test('an item that is named goes to who keeps it, though there is no copy of it', async t => {
  const house = await theatre(t)
  const items = outputOf(await ask(house, 'maker', {}))
  const input = [question, ...items.map(({ id = '' }) => ({ type: 'item_reference', id })), question]
  const later = await restarted(t, house)
  const reply = await ask(later, 'pair', { input })
  assert.equal(reply.status, 200, reply.text)
  assertSeen(house, 1, 0)
})

test('a vector store that was made, and a container that was used, are looked for at their keeper’s alone', async t => {
  const house = await theatre(t)
  const { maker } = house.stages
  const made = await house.ask('/v1/vector_stores', { name: 'lines' })
  assert.equal(made.status, 200, made.text)
  maker.memory.others.add('cntr_elsewhere')
  const withContainer = { tools: [{ type: 'code_interpreter', container: 'cntr_elsewhere' }] }
  assert.equal((await ask(house, 'maker', withContainer)).status, 200)
  const later = await restarted(t, house)
  const withStore = { tools: [{ type: 'file_search', vector_store_ids: [String(made.json().id)] }] }
  for (const request of [withStore, withContainer]) {
    const reply = await ask(later, 'pair', request)
    assert.equal(reply.status, 200, reply.text)
  }
  assertSeen(house, 2, 0)
  const nobody = await ask(later, 'other', withContainer)
  assert.equal(nobody.status, 400, nobody.text)
  assertSeen(house, 2, 0)
})

test('what is in use is not forgotten, and what is not is, a restart before or after', async t => {
  const day = 24 * 3_600_000
  const dial = steady(() => 0.5)
  const house = await theatre(t, {}, dial.start)
  const { maker } = house.stages
  maker.memory.others.add('cntr_used').add('cntr_left')
  const using = (container: string): JsonObject => ({ tools: [{ type: 'code_interpreter', container }] })
  for (const container of ['cntr_used', 'cntr_left'])
    assert.equal((await ask(house, 'maker', using(container))).status, 200)
  await written(house, dial)
  dial.pass(20 * day)
  assert.equal((await ask(house, 'pair', using('cntr_used'))).status, 200)
  await house.close()
  const after = steady(() => 0.5)
  after.pass(40 * day)
  const later = await again(t, house, after.start)
  assert.equal((await ask(later, 'pair', using('cntr_used'))).status, 200)
  assertSeen(house, 4, 0)
  // Nobody knows any more whose it is.
  assert.equal((await ask(later, 'pair', using('cntr_left'))).status, 404)
})

for (const own of [undefined, 'own'])
  test(`an account with another credential is sent what it has made as ever, with an id of its own: ${own !== undefined}`, async t => {
    const house = await play(t, {
      stages: STAGES,
      config: ({ maker, other }) => ({
        model_list: [
          {
            ...deployment('maker', maker, 'gpt-4.1'),
            ...(own === undefined ? {} : { model_info: { id: own } }),
          },
          deployment('other', other, 'gpt-4.1'),
        ],
        router_settings: { num_retries: 0, disable_cooldowns: true },
      }),
    })
    const { maker } = house.stages
    const compacted = await house.ask(`${RESPONSES}/compact`, { model: 'maker', input: [question] })
    const input = [...outputOf(compacted), ...(await reasoned(house))]
    const config = JSON.parse(await readFile(house.configPath, 'utf8'))
    // Part of what an account is known by, and not looked at by the stage.
    config.model_list[0].litellm_params.organization = 'org-later'
    await writeFile(house.configPath, JSON.stringify(config))
    const later = await restarted(t, house)
    const reply = await ask(later, 'maker', { ...SEALED, input })
    assert.equal(reply.status, 200, reply.text)
    assertSeen(house, 1, 0)
    assert.deepEqual(itemsOf(bodies(maker)[0]), input)
    assert.equal(reply.headers['x-understudy-dropped'], undefined)
    // Whose it is is known only where the deployment is known again.
    const elsewhere = await ask(later, 'other', { ...SEALED, input })
    assert.equal(elsewhere.status, 400, elsewhere.text)
    assert.equal(house.stages.other.requests.length > 0, own === undefined)
  })

test('who has refused a ciphertext that nobody saw being made is not sent it again', async t => {
  const house = await theatre(t)
  const { maker, other } = house.stages
  // Sealed by the maker for a client that asked it directly.
  const direct = await fetch(`${maker.baseUrl}/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${maker.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4.1', input: [question], ...SEALED }),
  })
  const { output } = (await direct.json()) as { output: readonly JsonObject[] }
  const input = [question, ...output.filter(item => item.type === 'reasoning'), question]
  assert.equal((await ask(house, 'other', { ...SEALED, input })).status, 200)
  assert.equal(other.requests.length, 2, 'refused, and asked again without it')
  const later = await restarted(t, house)
  const reply = await ask(later, 'other', { ...SEALED, input })
  assert.equal(reply.status, 200, reply.text)
  assertSeen(house, 0, 1)
})

test('the file says nothing to whoever reads it, and is for its owner only', async t => {
  const house = await theatre(t)
  const input = await reasoned(house)
  await house.close()
  const names = (await readdir(house.dataDir)).filter(name => name.includes('.db'))
  assert.ok(names.includes('origins.db') && !names.includes('store.db'), String(names))
  const ids = input.flatMap(({ id = '', encrypted_content = '' }) => [String(id), String(encrypted_content)])
  for (const name of names) {
    const path = join(house.dataDir, name)
    const bytes = await readFile(path, 'latin1')
    for (const plain of [house.stages.maker.baseUrl, ...ids.filter(id => id !== '')])
      assert.ok(!bytes.includes(plain), `${plain} in ${name}`)
    assert.equal((await stat(path)).mode & 0o077, 0)
  }
})

test('one account has nothing to look for: nothing is written, whatever binds a call', async t => {
  const within = inside()
  const house = await play(t, {
    stages: { maker: {} },
    start: within.start,
    config: ({ maker }) => ({ model_list: [deployment('maker', maker, 'gpt-4.1')] }),
  })
  const input = [question, ...outputOf(await ask(house, 'maker', SEALED)), question]
  assert.equal((await ask(house, 'maker', { ...SEALED, input })).status, 200)
  assert.equal(within.served().house.board.origins.size(), 0)
  await house.close()
  assert.deepEqual(
    (await readdir(house.dataDir)).filter(name => name.includes('.db')),
    [],
  )
})

import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { again } from './support/again.ts'
import { steady } from './support/steady.ts'
import { assertLost, down, idOf, textAt, theatre, turn } from './transcripts.fixture.ts'

/** Transcripts that a process did not make itself: they lie in the data directory. */

const HOUR_MS = 3_600_000

test('a restart in between forgets nothing, and the file says nothing to whoever reads it', async t => {
  const house = await theatre(t)
  const sealed = { reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'] }
  const one = idOf(await turn(house, 'lead', 'First words.', { ...sealed, stream: true }))
  const two = idOf(await turn(house, 'lead', 'Second words.', { ...sealed, previous_response_id: one }))
  await house.close()
  const names = (await readdir(house.dataDir)).filter(name => name.startsWith('store.db'))
  assert.ok(names.includes('store.db'), String(names))
  for (const name of names) {
    const path = join(house.dataDir, name)
    const bytes = await readFile(path, 'latin1')
    for (const plain of ['First words', 'Second words', 'understudy knows', one, two])
      assert.ok(!bytes.includes(plain), `${plain} in ${name}`)
    assert.equal((await stat(path)).mode & 0o077, 0, `${name} is for its owner only`)
  }
  const later = await again(t, house)
  down(house.stages.home)
  const three = await turn(later, 'lead', 'Third words.', { previous_response_id: two })
  assert.equal(three.status, 200, three.text)
  assert.equal(three.headers['x-understudy-rehydrated'], 'previous_response_id; responses=2; items=7')
  // Who has sealed what is known again, too: the other account is not even shown what it cannot read.
  assert.equal(house.stages.twin.requests.length, 1)
  const text = textAt(house.stages.twin)
  for (const words of ['First', 'Second', 'Third']) assert.ok(text.includes(`${words} words.`), text)
  assert.ok(!text.includes('encrypted_content'), text)
})

test('what is over is gone, in the process that made it and after a restart', async t => {
  const dial = steady()
  const house = await theatre(t, { transcripts_ttl: 3600 }, dial.start)
  const { home, twin } = house.stages
  const one = idOf(await turn(house, 'lead', 'First words.'))
  const more = { previous_response_id: one }
  down(home)
  dial.pass(HOUR_MS - 1000)
  assert.equal((await turn(house, 'lead', 'Second words.', more)).status, 200)
  dial.pass(2000)
  assertLost(await turn(house, 'lead', 'Second words.', more), one)
  await house.close()
  const later = steady()
  later.pass(HOUR_MS + 1000)
  const restarted = await again(t, house, later.start)
  assertLost(await turn(restarted, 'lead', 'Second words.', more), one)
  assert.equal(twin.requests.length, 1)
})

test('what was deleted is not in the file either', async t => {
  const house = await theatre(t)
  const one = idOf(await turn(house, 'lead', 'First words.'))
  assert.equal((await house.ask(`/v1/responses/${one}`, undefined, { method: 'DELETE' })).status, 200)
  await house.close()
  const later = await again(t, house)
  down(house.stages.home)
  assertLost(await turn(later, 'lead', 'Second words.', { previous_response_id: one }), one)
})

test('a store that cannot be opened costs the conversations of other processes, and no call', async t => {
  let spoilt = ''
  const dial = steady()
  const house = await theatre(t, {}, async options => {
    spoilt = join(options.dataDir, 'store.db')
    await mkdir(options.dataDir, { recursive: true })
    await writeFile(spoilt, 'This is no database. '.repeat(500))
    return dial.start(options)
  })
  const one = idOf(await turn(house, 'lead', 'First words.'))
  const more = { previous_response_id: one }
  down(house.stages.home)
  assert.equal((await turn(house, 'lead', 'Second words.', more)).status, 200, 'what this process has kept')
  await house.close()
  assert.match(await readFile(spoilt, 'utf8'), /^This is no database/, 'nothing is taken away')
  const later = await again(t, house)
  assertLost(await turn(later, 'lead', 'Second words.', more), one)
})

test('without transcripts there is no store', async t => {
  const house = await theatre(t, { transcripts: false })
  const one = idOf(await turn(house, 'lead', 'First words.'))
  down(house.stages.home)
  assertLost(await turn(house, 'lead', 'Second words.', { previous_response_id: one }), one)
  await house.close()
  assert.ok(!(await readdir(house.dataDir)).includes('store.db'))
})

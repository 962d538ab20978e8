import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../shared/clock.ts'
import { openStore, type Store, type StoreOptions } from './store.ts'

const HOUR_MS = 3_600_000

type Opened = { readonly store: Store; readonly events: string[]; readonly pass: (ms: number) => void }

const opened = (t: TestContext, path: string, more: Partial<StoreOptions> = {}): Opened => {
  const events: string[] = []
  const system = systemClock()
  let passed = 0
  const clock = { ...system, now: () => system.now() + passed, wall: () => system.wall() + passed }
  const event: StoreOptions['event'] = (level, message, fields) =>
    events.push(`${level}: ${message} ${String(fields?.reason ?? '')}`.trim())
  const store = openStore({ path, mostBytes: 1_000_000, patienceMs: 30_000, clock, event, ...more })
  t.after(() => store.close(10_000))
  return {
    store,
    events,
    pass: ms => {
      passed += ms
    },
  }
}

const directory = async (t: TestContext): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'understudy-store-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

test('two processes share one file, and what one has kept the other finds until it is over', async t => {
  const path = join(await directory(t), 'deep', 'store.db')
  const one = opened(t, path)
  const other = opened(t, path)
  // Both make the tables.
  one.store.put('a', 'first', HOUR_MS)
  other.store.put('b', 'second', HOUR_MS)
  assert.equal(await one.store.get('a'), 'first')
  assert.equal(await other.store.get('b'), 'second')
  assert.equal(await other.store.get('a'), 'first')
  other.store.put('a', 'changed', HOUR_MS)
  assert.equal(await other.store.get('a'), 'changed')
  assert.equal(await one.store.get('a'), 'changed')
  one.pass(HOUR_MS)
  assert.equal(await one.store.get('a'), undefined)
  assert.equal(await other.store.get('a'), 'changed')
  await one.store.close(10_000)
  const again = opened(t, path)
  assert.equal(await again.store.get('b'), 'second')
  assert.deepEqual([...one.events, ...other.events, ...again.events], [])
})

test('what was kept first goes first when it becomes too much, and nothing is held that is over', async t => {
  const { store, pass, events } = opened(t, join(await directory(t), 'store.db'), { mostBytes: 10_000 })
  const text = 'x'.repeat(1000)
  store.put('short', text, 1)
  for (let at = 0; at < 20; at++) {
    pass(1000)
    store.put(`k${at}`, text, HOUR_MS)
  }
  assert.equal(await store.get('k19'), text)
  assert.equal(await store.get('k0'), undefined)
  assert.equal(await store.get('short'), undefined)
  assert.deepEqual(events, [])
})

test('a store that fails is told of once, left alone, and used again when it is mended', async t => {
  const path = join(await directory(t), 'store.db')
  await writeFile(path, 'This is no database. '.repeat(500))
  const { store, events, pass } = opened(t, path)
  store.put('a', 'first', HOUR_MS)
  assert.equal(await store.get('a'), undefined)
  assert.equal(await store.get('a'), undefined)
  assert.equal(events.length, 1, events.join())
  assert.match(events[0] ?? '', /^warn: The store is lost; .* file is not a database$/)
  await rm(path)
  assert.equal(await store.get('a'), undefined, 'it is left alone')
  pass(10_000)
  assert.equal(await store.get('a'), undefined)
  store.put('a', 'again', HOUR_MS)
  assert.equal(await store.get('a'), 'again')
  assert.deepEqual(events.slice(1), ['info: The store is back.'])
})

test('a directory that cannot be made, and a store that was closed, keep nobody waiting', async t => {
  const root = await directory(t)
  await writeFile(join(root, 'file'), '')
  const { store, events } = opened(t, join(root, 'file', 'store.db'))
  assert.equal(await store.get('a'), undefined)
  assert.match(events.join(), /^warn: The store is lost; .*(?:ENOTDIR|EEXIST)/)
  await store.close(10_000)
  store.put('a', 'late', HOUR_MS)
  assert.equal(await store.get('a'), undefined)
})

test('what belongs to something is forgotten with it, and many texts go and come at once', async t => {
  const { store, events } = opened(t, join(await directory(t), 'store.db'))
  const keys = Array.from({ length: 250 }, (_, at) => `k${at}`)
  store.putAll(
    keys.map(key => ({ key, text: `text of ${key}` })),
    HOUR_MS,
  )
  store.put('whole', 'one', HOUR_MS)
  store.put('part', 'two', HOUR_MS, 'whole')
  store.put('other', 'three', HOUR_MS, 'k1')
  store.forget('whole')
  const found = await store.getAll([...keys, 'whole', 'part', 'other', 'nothing'])
  assert.equal(found.size, 251)
  assert.deepEqual(
    [found.get('k249'), found.get('whole'), found.get('part')],
    ['text of k249', undefined, undefined],
  )
  store.forget('k1')
  assert.equal((await store.getAll(['k1', 'other', 'k2'])).size, 1)
  assert.deepEqual(events, [])
})

test('whoever only looks makes no file', async t => {
  const root = await directory(t)
  const { store, events } = opened(t, join(root, 'store.db'))
  await store.look()
  store.forget('a')
  assert.equal(await store.get('a'), undefined)
  await store.close(10_000)
  assert.deepEqual(await readdir(root), [])
  assert.deepEqual(events, [])
})

test('a page that is damaged is told of once, and the file is not tried again until another one is there', async t => {
  const path = join(await directory(t), 'store.db')
  const before = opened(t, path)
  const keys = Array.from({ length: 200 }, (_, at) => `k${at}`)
  for (const key of keys) before.store.put(key, 'x'.repeat(1000), HOUR_MS)
  assert.ok((await before.store.get('k199')) !== undefined)
  await before.store.close(10_000)
  const bytes = await readFile(path)
  await writeFile(path, bytes.fill(0xaa, bytes.length / 2))
  const { store, events, pass } = opened(t, path)
  await store.look()
  await store.getAll(keys)
  assert.equal(events.length, 1, events.join('\n'))
  assert.match(events[0] ?? '', /malformed/)
  for (let n = 0; n < 3; n++) {
    pass(10_000)
    assert.equal(await store.get('k0'), undefined)
    store.put('new', 'text', HOUR_MS)
  }
  assert.equal(events.length, 1, events.join('\n'))
  await rename(path, `${path}.old`)
  pass(10_000)
  store.put('new', 'text', HOUR_MS)
  assert.equal(await store.get('new'), 'text')
  assert.deepEqual(events.slice(1), ['info: The store is back.'])
})

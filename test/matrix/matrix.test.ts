import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { FAULTS } from './faults/index.ts'
import { page } from './page.ts'
import { playTogether } from './parallel.ts'
import { redsOf } from './print.ts'
import { rowsOf } from './rows.ts'
import { nameOf, Sheet } from './sheet.ts'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'matrix.md')

/** The first line in which two texts differ; undefined: they do not. */
const difference = (one: string, other: string): string | undefined => {
  const [first, second] = [one.split('\n'), other.split('\n')]
  const place = first.findIndex((line, at) => line !== second[at])
  if (place === -1) return first.length === second.length ? undefined : `the end: line ${first.length}`
  return `line ${place + 1}:\n${first[place]}\n${second[place]}`
}

test('every endpoint keeps its word with every fault, target and client, and no cell is empty', async t => {
  const sheet = new Sheet(rowsOf(), FAULTS)
  await t.test('in virtual time, every cell that needs no wire', async () => {
    await playTogether(sheet, 'virtual')
    assert.equal(sheet.reds.length, 0, redsOf(sheet))
    assert.ok(sheet.played['virtual time'] > 40_000)
  })
  await t.test('over TCP, each fault of the wire once on each endpoint', async () => {
    await playTogether(sheet, 'wire-once')
    assert.equal(sheet.reds.length, 0, redsOf(sheet))
    assert.ok(sheet.played.TCP > 500)
  })
  await t.test('no cell is empty', () => assert.deepEqual(sheet.empty.map(nameOf), []))
  await t.test('docs/matrix.md is what was proven: npm run matrix -- --write renews it', async () => {
    assert.equal(difference(await readFile(PAGE, 'utf8'), page(sheet)), undefined)
  })
})

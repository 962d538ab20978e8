import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CROSSING_FAULTS, crossingRows, crossingSheet, isCovering } from './crossings.ts'
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
  const crossings = crossingSheet()
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
  await t.test('from dialect to dialect, any three of source, first, backup and fault', async () => {
    await playTogether(crossings, 'crossings-covering')
    assert.equal(crossings.reds.length, 0, redsOf(crossings))
    assert.ok(crossings.played['virtual time'] > 3000)
  })
  await t.test('no cell is empty', () => {
    assert.deepEqual([...sheet.empty, ...crossings.empty].map(nameOf), [])
  })
  await t.test('docs/matrix.md is what was proven: npm run matrix -- --write renews it', async () => {
    assert.equal(difference(await readFile(PAGE, 'utf8'), page(sheet, crossings)), undefined)
  })
})

test('what is played of the crossings has any three of source, first, backup and fault in it', () => {
  const met = new Set<string>()
  const struck = new Set<string>()
  const threes = ([one, two, three, four]: readonly string[]): readonly string[] =>
    [
      [one, two, three],
      [one, two, undefined, four],
      [one, undefined, three, four],
      [undefined, two, three, four],
    ].map(three => three.join('|'))
  const rows = crossingRows()
  const sides = rows.flatMap(row => {
    const { source, first = '', backup = '' } = row.pair ?? {}
    return CROSSING_FAULTS.map(fault => ({
      row,
      fault,
      sides: [source?.name ?? '', first, backup, fault.title],
    }))
  })
  for (const { row, fault, sides: all } of sides)
    for (const target of ['dialect', 'none'] as const) {
      if (!isCovering({ row, fault, target, client: 'stays' })) continue
      for (const three of threes(all)) met.add(three)
      for (const side of all) struck.add(`${side} ${target}`)
    }
  const wanted = new Set(sides.flatMap(({ sides: all }) => threes(all)))
  assert.equal(wanted.difference(met).size, 0)
  for (const side of sides.flatMap(({ sides: all }) => all))
    for (const target of ['dialect', 'none']) assert.ok(struck.has(`${side} ${target}`), `${side} ${target}`)
})

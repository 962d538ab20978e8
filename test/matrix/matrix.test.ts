import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProbe } from './covering.ts'
import { CROSSING_FAULTS, crossingRows, crossingSheet } from './crossings.ts'
import { FAULTS } from './faults/index.ts'
import { page } from './page.ts'
import { playTogether } from './parallel.ts'
import { redsOf } from './print.ts'
import { type Row, rowsOf } from './rows.ts'
import { type Cell, nameOf, Sheet } from './sheet.ts'

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
  await t.test(
    'from dialect to dialect, any three of source, first, backup and fault, or any two',
    async () => {
      await playTogether(crossings, 'crossings-covering')
      assert.equal(crossings.reds.length, 0, redsOf(crossings))
      assert.ok(crossings.played['virtual time'] > 5000)
    },
  )
  await t.test('no cell is empty', () => {
    assert.deepEqual([...sheet.empty, ...crossings.empty].map(nameOf), [])
  })
  await t.test('docs/matrix.md is what was proven: npm run matrix -- --write renews it', async () => {
    assert.equal(difference(await readFile(PAGE, 'utf8'), page(sheet, crossings)), undefined)
  })
})

const SIDES = 4

/** Every choice of so many sides of a crossing, the others left open. */
const meetings = (sides: readonly string[], many: number): readonly string[] =>
  Array.from({ length: 2 ** SIDES }, (_, mask) =>
    sides.filter((_side, at) => (mask >> at) % 2 === 1).join('|'),
  ).filter((_, mask) => mask.toString(2).replaceAll('0', '').length === many)

/** Any `many` sides of these crossings meet in a cell that is chosen, and each side with a backup well and struck. */
const meets = (rows: readonly Row[], many: number, isChosen: (cell: Cell) => boolean): void => {
  const [met, wanted, struck] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const row of rows)
    for (const fault of CROSSING_FAULTS) {
      const { source, first = '', backup = '' } = row.pair ?? {}
      const sides = [`from ${source?.name}`, `first ${first}`, `backup ${backup}`, fault.title]
      for (const meeting of meetings(sides, many)) wanted.add(meeting)
      for (const target of ['dialect', 'none'] as const) {
        if (!isChosen({ row, fault, target, client: 'stays' })) continue
        for (const meeting of meetings(sides, many)) met.add(meeting)
        for (const side of sides) struck.add(`${side} ${target}`)
      }
    }
  assert.equal(wanted.difference(met).size, 0)
  const sides = new Set([...wanted].flatMap(meeting => meeting.split('|')))
  for (const side of sides)
    for (const target of ['dialect', 'none']) assert.ok(struck.has(`${side} ${target}`), `${side} ${target}`)
}

const isThin = ({ pair }: Row): boolean => pair?.source.thin === true

test('what is played of the crossings has any three of source, first, backup and fault in it', () => {
  meets(
    crossingRows().filter(row => !isThin(row)),
    3,
    isProbe,
  )
})

test('a thinned crossing meets any three of them, and any two when only a part is played', () => {
  const thin = crossingRows().filter(isThin)
  const sheet = crossingSheet()
  meets(thin, 3, sheet.has)
  meets(thin, 2, isProbe)
  for (const cell of sheet.cells()) if (isProbe(cell)) assert.ok(sheet.has(cell), nameOf(cell))
})

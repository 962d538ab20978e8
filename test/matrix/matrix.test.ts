import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProbe } from './covering.ts'
import { CROSSING_FAULTS, crossingRows, crossingSheet, ENDS } from './crossings.ts'
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

/** Every choice of so many of these, in their order. */
const choices = <Thing>(things: readonly Thing[], many: number): readonly (readonly Thing[])[] => {
  if (many === 0) return [[]]
  return things.flatMap((thing, at) =>
    choices(things.slice(at + 1), many - 1).map(others => [thing, ...others]),
  )
}

/** Source, first, backup and fault, by name. */
const sidesOf = ({ row: { pair }, fault }: Cell): readonly string[] => [
  `from ${pair?.source.name}`,
  `first ${pair?.first}`,
  `backup ${pair?.backup}`,
  fault.title,
]

/** Any `many` sides of these crossings meet in a cell that is chosen, and each side has a backup that is well and one struck. */
const meets = (rows: readonly Row[], many: number, isChosen: (cell: Cell) => boolean): void => {
  const [met, struck] = [new Set<string>(), new Set<string>()]
  const sources = new Set(rows.map(({ pair }) => pair?.source)).size
  for (const row of rows)
    for (const fault of CROSSING_FAULTS)
      for (const target of ['dialect', 'none'] as const) {
        const cell: Cell = { row, fault, target, client: 'stays' }
        if (!isChosen(cell)) continue
        for (const meeting of choices(sidesOf(cell), many)) met.add(meeting.join('|'))
        for (const side of sidesOf(cell)) struck.add(`${side} ${target}`)
      }
  const sizes = [sources, ENDS.length, ENDS.length, CROSSING_FAULTS.length]
  const meetings = choices(sizes, many).map(chosen => chosen.reduce((all, one) => all * one))
  assert.equal(
    met.size,
    meetings.reduce((sum, one) => sum + one),
  )
  assert.equal(struck.size, 2 * sizes.reduce((sum, one) => sum + one))
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

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { conductRow, conductWireOnce, rehearseAll } from './conduct.ts'
import { FAULTS } from './faults/index.ts'
import { page } from './page.ts'
import { redsOf } from './print.ts'
import { rowsOf } from './rows.ts'
import { nameOf, Sheet } from './sheet.ts'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'matrix.md')

test('every endpoint keeps its word with every fault, target and client, and no cell is empty', async t => {
  const sheet = new Sheet(rowsOf(), FAULTS)
  const rehearsals = await rehearseAll(sheet)
  for (const rehearsal of rehearsals)
    await t.test(rehearsal.row.label, async () => {
      const before = sheet.reds.length
      await conductRow(sheet, rehearsal, { leaving: true })
      assert.equal(sheet.reds.length, before, redsOf(sheet))
    })
  await t.test('over TCP, each fault of the wire once', async () => {
    const before = sheet.reds.length
    await conductWireOnce(sheet, rehearsals)
    assert.equal(sheet.reds.length, before, redsOf(sheet))
  })
  await t.test('no cell is empty', () => assert.deepEqual(sheet.empty.map(nameOf), []))
  await t.test('docs/matrix.md is what was proven: npm run matrix -- --write renews it', async () => {
    assert.equal(await readFile(PAGE, 'utf8'), page(sheet))
  })
})

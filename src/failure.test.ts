import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { NAMING_OF_CLASS, NAMING_OF_STATUS, STATUS_OF_CLASS } from './attempt/classify-name.ts'
import { VERDICTS } from './failure.ts'

const read = (name: string): string => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8')
const failures = read('failures.md')
const failover = read('failover.md')

/** The body rows of a marked table, cells without back-quotes and padding (an inner space at the end stays). */
const rowsOf = (mark: string, page: string): readonly (readonly string[])[] => {
  const [, table = assert.fail(`the page has no table ${mark}`)] =
    new RegExp(`<!-- ${mark} -->\n([^]*?)<!-- /${mark} -->`).exec(page) ?? []
  const lines = table.trim().split('\n').slice(2)
  return lines.map(line =>
    line
      .slice(1, -1)
      .split('|')
      .map(cell => /^`(.*)`$/.exec(cell.trim())?.[1] ?? cell.trim()),
  )
}

test('docs/failover.md prints the verdicts of the code, no more and no fewer', () => {
  const printed = rowsOf('verdicts', failover).map(row => row.slice(0, 5))
  const kept = Object.entries(VERDICTS).map(([name, { retry, fallback, cooldown, breaker }]) => [
    name,
    retry,
    fallback,
    cooldown,
    breaker,
  ])
  assert.deepEqual(printed, kept)
  for (const row of rowsOf('verdicts', failover))
    assert.ok((row[5] ?? '').length > 0, `${row[0]} says what it is`)
})

test("docs/failures.md prints LiteLLM's names of the code, by status and by class", () => {
  const shown = (table: typeof NAMING_OF_STATUS | typeof NAMING_OF_CLASS): readonly (readonly string[])[] =>
    Object.entries(table).map(([key, one]) => [key, one.exception, String(one.status), one.lead])
  assert.deepEqual(rowsOf('statuses', failures), shown(NAMING_OF_STATUS))
  assert.deepEqual(rowsOf('classes', failures), shown(NAMING_OF_CLASS))
})

test('docs/failures.md prints the status that each class stands for', () => {
  assert.deepEqual(
    rowsOf('silent', failures),
    Object.entries(STATUS_OF_CLASS).map(([name, status]) => [name, String(status)]),
  )
})

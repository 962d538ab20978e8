import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** docs/museum.md and the names of the tests say the same. */

const HOUSE = fileURLToPath(new URL('../', import.meta.url))
/** Every case of the collection has a row: one that is dropped is missed here. */
const CASES = 115

type Row = {
  readonly number: string
  readonly origin: string
  readonly guarded: string
  /** Files with a test of that number; a file whose test is not passed yet has `(todo)` behind it. */
  readonly files: readonly string[]
  readonly where: string
}

const page = readFileSync(join(HOUSE, 'docs/museum.md'), 'utf8')
const rows: readonly Row[] = [...page.matchAll(/^\| (M-\d{3}) \| (.*?) \| (.*?) \| (.*?) \|$/gm)].map(
  ([, number = '', origin = '', guarded = '', where = '']) => ({
    number,
    origin,
    guarded,
    where,
    files: [...where.matchAll(/`((?:src|test)\/\S+)`( \(todo\))?/g)].map(
      ([, file, todo]) => `${file}${todo ?? ''}`,
    ),
  }),
)

/** The numbers that a name begins with, each with a space behind it. */
const NAME = /['"`]((?:M-\d{3} )+)(?:[^'\n]*',\s*\{\s*(todo):)?/g

/** Number → files whose test names begin with it. */
const named = (): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>()
  const files = ['src', 'test'].flatMap(folder =>
    readdirSync(join(HOUSE, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.test.ts'))
      .map(file => `${folder}/${file}`),
  )
  for (const file of files) {
    const numbers = new Map<string, boolean>()
    const text = readFileSync(join(HOUSE, file), 'utf8')
    const names = [...text.matchAll(NAME)]
    assert.equal(text.match(/['"`]M-\d/g)?.length ?? 0, names.length, `${file}: a number that cannot be read`)
    for (const [, list = '', todo] of names)
      for (const number of list.trim().split(' '))
        numbers.set(number, numbers.get(number) === true || todo !== undefined)
    for (const [number, todo] of numbers)
      found.set(number, (found.get(number) ?? new Set()).add(`${file}${todo ? ' (todo)' : ''}`))
  }
  return found
}

test('docs/museum.md has a row for every case, in order inside its table, each with its origin and what is guarded', () => {
  assert.equal(rows.length, CASES)
  assert.equal(new Set(rows.map(({ number }) => number)).size, CASES)
  assert.equal(page.match(/^\| M-/gm)?.length, CASES, 'a row that cannot be read')
  for (const table of page.split(/^## /m)) {
    const numbers = [...table.matchAll(/^\| (M-\d{3})/gm)].map(([, number]) => number)
    assert.deepEqual(numbers, numbers.toSorted())
  }
  for (const { number, origin, guarded } of rows) {
    assert.ok(origin.trim() !== '' && guarded.trim() !== '', number)
    assert.doesNotMatch(guarded, /\.$/, `${number}: one short sentence, without its stop`)
  }
})

test('every file that docs/museum.md names for a number has a test of that number, and the other way round', () => {
  const found = named()
  const known = new Map(rows.map(row => [row.number, row]))
  for (const [number, files] of found)
    assert.deepEqual(known.get(number)?.files.toSorted(), [...files].toSorted(), number)
  for (const { number, files } of rows)
    assert.deepEqual(files.toSorted(), [...(found.get(number) ?? [])].toSorted(), number)
})

test('a case of docs/museum.md without a test says why not yet', () => {
  for (const { number, files, where } of rows)
    if (files.length === 0) assert.match(where, /^Not yet: \S.{10,}/, number)
    else assert.doesNotMatch(where, /^Not yet/, number)
})

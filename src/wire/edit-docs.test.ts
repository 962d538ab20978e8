import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EDIT_NAMES } from './edit.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/edits.md`, 'utf8')

test('docs/edits.md has a row for every edit name, in the same order, and for nothing else', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(match => match[1])
  assert.deepEqual(rows, [...EDIT_NAMES])
})

test('every edit name is the reason for some edit', () => {
  const source = globSync('src/**/*.ts', { cwd: root })
    .filter(file => !file.endsWith('.test.ts') && !file.endsWith('wire/edit.ts'))
    .map(file => readFileSync(`${root}/${file}`, 'utf8'))
    .join('\n')
  for (const name of EDIT_NAMES)
    assert.match(
      source,
      new RegExp(`why: '${name}'|, '${name}',?\\s*\\)`),
      `nothing is changed because of ${name}`,
    )
})

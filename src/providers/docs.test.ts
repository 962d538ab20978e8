import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ROWS } from './compatible-rows.ts'
import { providers } from './index.ts'

const text = readFileSync(new URL('../../docs/providers.md', import.meta.url), 'utf8')

test('the table of providers says what the rows say', () => {
  for (const row of ROWS) {
    const line = text
      .split('\n')
      .find(each => each.startsWith(`| \`${row.name}\` | ${row.baseUrl ?? 'none'} |`))
    assert.ok(line, `${row.name} is not in docs/providers.md with its base URL`)
    for (const name of [...(row.baseEnv ?? []), ...row.keyEnv]) assert.ok(line.includes(`\`${name}\``), name)
    for (const name of row.unsupported ?? []) {
      assert.match(
        text,
        new RegExp(`\\| .*\`${row.name}\`.* \\| .*\`${name}\``),
        `${row.name} refuses ${name}`,
      )
    }
  }
})

test('every provider is in the docs, and no other has a row', () => {
  for (const name of Object.keys(providers))
    assert.ok(text.includes(`\`${name}\``) || text.includes(`${name}/`), name)
  const rows = [...text.matchAll(/^\| `([a-z0-9_-]+)` \| (?:https?:|none)/gm)].map(match => match[1] ?? '')
  assert.deepEqual(
    rows.filter(name => providers[name] === undefined),
    [],
  )
})

test('the providers that serve responses are those that the page lists', () => {
  const [, listed = ''] = /two APIs for text\. (.*?) serve both/s.exec(text) ?? []
  assert.deepEqual(
    [...listed.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '').sort(),
    ['openai', 'azure', ...ROWS.filter(row => row.apis?.responses).map(row => row.name)].sort(),
  )
})

test('what is changed for a provider is in the table of changes', () => {
  const [, table = ''] = /### What is changed\n(.*?)\n## /s.exec(text) ?? []
  const first = [...table.matchAll(/^\| (`[^|]+) \|/gm)].map(match => match[1] ?? '')
  const listed = first.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? ''))
  assert.deepEqual(listed.sort(), ROWS.flatMap(row => (row.chat === undefined ? [] : [row.name])).sort())
})

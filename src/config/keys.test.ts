import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KEYS, rowOf } from './keys.ts'
import { renderKeyTables, renewPage } from './keys-table.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

test('the documentation lists exactly the keys of the table, in both directions', () => {
  assert.equal(page, renewPage(page), "run 'node src/config/keys-table.ts'")
  const documented = [...renderKeyTables().matchAll(/^\| `([^`]+)` \|/gm)].map(match => match[1])
  assert.deepEqual(
    documented,
    Object.values(KEYS).flatMap(rows => rows.map(row => row.key)),
  )
})

test('no key is listed twice in one section, and every one says something', () => {
  for (const [section, rows] of Object.entries(KEYS)) {
    const keys = rows.map(row => row.key)
    assert.deepEqual(keys, [...new Set(keys)], section)
    for (const row of rows) assert.match(row.text, /[.!:]$/, `${section}.${row.key}`)
  }
})

test('families of keys are found by their prefix', () => {
  assert.equal(rowOf('model_info', 'supports_vision')?.status, 'honoured')
  assert.equal(rowOf('router_settings', 'supports_vision'), undefined)
})

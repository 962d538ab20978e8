import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { KeyRow } from '../src/config/keys/row.ts'
import { KEYS } from '../src/config/keys.ts'

/** Options that are taken and do nothing. Each number has its row in docs/museum.md. */

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url))
/** The product's own sources, without tests and what tests are built from. */
const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts') && !/\.(?:test|fixture)\.ts$|(?:^|\/)testing\.ts$/.test(name))
  .map(name => ({ name, text: readFileSync(join(SOURCES, name), 'utf8') }))
const textOf = (keep: (name: string) => boolean): string =>
  sources
    .filter(({ name }) => keep(name))
    .map(({ text }) => text)
    .join('\n')

/** What nothing reads yet, with the key that is reported as without effect for as long. */
const WAITING: Readonly<Record<string, string>> = { accessGroups: 'access_groups' }
const rows: readonly KeyRow[] = Object.values(KEYS).flat()

test('M-167 every setting that the loader writes is read by somebody else, or its key is reported as without effect', () => {
  const types = readFileSync(join(SOURCES, 'config/config.ts'), 'utf8')
  const names = [...types.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name)
  assert.ok(names.length > 80, String(names.length))
  const readers = textOf(name => !name.startsWith('config/'))
  // A member is read by its name after a dot, or taken out of an object; `name: value` only writes it.
  const unread = names.filter(name => !new RegExp(`\\.${name}\\b|[{,]\\s*${name}\\s*[,}=]`).test(readers))
  assert.deepEqual(unread, Object.keys(WAITING))
  for (const key of Object.values(WAITING))
    assert.equal(rows.find(row => row.key === key)?.status, 'later', key)
})

test('M-167 every key that is called honoured has a reader', () => {
  const readers = textOf(name => !name.startsWith('config/keys'))
  const unread = rows
    .filter(
      ({ status, provider, text }) =>
        status === 'honoured' && provider !== true && !text.startsWith('Shown by'),
    )
    .filter(({ key }) => !new RegExp(`\\b${key.replace('*', '')}\\b`).test(readers))
  assert.deepEqual(
    unread.map(({ key }) => key),
    [],
  )
})

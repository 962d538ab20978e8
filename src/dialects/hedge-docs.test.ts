import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { SHAPES } from './index.ts'

test('docs/failover.md says of which requests a second provider may be asked', async () => {
  const page = await readFile(new URL('../../docs/failover.md', import.meta.url), 'utf8')
  const table = /<!-- hedges -->\n([\s\S]*?)<!-- \/hedges -->/.exec(page)?.[1] ?? ''
  const told = table
    .trim()
    .split('\n')
    .map(row => row.split('|').map(cell => cell.trim()))
    .map(([, shape, without, only]) => [shape, without, only])
  const quoted = (words: readonly string[]): string => words.map(word => `\`${word}\``).join(', ')
  const real = Object.values(SHAPES).flatMap(({ name, hedge }) =>
    hedge === undefined
      ? []
      : [
          [
            quoted([name]),
            quoted(hedge.without),
            quoted(Object.entries(hedge.only ?? {}).map(([key, value]) => `${key}: ${value}`)),
          ],
        ],
  )
  assert.deepEqual(told, real)
})

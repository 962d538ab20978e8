import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { SHAPES } from './index.ts'

test('docs/failover.md says of every answer that streams how it is gone on with', async () => {
  const page = await readFile(new URL('../../docs/failover.md', import.meta.url), 'utf8')
  const table = /<!-- continuations -->\n([\s\S]*?)<!-- \/continuations -->/.exec(page)?.[1] ?? ''
  const told = table
    .trim()
    .split('\n')
    .map(row => row.split('|').map(cell => cell.trim()))
    .map(([, shape = '', continuation, splice]) => [shape.replaceAll('`', ''), continuation, splice])
  const word = (there: unknown): string => (there === undefined ? 'no' : 'yes')
  const real = Object.values(SHAPES).flatMap(({ name, stream }) =>
    stream === undefined ? [] : [[name, word(stream.continuation?.prefill), word(stream.continuation)]],
  )
  assert.deepEqual(told, real)
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const SCRIPT = `
  const { relaxCollector } = await import(${JSON.stringify(new URL('collector.ts', import.meta.url).href)})
  relaxCollector()
  console.log('on')
`

test('this Node knows the flag that relaxes the collector: V8 would complain about another one', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    encoding: 'utf8',
  })
  assert.deepEqual([stdout, stderr, status], ['on\n', '', 0])
})

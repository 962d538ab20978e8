import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const SCRIPT = `
  const { tuneV8 } = await import(${JSON.stringify(new URL('v8.ts', import.meta.url).href)})
  tuneV8()
  console.log('on')
`

test('this Node knows the flags: V8 would complain about others', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    encoding: 'utf8',
  })
  assert.deepEqual([stdout, stderr, status], ['on\n', '', 0])
})

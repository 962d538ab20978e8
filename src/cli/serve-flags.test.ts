import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Command } from 'commander'
import { addServeOptions, REFUSED, readServeFlags, type ServeFlags, WITHOUT_EFFECT } from './serve-flags.ts'

const page = readFileSync(new URL('../../docs/operation.md', import.meta.url), 'utf8')

/** The flags as `serve` gets them. */
const parsed = (...args: readonly string[]): ServeFlags =>
  addServeOptions(new Command()).exitOverride().parse(args, { from: 'user' }).opts()

const read = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  readServeFlags(parsed(...args), env)

test('docs/operation.md has a row for every flag, and for nothing else', () => {
  const options = addServeOptions(new Command()).options.filter(({ hidden }) => !hidden)
  const rows = [...page.matchAll(/^\| `(?:-\w`, `)?(--[\w-]+) /gm)].map(match => match[1])
  assert.deepEqual(
    rows,
    options.map(({ long }) => long),
  )
  for (const { envVar } of options)
    if (envVar !== undefined) assert.ok(page.includes(`\`${envVar}\``), envVar)
})

test("every flag of LiteLLM's is parsed and told about under its own name", () => {
  for (const { flags } of WITHOUT_EFFECT) {
    const [name = ''] = flags.split(' ')
    const lines = read(flags.includes('[') ? [name, '1'] : [name]).withoutEffect
    assert.equal(lines.length, 1, name)
    assert.ok(lines[0]?.startsWith(`Without effect: ${name}: `), name)
  }
  for (const { flags } of REFUSED) {
    const name = /--\w+/.exec(flags)?.[0] ?? ''
    const lines = read(flags.includes('<') ? [name, '1'] : [name]).refused
    assert.equal(lines.length, 1, name)
    assert.ok(lines[0]?.startsWith(`Not supported here: ${name}: `), name)
  }
})

test('the level: --level, then --debug, then LITELLM_LOG, then info', () => {
  assert.equal(read([]).level, 'info')
  assert.equal(read([], { LITELLM_LOG: 'WARNING' }).level, 'warn')
  assert.equal(read([], { LITELLM_LOG: 'shout' }).level, 'info')
  assert.equal(read(['--debug'], { LITELLM_LOG: 'ERROR' }).level, 'debug')
  assert.equal(read(['--detailed_debug']).level, 'debug')
  assert.equal(read(['--debug', 'False']).level, 'info')
  assert.equal(read(['--level', 'error', '--debug']).level, 'error')
})

test('--num_workers is --workers', () => {
  assert.equal(read([]).workers, 1)
  assert.equal(read(['--num_workers', '3']).workers, 3)
  assert.equal(read(['--workers', '4']).workers, 4)
  assert.throws(() => read(['--workers', '0']), /whole number from 1/)
})

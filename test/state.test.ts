import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { State } from '../src/listen/state.ts'
import { MASTER_KEY } from './support/harness.ts'
import { type Served, served } from './support/process.ts'
import { startPuppet } from './support/puppet.ts'
import { openRaw } from './support/raw.ts'
import { chat } from './support/steady.ts'

const linesOf = (gateway: Served): readonly State[] =>
  [...gateway.stderr().matchAll(/^State: (\{.*\})$/gm)].map(([, text = '']) => JSON.parse(text) as State)

/** Asks once and gives the `count` lines that follow. */
const ask = async (gateway: Served, count: number): Promise<readonly State[]> => {
  const before = linesOf(gateway).length
  gateway.kill('SIGUSR2')
  await gateway.said(new RegExp(`(?:^State: .*\\n[^]*){${before + count}}`, 'm'))
  return linesOf(gateway).slice(before)
}

const start = async (t: TestContext, ...args: readonly string[]) => {
  const puppet = await startPuppet(t)
  const gateway = await served(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'k' },
        },
      ],
    },
    args,
  })
  return { puppet, gateway }
}

const needsSignals = { skip: process.platform === 'win32' ? 'there are no such signals' : false }

test('SIGUSR2 tells what is under way, and zero once the client has left', needsSignals, async t => {
  const { puppet, gateway } = await start(t)
  const [first] = await ask(gateway, 1)
  assert.equal(first?.pid, gateway.pid)
  assert.equal(first?.lagMs, null)
  const client = await openRaw(gateway.url, 20_000)
  await client.request({
    path: '/v1/chat/completions',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: chat('star'),
  })
  const call = await puppet.next()
  const [busy] = await ask(gateway, 1)
  assert.deepEqual([busy?.inside, busy?.inFlight], [1, 1])
  assert.ok((busy?.bodyBytes ?? 0) > 0)
  assert.ok(busy?.lagMs !== null && (busy?.lagMs.p99 ?? -1) >= 0)
  client.reset()
  await call.left
  // The provider hears of it before the gateway has put its own books in order.
  const late = performance.now() + 10_000
  for (;;) {
    const [idle] = await ask(gateway, 1)
    const { pid, residentBytes, heapBytes, externalBytes, lagMs, ...held } = idle as State
    if (Object.values(held).every(value => value === 0)) break
    assert.ok(performance.now() < late, `still held: ${JSON.stringify(held)}`)
  }
})

test('each of several workers tells its own state', needsSignals, async t => {
  const { gateway } = await start(t, '--workers', '2')
  const states = await ask(gateway, 2)
  assert.equal(new Set(states.map(({ pid }) => pid)).size, 2)
  assert.ok(states.every(({ pid }) => pid !== gateway.pid))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endingOf } from './support/answers.ts'
import { openHall } from './support/hall.ts'
import { MASTER_KEY } from './support/harness.ts'
import { served } from './support/process.ts'
import { type PuppetCall, startPuppet } from './support/puppet.ts'
import { openRaw } from './support/raw.ts'
import { chat } from './support/steady.ts'

/** What keeps the event loop busy, or a call alive that is dead. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const event = (content: string): string =>
  `data: ${JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  })}\n\n`
const starOn = (baseUrl: string, more: object = {}) => ({
  model_list: [
    {
      model_name: 'star',
      litellm_params: { model: 'openai/gpt-4.1', api_base: baseUrl, api_key: 'k', ...more },
    },
  ],
})

test('M-076 twenty clients that leave large answers at once do not keep anybody else waiting', async t => {
  const puppet = await startPuppet(t)
  const gateway = await served(t, { config: starOn(puppet.baseUrl) })
  const prompt = 'What was the line again? '.repeat(20_000)
  const begin = async () => {
    const client = await openRaw(gateway.url, 20_000)
    t.after(() => void client.leave())
    const messages = [{ role: 'user', content: prompt }]
    const body = { model: 'star', messages, stream: true, stream_options: { include_usage: true } }
    await client.request({ path: CHAT, headers: [['authorization', `Bearer ${MASTER_KEY}`]], body })
    return client
  }
  const clients = await Promise.all(Array.from({ length: 20 }, begin))
  const calls: PuppetCall[] = []
  for (const _ of clients) calls.push(await puppet.next())
  for (const call of calls) {
    call.events()
    for (let piece = 0; piece < 32; piece += 1) void call.write(event('word '.repeat(10_000)))
  }
  for (const client of clients) {
    await client.head()
    for (let piece = 0; piece < 32; piece += 1) await client.event()
  }
  const left = Promise.all(calls.map(call => call.left))
  for (const client of clients) client.leave()
  const waits: number[] = []
  const over = performance.now() + 1000
  while (performance.now() < over) {
    const started = performance.now()
    const answer = await fetch(`${gateway.url}/health/readiness`)
    await answer.text()
    assert.equal(answer.status, 200)
    waits.push(performance.now() - started)
  }
  await left
  assert.ok(Math.max(...waits) < 500, `readiness took ${Math.max(...waits)} ms`)
})

test('M-086 a provider that sends nothing but comments is silent: the limit between events runs out', async t => {
  const puppet = await startPuppet(t)
  const hall = await openHall(t, { config: starOn(puppet.baseUrl, { stream_timeout: 0.3, num_retries: 0 }) })
  for (const said of ['', event('One')]) {
    const client = await hall.send({ path: CHAT, body: chat('star', { stream: true }) })
    const call = await puppet.next()
    call.events()
    if (said !== '') await call.write(said)
    const timer = setInterval(() => void call.write(': still here\n\n'), 50)
    try {
      const head = await client.head()
      const text = (await client.body()).toString()
      assert.equal(head.status, said === '' ? 408 : 200)
      if (said !== '') assert.deepEqual([endingOf(text).errors, endingOf(text).successes], [1, 0])
    } finally {
      clearInterval(timer)
    }
    await call.left
  }
})

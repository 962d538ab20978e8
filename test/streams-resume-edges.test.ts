import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { hurried } from './support/hurried.ts'
import { inside, until } from './support/inside.ts'
import type { PuppetCall } from './support/puppet.ts'
import {
  broken,
  CHAT,
  chunk,
  DONE,
  type On,
  playPuppets,
  readRest,
  STOP,
  says,
  textIn,
  whole,
} from './support/resume-puppets.ts'
import { STREAM_KINDS } from './support/stream-kinds.ts'
import { openStream, playStreaming } from './support/streaming.ts'

/** Around a break: who leaves, who breaks again, what is held back, and what ends without an end. */

const nothingHeld = (on: On): void => {
  const { house } = on.served()
  assert.deepEqual(
    house.board.snapshot().filter(one => one.inFlight !== 0),
    [],
  )
  assert.equal(house.memory.held, 0)
}

const NOTICED_MS = 250

test('a client that leaves while somebody is sought to go on: everything closes, and nobody else is asked', async t => {
  const on = await playPuppets(t)
  const phases: readonly [string, (call: PuppetCall) => Promise<void>][] = [
    ['before the head', async () => {}],
    ['before the first event', async call => call.events()],
    [
      'while it says again what was delivered',
      async call => {
        call.events()
        await call.write(says('The '))
      },
    ],
  ]
  for (const [turn, [what, reach]] of phases.entries())
    await t.test(what, async () => {
      const client = await broken(on, [says('The under')])
      const call = await on.second.next()
      await reach(call)
      const leftAt = performance.now()
      client.leave()
      await call.left
      assert.ok(performance.now() - leftAt < NOTICED_MS)
      const record = (await on.recorded(turn + 1)).at(-1)
      assert.equal(record?.end, 'client_left')
      assert.deepEqual(
        record?.steps.map(step => step.outcome),
        ['transport', 'client_gone'],
      )
      assert.equal(on.third.count(), 0)
      nothingHeld(on)
    })
  await t.test('and it is nobody’s fault', () => {
    const second = on.served().house.config().groups.get('second')?.[0]
    assert.equal(on.served().house.board.cooling(second?.id ?? ''), undefined)
  })
})

test('the end of a drain while somebody is sought to go on is told in the stream', async t => {
  const on = await playPuppets(t)
  const client = await broken(on, [says('The under')])
  const call = await on.second.next()
  const closing = on.close(0)
  await call.left
  const { last } = await readRest(client)
  assert.match(last ?? '', /^\{"error":.*shutting down/)
  await closing
})

test('who goes on may break too: the next one goes on from all that was delivered', async t => {
  const on = await playPuppets(t, { info: { supports_assistant_prefill: true } })
  const client = await broken(on, [says('The '), says('under')])
  const heir = await on.second.next()
  const { messages } = JSON.parse(heir.body.toString()) as { messages: readonly JsonObject[] }
  assert.deepEqual(messages.at(-1), { role: 'assistant', content: 'The under' })
  heir.events()
  await heir.write(says('study ') + says('knows'))
  assert.equal(textIn((await client.event())?.data), 'study ')
  heir.reset()
  const last = await on.third.next()
  assert.equal((JSON.parse(last.body.toString()) as { messages: readonly JsonObject[] }).messages.length, 1)
  whole(last, 'The understudy ', 'knows every ', 'line.')
  const rest = await readRest(client)
  assert.deepEqual(rest, { text: 'knows every line.', last: '[DONE]' })
  const [record] = await on.recorded(1)
  assert.deepEqual(
    record?.steps.map(step => [step.group, step.outcome, step.resumed]),
    [
      ['first', 'transport', undefined],
      ['second', 'transport', 'continuation'],
      ['third', 'answered', 'splice'],
    ],
  )
  assert.equal(record?.end, 'complete')
  nothingHeld(on)
})

test('another wording is nobody’s fault: the deployment does not rest for it', async t => {
  const on = await playPuppets(t, { router: { fallbacks: [{ first: ['second'] }] } })
  const client = await broken(on, [says('The under')])
  whole(await on.second.next(), 'Another line')
  assert.match((await readRest(client)).last ?? '', /"error"/)
  await on.recorded(1)
  const { board, config } = on.served().house
  assert.equal(board.cooling(config().groups.get('second')?.[0]?.id ?? ''), undefined)
  nothingHeld(on)
})

test('a target that repeats what it was given is cut where it begins to say more', async t => {
  const on = await playPuppets(t, { info: { supports_assistant_prefill: true } })
  const client = await broken(on, [says('The understudy knows')])
  whole(await on.second.next(), 'The under', 'study kno', 'ws every ', 'line.')
  assert.deepEqual(await readRest(client), { text: ' every line.', last: '[DONE]' })
})

test('who has nothing to add ends the answer, in tokens too', async t => {
  const on = await playPuppets(t, { info: { supports_assistant_prefill: true } })
  const client = await broken(on, [says('The understudy.')])
  const heir = await on.second.next()
  const usage = { prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 }
  heir.events()
  heir.end(`${STOP}data: ${JSON.stringify({ id: 'd', model: 'm', choices: [], usage })}\n\n${DONE}`)
  assert.deepEqual(await readRest(client), { text: '', last: '[DONE]' })
  assert.equal(on.third.count(), 0)
})

test('who adds nothing and tells no end has not ended the answer: the next one goes on', async t => {
  const role = chunk({ delta: { role: 'assistant', content: '' } })
  const uncounted = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 } })}\n\n`
  for (const info of [{ supports_assistant_prefill: true }, {}])
    for (const said of [DONE, role + DONE, role + uncounted + DONE]) {
      const on = await playPuppets(t, { info })
      const client = await broken(on, [says('The under')])
      const second = await on.second.next()
      second.events()
      second.end(info.supports_assistant_prefill === true ? said : says('The under') + said)
      const rest = readRest(client)
      const third = await Promise.race([on.third.next(), rest.then(() => undefined)])
      assert.ok(third !== undefined, `the answer ended with ${said}`)
      whole(third, 'The under', 'study')
      assert.deepEqual(await rest, { text: 'study', last: '[DONE]' }, said)
      const [record] = await on.recorded(1)
      assert.deepEqual(
        record?.steps.map(step => step.outcome),
        ['transport', 'empty_answer', 'answered'],
      )
    }
})

test('a text completion is continued behind its prompt', async t => {
  const on = await playPuppets(t, { info: { supports_assistant_prefill: true } })
  const piece = (text: string) => chunk({ text })
  const ask = { prompt: 'Say: ', messages: undefined } as unknown as JsonObject
  const client = await broken(on, [piece('The under')], ask, '/v1/completions')
  const heir = await on.second.next()
  assert.equal((JSON.parse(heir.body.toString()) as JsonObject).prompt, 'Say: The under')
  heir.events()
  heir.end(piece('study') + chunk({ text: '', finish_reason: 'stop' }) + DONE)
  assert.deepEqual(await readRest(client), { text: 'study', last: '[DONE]' })
})

test('what was said slowly may be said again slowly: it is no silence', async t => {
  const house = hurried(100)
  const on = await playPuppets(t, {
    start: house.start,
    first: { stream_timeout: 4 },
    second: { stream_timeout: 4 },
  })
  const client = await broken(on, [says('a'), says('b'), says('c'), says('d')])
  const heir = await on.second.next()
  heir.events()
  // Two seconds of the gateway's between two words: more than four in all, never four at once.
  for (const word of ['a', 'b', 'c', 'd']) {
    await heir.write(says(word))
    const next = house.clock.now() + 2000
    await until('two seconds have passed', () => house.clock.now() >= next)
  }
  heir.end(says('e') + STOP + DONE)
  assert.deepEqual(await readRest(client), { text: 'e', last: '[DONE]' })
  assert.equal(on.third.count(), 0)
})

test('a reader that does not read holds back who goes on, too', async t => {
  const gateway = inside()
  const on = await play(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [deployment('first', lead, 'gpt-4.1'), deployment('second', backup, 'gpt-4.1')],
      router_settings: { num_retries: 0, fallbacks: [{ first: ['second'] }] },
    }),
    start: gateway.start,
  })
  const words = 40_000
  on.stages.lead.script([{ kind: 'cut', how: 'fin', afterContent: 6000 }])
  const client = await on.send({
    path: CHAT,
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: {
      model: 'first',
      stream: true,
      messages: [{ role: 'user', content: `[stage:words ${words}]` }],
    },
  })
  client.pause()
  const hit = await on.stages.backup.waitForRequest(1)
  // The one that goes on gets no further than the buffers between it and the client.
  let sent = -1
  while (hit.answered.bytes !== sent || sent === 0) {
    sent = hit.answered.bytes
    for (let turn = 0; turn < 5; turn++) await on.ask('/health/liveliness')
  }
  assert.equal(hit.answered.complete, false)
  client.resume()
  await client.head()
  const { text, last } = await readRest(client)
  assert.equal(last, '[DONE]')
  assert.equal(text.split(' ').length, words)
})

test('pictures and sound are not gone on with', async t => {
  const on = await playStreaming(t)
  for (const kind of STREAM_KINDS.filter(one => one.name === 'images' || one.name === 'speech')) {
    on.stages.lead.clear()
    on.stages.backup.clear()
    on.stages.lead.script([{ kind: 'cut', how: 'fin', afterContent: 2 }])
    const client = await openStream(on, kind, `safe-${kind.name}`)
    await client.head()
    assert.match((await client.events()).at(-1)?.data ?? '', /"error"/)
    assert.equal(on.stages.backup.requests.length, 0)
  }
})

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'
import { openRaw, type RawClient } from './support/raw.ts'
import { parseSse } from './support/sse.ts'
import { STREAM_KINDS, type StreamKind } from './support/stream-kinds.ts'
import { comparable, openStream, playStreaming, type Streaming, streamWhole } from './support/streaming.ts'

const NEWLINES = ['lf', 'crlf', 'cr'] as const

/** Every newline with every split of 1 to 7 bytes; the other liberties of the format take turns. */
const spellings: readonly (Fault & { kind: 'sse-style' })[] = NEWLINES.flatMap((newline, row) =>
  [1, 2, 3, 4, 5, 6, 7].map(split => ({
    kind: 'sse-style' as const,
    newline,
    split,
    comments: (split + row) % 2 === 0,
    noSpace: (split + row) % 3 === 0,
    bom: (split + row) % 4 === 0,
  })),
)

const spellingsGiveTheSame = async (on: Streaming, kind: StreamKind): Promise<void> => {
  const expected = comparable((await streamWhole(on, kind)).events)
  assert.ok(expected.length > 3)
  for (const spelling of spellings) {
    on.stages.lead.script([spelling])
    const { status, events } = await streamWhole(on, kind)
    assert.equal(status, 200)
    assert.deepEqual(comparable(events), expected, JSON.stringify(spelling))
  }
}

/** The events a client has when the stage stands still for ever after `count` content events. */
const arrivedBefore = async (on: Streaming, kind: StreamKind, count: number): Promise<number> => {
  on.stages.lead.clear()
  on.stages.lead.script([{ kind: 'stall', when: 'mid-stream', afterContent: count }])
  const client = await openStream(on, kind, kind.name)
  const hit = await on.stages.lead.waitForRequest(1)
  await client.head()
  let seen = 0
  // The next read would wait for ever: the stage sends nothing more while this client stays.
  while (hit.answered.events === 0 || seen < hit.answered.events) {
    assert.ok(await client.event())
    seen += 1
  }
  client.leave()
  await hit.closedByPeer
  return seen
}

test('every endpoint that streams', async t => {
  const on = await playStreaming(t)
  for (const kind of STREAM_KINDS) {
    await t.test(
      `M-085 ${kind.name}: the events do not depend on how the provider spells and splits them`,
      () => spellingsGiveTheSame(on, kind),
    )
    await t.test(`${kind.name}: an event is at the client before the provider sends the next`, async () => {
      for (const count of [1, 2, 3]) assert.ok((await arrivedBefore(on, kind, count)) >= count)
    })
    await t.test(`M-133 ${kind.name}: a compressed answer arrives plain, streamed or not`, () =>
      compressedArrivesPlain(on, kind),
    )
    await t.test(`${kind.name}: nothing that follows the end reaches the client`, async () => {
      const expected = comparable((await streamWhole(on, kind)).events)
      for (const where of ['body', 'connection'] as const) {
        on.stages.lead.script([{ kind: 'trailing-garbage', where }])
        const { events, bytes } = await streamWhole(on, kind)
        assert.deepEqual(comparable(events), expected)
        assert.ok(!bytes.includes('late') && !bytes.includes('clapping'))
      }
    })
    await t.test(`${kind.name}: the connection to the provider serves the next stream`, async () => {
      on.stages.lead.clear()
      for (let turn = 1; turn <= 8; turn++) {
        await streamWhole(on, kind)
        await (await on.stages.lead.waitForRequest(turn)).finished
      }
      const used = new Set(on.stages.lead.requests.map(hit => hit.connection))
      // The last chunk may still be on its way when the next client asks, so one spare connection is fair.
      assert.ok(used.size <= 2, `8 streams took ${used.size} connections`)
    })
    await t.test(`${kind.name}: the usage is in the record`, async () => {
      const { headers } = await streamWhole(on, kind)
      const records = await on.records()
      const record = records.find(one => one.callId === headers.get('x-litellm-call-id'))
      assert.equal(record?.end, 'complete')
      assert.equal(record?.stream, true)
      assert.ok((record?.usage?.outputTokens ?? 0) > 0)
    })
  }
  await t.test('speech as bytes arrives byte for byte, piece by piece', () => soundArrives(on))
  await t.test('a chat without [DONE] after its finish_reason is whole', async () => {
    on.stages.lead.script([{ kind: 'no-done' }])
    const [chat] = STREAM_KINDS
    assert.ok(chat)
    const { status, events, headers } = await streamWhole(on, chat)
    assert.equal(status, 200)
    assert.ok(events.some(event => event.data.includes('"finish_reason":"stop"')))
    assert.ok(!events.some(event => event.data.includes('"error"')))
    const record = (await on.records()).find(one => one.callId === headers.get('x-litellm-call-id'))
    assert.equal(record?.end, 'complete')
    assert.ok((record?.usage?.outputTokens ?? 0) > 0)
  })
  await t.test('the ids of one responses stream are sealed alike', () => sealedAlike(on))
  await t.test('model names the group that was asked, or the one that served', () => modelNamed(on))
})

const compressedArrivesPlain = async (on: Streaming, kind: StreamKind): Promise<void> => {
  const expected = comparable((await streamWhole(on, kind)).events)
  for (const coding of ['gzip', 'br', 'zstd', 'deflate'] as const) {
    on.stages.lead.script([{ kind: coding }, { kind: coding }])
    const { status, events, headers } = await streamWhole(on, kind)
    assert.equal(status, 200)
    assert.deepEqual(comparable(events), expected, coding)
    assert.equal(headers.get('content-encoding'), undefined)
    const plain = kind.plain(kind.name)
    const type = kind.name === 'speech' ? /^audio\// : /^application\/json/
    // The harness reads to the end that the headers promise: a wrong length would hang or cut it.
    const reply = await on.ask(plain.path, undefined, {
      ...plain,
      headers: [['authorization', `Bearer ${MASTER_KEY}`], ...plain.headers],
    })
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['content-encoding'], undefined)
    assert.match(reply.headers['content-type'] ?? '', type)
    if (kind.name !== 'speech') assert.ok(Object.keys(reply.json()).length > 1)
  }
}

const soundArrives = async (on: Streaming): Promise<void> => {
  const ask = async (): Promise<{ client: RawClient; bytes: Buffer }> => {
    const client = await on.send({
      path: '/v1/audio/speech',
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: 'speech', input: 'Hello', voice: 'alloy' },
    })
    const head = await client.head()
    assert.equal(head.status, 200)
    return { client, bytes: await client.body() }
  }
  const { bytes } = await ask()
  assert.equal(bytes.length, 8 * 1024)
  on.stages.lead.script([{ kind: 'gzip' }])
  assert.deepEqual((await ask()).bytes, bytes)
  on.stages.lead.clear()
  on.stages.lead.script([{ kind: 'stall', when: 'mid-stream', afterContent: 3 }])
  const client = await on.send({
    path: '/v1/audio/speech',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: { model: 'speech', input: 'Hello', voice: 'alloy' },
  })
  await client.head()
  let got = Buffer.alloc(0)
  while (got.length < 3 * 1024) got = Buffer.concat([got, (await client.piece()) ?? Buffer.alloc(0)])
  assert.deepEqual(got, bytes.subarray(0, 3 * 1024))
  client.leave()
}

const sealedAlike = async (on: Streaming): Promise<void> => {
  const kind = STREAM_KINDS.find(one => one.name === 'responses')
  assert.ok(kind)
  const { events } = await streamWhole(on, kind)
  const ids = events.flatMap(event => {
    const { response } = JSON.parse(event.data) as { response?: JsonObject }
    return response === undefined ? [] : [response.id]
  })
  assert.ok(ids.length >= 3)
  assert.equal(new Set(ids).size, 1)
  const [id] = ids
  assert.match(String(id), /^resp_[A-Za-z0-9_-]{70,}$/)
  // It is the real one in a sealed envelope: its owner can be asked for it.
  const stored = await on.ask(`/v1/responses/${id}`)
  assert.equal(stored.status, 200)
  assert.equal(stored.json().id, id)
}

const modelsOf = (data: string): readonly unknown[] => {
  if (!data.startsWith('{')) return []
  const chunk = JSON.parse(data) as JsonObject & { response?: JsonObject }
  return [chunk.model, chunk.response?.model].filter(model => model !== undefined)
}

const modelNamed = async (on: Streaming): Promise<void> => {
  for (const kind of STREAM_KINDS.filter(one => ['chat', 'completions', 'responses'].includes(one.name))) {
    const asked = (await streamWhole(on, kind)).events.flatMap(event => modelsOf(event.data))
    assert.ok(asked.length >= 3)
    assert.deepEqual([...new Set(asked)], [kind.name])
    on.stages.lead.script([{ kind: 'status', status: 503 }])
    const fell = await streamWhole(on, kind, `safe-${kind.name}`)
    const served = fell.events.flatMap(event => modelsOf(event.data))
    assert.deepEqual([...new Set(served)], [`spare-${kind.name}`])
    assert.equal(fell.headers.get('x-litellm-model-group'), `spare-${kind.name}`)
  }
}

const puppetPlay = async (t: TestContext) => {
  const puppet = await startPuppet(t)
  const on = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'g',
          litellm_params: { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'sk-x' },
        },
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  })
  const open = () =>
    on.send({
      path: '/v1/chat/completions',
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: 'g', stream: true, messages: [{ role: 'user', content: 'x' }] },
    })
  return { puppet, open }
}

const chunkOf = (delta: string, finish = 'null'): string =>
  `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]}`

test('a stream goes to the client in step with the provider, not a byte of an answer before its content', async t => {
  const { puppet, open } = await puppetPlay(t)
  const client = await open()
  const call = await puppet.next()
  call.events()
  await call.write(': warming up\n\n')
  await call.write(`data: ${chunkOf('{"role":"assistant","content":""}')}\n\n`)
  await call.write('event: ping\ndata: {}\n\n')
  // A second call goes all the way and back, so the gateway has seen the bytes above.
  const other = await open()
  const second = await puppet.next()
  second.events()
  second.end(`data: ${chunkOf('{"content":"x"}')}\n\ndata: ${chunkOf('{}', '"stop"')}\n\ndata: [DONE]\n\n`)
  assert.equal((await other.head()).status, 200)
  await other.body()
  assert.equal(client.arrivals.length, 0)
  for (const word of ['The', 'under', 'ständige', '\u{1F3AD}']) {
    const bytes = Buffer.from(`data: ${chunkOf(JSON.stringify({ content: word }))}\n\n`)
    // Cut inside the last character of the word, wherever that is.
    const cut = bytes.lastIndexOf(Buffer.from('"}')) - 1
    await call.write(bytes.subarray(0, cut))
    await call.write(bytes.subarray(cut))
    if (word === 'The') assert.equal((await client.head()).status, 200)
    for (;;) {
      const event = await client.event()
      assert.ok(event)
      if (event.data?.includes(word)) break
    }
  }
  call.end(`data: ${chunkOf('{}', '"stop"')}\n\ndata: [DONE]\n\n`)
  assert.equal((await client.events()).at(-1)?.data, '[DONE]')
})

test('only the model changes in a chunk: numbers, escapes and spaces stay as they were written', async t => {
  const { puppet, open } = await puppetPlay(t)
  const chunks = [
    '{"id":"c","model":"m","seed":12345678901234567890,"t":1.0,"choices":[{"index":0,"delta":{"content":"\\u0041\\ud83c\\udfad é"}}]}',
    '{"id":"c","model":"m","seed":1e400,"t":-0.0,"choices":[{"index":0,"delta":{"content":"\\"model\\":\\"m\\""}}]}',
    ' { "choices" : [ { "index" : 0 , "delta" : { "content" : "x" } } ] , "model" : "m" , "z" : 1.10 } ',
    '{"id":"c","model":"m-2","choices":[{"index":0,"delta":{"content":"y"}}],"model_info":{"model":"m"}}',
    '{"id":"c","choices":[{"index":0,"delta":{"content":"no model"}}]}',
    '{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
  ]
  const client = await open()
  const call = await puppet.next()
  call.events()
  call.end(`${chunks.map(chunk => `data: ${chunk}\n\n`).join('')}data: [DONE]\n\n`)
  const head = await client.head()
  assert.equal(head.status, 200)
  const expected = chunks.map(chunk => chunk.replace(/("model" ?: ?)"m(?:-2)?"/, '$1"g"'))
  // One space after the colon is the format's own; the others belong to the data.
  assert.deepEqual(
    parseSse(await client.body()).map(event => event.data.trim()),
    [...expected.map(chunk => chunk.trim()), '[DONE]'],
  )
})

test("whole events behind the end are not the client's, in the same breath or later", async t => {
  const { puppet, open } = await puppetPlay(t)
  const end = `data: ${chunkOf('{}', '"stop"')}\n\ndata: [DONE]\n\n`
  const late = `data: ${chunkOf('{"content":"late"}')}\n\ndata: [DONE]\n\n`
  for (const inOne of [true, false]) {
    const client = await open()
    const call = await puppet.next()
    call.events()
    await call.write(`data: ${chunkOf('{"content":"x"}')}\n\n`)
    await client.head()
    await client.event()
    if (inOne) await call.write(end + late)
    else {
      await call.write(end)
      await call.write(late)
    }
    const rest = await client.events()
    assert.deepEqual(
      rest.map(event => event.data),
      [chunkOf('{}', '"stop"').replace('"m"', '"g"'), '[DONE]'],
    )
    call.end()
  }
})

test('an answer of several choices is whole only when each of them has finished', async t => {
  const { puppet, open } = await puppetPlay(t)
  const of = (index: number, delta: string, finish = 'null') =>
    `data: {"id":"c","model":"m","choices":[{"index":${index},"delta":${delta},"finish_reason":${finish}}]}\n\n`
  const begun = of(0, '{"content":"a"}') + of(1, '{"content":"b"}') + of(0, '{}', '"stop"')
  const cut = await open()
  const first = await puppet.next()
  first.events()
  first.end(begun + of(1, '{"content":"c"}'))
  await cut.head()
  assert.match((await cut.body()).toString(), /data: \{"error"[^\n]*\n\n$/)
  const whole = await open()
  const second = await puppet.next()
  second.events()
  second.end(begun + of(1, '{}', '"stop"'))
  await whole.head()
  assert.doesNotMatch((await whole.body()).toString(), /"error"/)
})

/** 50 MB in events of 64 KB. */
const FLOOD_WORDS = 800
const WORD_BYTES = 64 * 1024
/** What the kernel's buffers on both sides of the gateway and one pool of streams may hold. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024
const SILENCE_SECONDS = 3

test('a client that does not read holds the provider back, and gets every byte once it reads', async t => {
  const on = await play(t, {
    stages: {
      flood: { says: Array.from({ length: FLOOD_WORDS }, () => 'x'.repeat(WORD_BYTES - 1)).join(' ') },
      calm: {},
    },
    config: ({ flood, calm }) => ({
      model_list: [
        deployment('flood', flood, 'gpt-4.1', { stream_timeout: SILENCE_SECONDS }),
        deployment('calm', calm, 'gpt-4.1'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const messages = [{ role: 'user', content: 'Hello' }]
  for (const fault of [{ kind: 'ok' }, { kind: 'gzip' }] as const) {
    await t.test(fault.kind === 'ok' ? 'plain' : 'compressed', async () => {
      on.stages.flood.clear()
      on.stages.flood.script([fault])
      const client = await openRaw(on.url, 20_000)
      client.pause()
      await client.request({
        path: '/v1/chat/completions',
        headers: [['authorization', `Bearer ${on.key}`]],
        body: { model: 'flood', stream: true, messages },
      })
      const hit = await on.stages.flood.waitForRequest(1)
      // Other calls go through meanwhile; when ten of them saw no byte more, the provider stands still.
      let sent = -1
      for (let still = 0; still < 10; ) {
        const reply = await on.ask('/v1/chat/completions', { model: 'calm', messages })
        assert.equal(reply.status, 200)
        still = hit.answered.bytes === sent ? still + 1 : 0
        sent = hit.answered.bytes
      }
      if (fault.kind === 'ok') assert.ok(sent > 0 && sent < IN_FLIGHT_BYTES, `${sent} bytes were taken`)
      // A client that does not read is not a provider that stalls: longer than stream_timeout is not too long.
      on.stages.calm.script([{ kind: 'stall', when: 'before-headers' }])
      const late = await on.ask('/v1/chat/completions', {
        model: 'calm',
        messages,
        timeout: SILENCE_SECONDS * 1.5,
      })
      assert.equal(late.status, 408)
      client.resume()
      await client.head()
      let words = 0
      let bytes = 0
      for (;;) {
        const event = await client.event()
        assert.ok(event?.data)
        if (event.data === '[DONE]') break
        const [choice] = (JSON.parse(event.data) as { choices: { delta: { content?: string } }[] }).choices
        if (choice?.delta.content) {
          words += 1
          bytes += choice.delta.content.length
        }
      }
      client.leave()
      assert.equal(words, FLOOD_WORDS)
      assert.equal(bytes, FLOOD_WORDS * WORD_BYTES - 1)
    })
  }
})

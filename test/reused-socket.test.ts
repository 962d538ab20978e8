import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { MASTER_KEY, play, type Start } from './support/harness.ts'
import { inside, until } from './support/inside.ts'
import { openFor } from './support/sockets.ts'
import { steady } from './support/steady.ts'

/** A kept connection that its server closes just as the next request is written: nobody's failure, once. */

/** One request as the server sees it: which connection, and the how-manieth on it (0 = the first). */
type Asked = {
  readonly connection: number
  readonly turn: number
  readonly body: string
  readonly socket: Socket
}

const WHOLE = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Here.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})
const answer = (socket: Socket): void =>
  void socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${WHOLE.length}\r\n\r\n${WHOLE}`,
  )

/** A server of bytes: it reads whole requests and does with the connection what the test says. */
const startServer = async (t: TestContext, serve: (asked: Asked) => void) => {
  const seen: Asked[] = []
  const sockets: Socket[] = []
  const server = createServer(socket => {
    const connection = sockets.push(socket) - 1
    let turn = 0
    let bytes: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const head = bytes.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(bytes.subarray(0, head).toString())?.[1] ?? 0)
      if (head < 0 || bytes.length < head + 4 + length) return
      const asked = { connection, turn, body: bytes.subarray(head + 4, head + 4 + length).toString(), socket }
      turn += 1
      bytes = bytes.subarray(head + 4 + length)
      seen.push(asked)
      serve(asked)
    })
  })
  const baseUrl = await openFor(t, server, sockets)
  return { baseUrl, seen, sockets }
}

const playAgainst = async (t: TestContext, serve: (asked: Asked) => void, start?: Start) => {
  const server = await startServer(t, serve)
  const gateway = inside()
  const on = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'g',
          litellm_params: { model: 'openai/m', api_base: server.baseUrl, api_key: 'sk-x' },
        },
      ],
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 60 },
    },
    start: start ?? gateway.start,
  })
  const chat = (content = 'x') =>
    on.ask('/v1/chat/completions', { model: 'g', messages: [{ role: 'user', content }] })
  return { ...on, ...gateway, ...server, chat }
}

const endings = {
  FIN: (socket: Socket) => void socket.end(),
  RST: (socket: Socket) => socket.resetAndDestroy(),
}

/** Each connection serves one request and dies at the next. */
const once1 = (end: (socket: Socket) => void) => (asked: Asked) =>
  asked.turn === 0 ? answer(asked.socket) : end(asked.socket)

for (const [how, end] of Object.entries(endings))
  test(`a kept connection that ends by ${how} with the next request on it: sent again at once, and no failure`, async t => {
    const on = await playAgainst(t, once1(end))
    assert.equal((await on.chat()).status, 200)
    const reply = await on.chat('again')
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['x-litellm-attempted-retries'], '0')
    assert.deepEqual(
      on.seen.map(({ connection, turn }) => [connection, turn]),
      [
        [0, 0],
        [0, 1],
        [1, 0],
      ],
    )
    assert.equal(on.seen[1]?.body, on.seen[2]?.body)
    const [, record] = await on.recorded(2)
    assert.deepEqual(
      record?.steps.map(step => step.outcome),
      ['answered'],
    )
    const { board } = on.served().house
    assert.deepEqual(
      board.snapshot().map(one => [one.inFlight, one.cooling]),
      [[0, undefined]],
    )
  })

test('a body of several segments is sent again whole', async t => {
  const on = await playAgainst(t, once1(endings.FIN))
  assert.equal((await on.chat()).status, 200)
  const long = 'y'.repeat(300_000)
  assert.equal((await on.chat(long)).status, 200)
  const last = JSON.parse(on.seen.at(-1)?.body ?? '') as { model: string; messages: { content: string }[] }
  assert.equal(last.model, 'm')
  assert.equal(last.messages[0]?.content, long)
})

test('only once: when the fresh connection dies too, that is a failure', async t => {
  const on = await playAgainst(t, ({ connection, turn, socket }) =>
    connection === 0 && turn === 0 ? answer(socket) : endings.FIN(socket),
  )
  assert.equal((await on.chat()).status, 200)
  assert.equal((await on.chat()).status, 500)
  assert.equal(on.seen.length, 3)
})

test('a fresh connection that dies is a failure like any other', async t => {
  const on = await playAgainst(t, ({ socket }) => endings.RST(socket))
  assert.equal((await on.chat()).status, 500)
  assert.equal(on.seen.length, 1)
})

test('an answer that had begun is never asked for again', async t => {
  for (const begun of ['HTT', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\n']) {
    const on = await playAgainst(t, ({ turn, socket }) =>
      turn === 0 ? answer(socket) : void socket.end(begun),
    )
    assert.equal((await on.chat()).status, 200)
    assert.equal((await on.chat()).status, 500, begun)
    assert.equal(on.seen.length, 2, begun)
    await on.close()
  }
})

test('a request that was at work for long is not sent a second time behind the back of the loop', async t => {
  const house = steady()
  const on = await playAgainst(
    t,
    ({ turn, socket }) => {
      if (turn === 0) return answer(socket)
      house.pass(2_001)
      socket.resetAndDestroy()
    },
    house.start,
  )
  assert.equal((await on.chat()).status, 200)
  assert.equal((await on.chat()).status, 500)
  assert.equal(on.seen.length, 2)
})

test('for a client that has left nothing is sent again', async t => {
  let dying: Socket | undefined
  const on = await playAgainst(t, ({ turn, socket }) => {
    if (turn === 0) answer(socket)
    else dying = socket
  })
  assert.equal((await on.chat()).status, 200)
  const client = await on.send({
    path: '/v1/chat/completions',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: { model: 'g', messages: [] },
  })
  await until('the request is at the server', () => dying !== undefined)
  client.leave()
  dying?.resetAndDestroy()
  await on.recorded(2)
  assert.equal(on.seen.length, 2)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Draft } from '../providers/provider.ts'
import { systemClock } from '../shared/clock.ts'
import { Departure } from '../signal.ts'
import type { Answer } from './transport.ts'
import { undiciTransport } from './undici-transport.ts'

const READY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const read = (answer: Answer): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    answer.read({
      data: chunk => {
        text += Buffer.from(chunk).toString()
      },
      end: () => resolve(text),
      error: reject,
    })
  })

test('a kept connection whose end was not heard yet costs a request nothing', async t => {
  for (const [how, end] of [
    ['RST', (socket: Socket) => socket.resetAndDestroy()],
    ['FIN', (socket: Socket) => void socket.end()],
  ] as const) {
    const sockets: Socket[] = []
    let requests = 0
    const server = createServer(socket => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', () => {
        requests += 1
        socket.write(READY)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const transport = undiciTransport({ clock: systemClock() })
    t.after(async () => {
      await transport.close()
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const draft: Draft = {
      method: 'POST',
      origin: `http://127.0.0.1:${port}`,
      path: '/',
      headers: [],
      body: [Buffer.from('{}')],
      edits: [],
      warnings: [],
    }
    const send = () =>
      transport.send(draft, [], { connectMs: 1000, headersMs: 1000 }, new Departure()).then(read)
    assert.equal(await send(), 'ok')
    assert.equal(await send(), 'ok')
    // Let the pool take the connection back.
    for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
    const before = sockets.length
    // One thread: the request waits for a connection that is gone, and the kernel has not told of it yet.
    for (const socket of sockets) end(socket)
    assert.equal(await send(), 'ok', how)
    assert.equal(requests, 3, 'the kept connections saw nothing of it')
    assert.equal(sockets.length, before + 1)
  }
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { temporaryDirectory } from '../../test/support/harness.ts'
import { type Doors, openDoors } from './doors.ts'

const HOST = '127.0.0.1'
const CLIENTS = 64
const onLinux = { skip: process.platform === 'linux' ? false : 'one socket listens here' }

const open = async (t: TestContext, server: Server): Promise<Doors> => {
  const doors = await openDoors(server, { port: 0, host: HOST, shared: false })
  t.after(async () => {
    server.closeAllConnections()
    await doors.close()
  })
  return doors
}

/** Another process, in which nothing is slow: `sign` is there when all of its clients stand at the door; it says what they got. */
const crowd = (port: number, sign: string) => {
  const script = `
    const net = require('node:net')
    let connected = 0, answered = 0, ended = 0
    for (let n = 0; n < ${CLIENTS}; n++) {
      const socket = net.connect(${port}, '${HOST}', () => {
        socket.write('GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n')
        if (++connected === ${CLIENTS}) require('node:fs').writeFileSync('${sign}', '')
      })
      socket.on('data', bytes => { if (String(bytes).startsWith('HTTP/1.1 200')) answered++ })
      socket.on('error', () => {})
      socket.on('close', () => { if (++ended === ${CLIENTS}) console.log('answered ' + answered) })
    }`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', bytes => {
    said += bytes
  })
  return { child, said: () => said }
}

/** The loop is busy until then, or for so long. */
const spin = (until: () => boolean, ms: number): void => {
  const late = performance.now() + ms
  while (performance.now() < late && !until());
}

const signIn = async (t: TestContext): Promise<string> => join(await temporaryDirectory(t), 'sign')

test('a busy process lets many in at each turn of its loop, not one', onLinux, async t => {
  const server = createServer((_, response) => response.end())
  const { port } = await open(t, server)
  let inTurn = 0
  let came = 0
  const turns: number[] = []
  server.on('connection', () => {
    inTurn += 1
    came += 1
  })
  const { child } = crowd(port, await signIn(t))
  const late = performance.now() + 30_000
  while (came < CLIENTS && performance.now() < late) {
    spin(() => false, 20)
    await turn()
    if (inTurn > 0) turns.push(inTurn)
    inTurn = 0
  }
  child.kill()
  assert.equal(came, CLIENTS)
  assert.ok(turns.length <= CLIENTS / 2, `${turns.length} turns: ${turns.join(' ')}`)
})

test('whoever knocked before the doors close is served', onLinux, async t => {
  const server = createServer((_, response) => response.end('here'))
  const doors = await open(t, server)
  const sign = await signIn(t)
  const { child, said } = crowd(doors.port, sign)
  const ended = once(child, 'close')
  // The kernel connects them while the process takes up nobody.
  spin(() => existsSync(sign), 30_000)
  await doors.quiet()
  const closing = doors.close()
  server.closeIdleConnections()
  await Promise.all([ended, closing])
  assert.match(said(), new RegExp(`answered ${CLIENTS}$`, 'm'))
})

test('a port that is taken is told, although its owner would share it with its own', async t => {
  const { port } = await open(t, createServer())
  await assert.rejects(openDoors(createServer(), { port, host: HOST, shared: false }), { code: 'EADDRINUSE' })
  const freed = createServer()
  const second = await openDoors(freed, { port: 0, host: HOST, shared: false })
  assert.notEqual(second.port, port)
  await second.close()
  const again = await openDoors(createServer(), { port: second.port, host: HOST, shared: false })
  assert.equal(again.port, second.port)
  await again.close()
})

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { RedisSettings } from '../../src/config/config.ts'
import { type Owner, temporaryDirectory } from './harness.ts'
import { freePort } from './process.ts'

const command = ['redis-server', 'valkey-server'].find(
  name => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
)

/** For tests that need a server: why they are skipped without one. */
export const needsRedis = {
  skip: command === undefined ? 'no redis-server or valkey-server is installed' : false,
}

export type RedisServer = {
  readonly port: number
  /** As `kill -9`. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with nothing in it. */
  readonly restart: () => Promise<void>
  /** Stops and continues the process: it is connected and says nothing. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** One command, as redis-cli would send it; answers what the server wrote. */
  readonly ask: (...words: readonly string[]) => Promise<string>
}

const PATIENCE_MS = 20_000

/** A server of its own on a free port, in memory only. Killed when the test ends. */
export const startRedis = async (
  t: Owner,
  args: readonly string[] = [],
  password?: string,
): Promise<RedisServer> => {
  const port = await freePort()
  const folder = await temporaryDirectory(t)
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const all = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...args]
    child = spawn(command ?? '', all, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout?.setEncoding('utf8')
    const late = setTimeout(() => child?.kill('SIGKILL'), PATIENCE_MS)
    for await (const piece of child.stdout ?? []) {
      said += piece
      if (said.includes('eady to accept connections')) break
    }
    clearTimeout(late)
    if (!said.includes('eady to accept connections')) throw new Error(`no server:\n${said}`)
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  await start()

  const ask = async (...words: readonly string[]): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    const sent = (list: readonly string[]) =>
      `*${list.length}\r\n${list.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
    if (password !== undefined) socket.write(sent(['AUTH', password]))
    socket.write(sent(words))
    socket.end()
    let answer = ''
    for await (const piece of socket.setEncoding('utf8')) answer += piece
    return password === undefined ? answer : answer.replace(/^\+OK\r\n/, '')
  }
  return {
    port,
    kill,
    restart: start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    ask,
  }
}

export type Proxy = {
  readonly port: number
  /** Resets every connection and refuses new ones. */
  readonly cut: () => void
  /** Connections are accepted and stay open, and nothing passes in either direction. */
  readonly swallow: () => void
  /** Everything passes again; connections from before are reset. */
  readonly mend: () => void
  readonly connections: () => number
}

/** A way to a server that can be cut, or be there and pass nothing. */
export const startProxy = async (t: Owner, target: number): Promise<Proxy> => {
  let mode: 'open' | 'cut' | 'swallow' = 'open'
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    sockets.add(client)
    client.on('error', () => {}).on('close', () => sockets.delete(client))
    if (mode === 'cut') return client.resetAndDestroy()
    const upstream = connect(target, '127.0.0.1')
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', bytes => {
        if (mode === 'open') to.write(bytes)
      })
    }
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    pass(client, upstream)
    pass(upstream, client)
  })
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    reset()
    await closed
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: () => {
      mode = 'cut'
      reset()
    },
    swallow: () => {
      mode = 'swallow'
    },
    mend: () => {
      mode = 'open'
      reset()
    },
    connections: () => sockets.size,
  }
}

export const redisSettings = (port: number, more: Partial<RedisSettings> = {}): RedisSettings => ({
  host: '127.0.0.1',
  port,
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
  namespace: 'understudy',
  ...more,
})

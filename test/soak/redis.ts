import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../../src/wire/json.ts'
import { type Owner, temporaryDirectory } from '../support/harness.ts'
import { freePort } from '../support/process.ts'

const START_MS = 10_000
const LOOK_MS = 20

export type Redis = {
  /** What a gateway that uses it has in router_settings. */
  readonly settings: JsonObject
  /** Kills it at a third of the load and starts it again at two thirds. */
  readonly trouble: (load: {
    readonly minutes: number
    readonly say: (text: string) => void
  }) => Promise<void>
}

const isInstalled = (): boolean => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** False, and a line that says why, where there is nothing to share over. */
export const mayUseRedis = (say: (text: string) => void): boolean => {
  const installed = isInstalled()
  if (!installed) say('--redis is passed over: there is no redis-server on the PATH')
  return installed
}

const listens = async (port: number): Promise<void> => {
  const until = performance.now() + START_MS
  while (performance.now() < until) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (open) return
    await sleep(LOOK_MS)
  }
  throw new Error(`redis-server does not listen on port ${port}`)
}

/** Starts one on loopback that keeps nothing on disk. */
export const startRedis = async (t: Owner): Promise<Redis> => {
  const port = await freePort()
  const cwd = await temporaryDirectory(t)
  const start = async (): Promise<ChildProcess> => {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const child = spawn('redis-server', args, { cwd, stdio: 'ignore' })
    await listens(port)
    return child
  }
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  let running = await start()
  t.after(() => end(running))
  return {
    settings: { redis_host: '127.0.0.1', redis_port: port },
    trouble: async ({ minutes, say }) => {
      await sleep(minutes * 20_000)
      say('kill -9 of the redis-server')
      await end(running)
      await sleep(minutes * 20_000)
      running = await start()
      say('the redis-server is back')
    },
  }
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MASTER_KEY, type Owner, temporaryDirectory } from './harness.ts'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
export const LAUNCHER = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url))

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** A command of the gateway as its own process. */
export type Spawned = {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** The first match in what standard error says, now or later; rejects after 20 s, or when the process ends first. */
  readonly said: (pattern: RegExp) => Promise<RegExpExecArray>
  /** The same for standard output. */
  readonly logged: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly kill: (signal: NodeJS.Signals) => void
  readonly stdin: (text: string) => void
  /** From here on nobody reads what the process says. */
  readonly deafen: () => void
  readonly ended: Promise<Ended>
}

export type SpawnOptions = {
  readonly args: readonly string[]
  /** Beside PATH nothing is inherited; Node's cache of compiled code is set. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Default: the Node that runs the tests, on src/main.ts. */
  readonly command?: readonly [node: string, script: string]
  readonly uid?: number
}

const PATIENCE_MS = 20_000
/** Most of a start is reading the sources: what one test has compiled the next one need not. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/understudy-test', import.meta.url))

/** Text that grows, and those who wait for something in it. */
class Heard {
  text = ''
  #over = false
  readonly #waiting = new Set<() => void>()

  hear(piece: string): void {
    this.text += piece
    for (const look of [...this.#waiting]) look()
  }

  end(): void {
    this.#over = true
    for (const look of [...this.#waiting]) look()
  }

  match(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
    const finish = (): void => {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
    const look = (): void => {
      const found = pattern.exec(this.text)
      if (found === null && !this.#over) return
      finish()
      if (found !== null) resolve(found)
      else reject(new Error(`the process ended without ${pattern}; it said:\n${this.text}`))
    }
    const timer = setTimeout(() => {
      finish()
      reject(new Error(`not within ${PATIENCE_MS} ms: ${pattern}; so far:\n${this.text}`))
    }, PATIENCE_MS)
    this.#waiting.add(look)
    look()
    return promise
  }
}

const startProcess = (options: SpawnOptions): ChildProcessWithoutNullStreams => {
  const [node, script] = options.command ?? [process.execPath, MAIN]
  return spawn(node, [script, ...options.args], {
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: CACHE, ...options.env },
    stdio: 'pipe',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
}

/** Starts a command; the process is killed when the test ends, if it is still there. */
export const understudy = (t: Owner, options: SpawnOptions): Spawned => {
  const child = startProcess(options)
  const out = new Heard()
  const error = new Heard()
  child.stdout.setEncoding('utf8').on('data', piece => out.hear(piece))
  child.stderr.setEncoding('utf8').on('data', piece => error.hear(piece))
  child.stdin.on('error', () => {})
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      out.end()
      error.end()
      resolve({ code, signal })
    })
  })
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    // A process of its own that outlives it may still hold the other ends.
    child.stdout.destroy()
    child.stderr.destroy()
    await ended
  })
  return {
    pid: child.pid ?? 0,
    stdout: () => out.text,
    stderr: () => error.text,
    said: pattern => error.match(pattern),
    logged: pattern => out.match(pattern),
    kill: signal => void child.kill(signal),
    deafen: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    stdin: text => void child.stdin.end(text),
    ended,
  }
}

/** Runs a command to its end; one that has none is killed after a minute, and its code is null then. */
export const ran = async (t: Owner, options: SpawnOptions) => {
  const spawned = understudy(t, options)
  const timer = setTimeout(() => spawned.kill('SIGKILL'), 3 * PATIENCE_MS)
  const { code } = await spawned.ended
  clearTimeout(timer)
  return { code, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

/** A port that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  server.close()
  await once(server, 'close')
  return port
}

export type Served = Spawned & {
  readonly url: string
  readonly folder: string
  readonly configPath: string
  readonly dataDir: string
}

export type ServeOptions = Partial<SpawnOptions> & {
  /** Written as JSON, which is YAML; a text is written as it is. */
  readonly config: object | string
}

/** `understudy serve` on a free port with a folder of its own and the harness's master key. Resolves when it listens. */
export const served = async (t: Owner, options: ServeOptions): Promise<Served> => {
  const folder = await temporaryDirectory(t)
  const configPath = join(folder, 'config.yaml')
  const dataDir = join(folder, 'data')
  const { config } = options
  await writeFile(configPath, typeof config === 'string' ? config : JSON.stringify(config, null, 2))
  const spawned = understudy(t, {
    ...options,
    args: [
      'serve',
      ...['--config', configPath, '--data-dir', dataDir, '--host', '127.0.0.1', '--port', '0'],
      ...(options.args ?? []),
    ],
    env: { LITELLM_MASTER_KEY: MASTER_KEY, ...options.env },
    cwd: options.cwd ?? folder,
  })
  const [, url = ''] = await spawned.said(/listens on (http:\S+)/)
  return { ...spawned, url, folder, configPath, dataDir }
}

import cluster, { type Worker } from 'node:cluster'
import { type Served, type ServeOptions, serve } from './serve.ts'

/** A worker that dies sooner than this after its start is not started again at once. */
const RESTART_MS = 1_000

export type Running = {
  /** Resolves with the exit code when everything has ended. */
  readonly ended: Promise<number>
}

export type RunOptions = ServeOptions & {
  readonly workers: number
  /** How long a stream may go on after SIGTERM. */
  readonly graceMs: number
  readonly print: (text: string) => void
}

/** One process: serves until SIGTERM or SIGINT, reloads on SIGHUP, drains, exits 0. A second signal ends at once. */
const runOne = async (options: RunOptions): Promise<Running> => {
  const served: Served = await serve(options)
  const ended = new Promise<number>(resolve => {
    let leaving = false
    const leave = (): void => {
      if (leaving) process.exit(1)
      leaving = true
      served.close(options.graceMs).then(
        () => resolve(0),
        () => resolve(1),
      )
    }
    process.on('SIGTERM', leave)
    process.on('SIGINT', leave)
    process.on('SIGHUP', () => void served.reload())
    process.on('disconnect', leave)
  })
  if (cluster.isPrimary) options.print(`Understudy listens on ${served.url}`)
  else process.send?.({ url: served.url })
  return { ended }
}

/**
 * N processes on one port. The kernel spreads connections over their sockets (SO_REUSEPORT); the parent only
 * watches: it passes signals on, replaces a worker that died, and leaves when the last one has.
 */
const runParent = (options: RunOptions): Running => {
  let leaving = false
  let announced = false
  const pass = (signal: NodeJS.Signals): void => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal)
  }
  const start = (): Worker => {
    const born = Date.now()
    const worker = cluster.fork()
    worker.on('message', (message: { url?: string }) => {
      if (message.url === undefined || announced) return
      announced = true
      options.print(`Understudy listens on ${message.url} with ${options.workers} workers`)
    })
    worker.on('exit', code => {
      if (leaving) return finish()
      // A configuration that no worker accepts ends the parent too, instead of a loop of restarts.
      if (!announced) return end(code === 0 ? 1 : code)
      setTimeout(start, Math.max(0, RESTART_MS - (Date.now() - born)))
    })
    return worker
  }
  let end: (code: number) => void = () => {}
  const finish = (): void => {
    if (Object.keys(cluster.workers ?? {}).length === 0) end(0)
  }
  const ended = new Promise<number>(resolve => {
    end = code => {
      leaving = true
      pass('SIGTERM')
      resolve(code)
    }
  })
  const leave = (signal: NodeJS.Signals): void => {
    leaving = true
    pass(signal)
  }
  process.on('SIGTERM', () => leave('SIGTERM'))
  process.on('SIGINT', () => leave('SIGTERM'))
  process.on('SIGHUP', () => pass('SIGHUP'))
  for (let n = 0; n < options.workers; n++) start()
  return { ended }
}

/** The load report is one worker's to print. */
const quiet = (options: RunOptions): RunOptions =>
  cluster.worker === undefined || cluster.worker.id === 1 ? options : { ...options, onReport: () => {} }

export const run = async (options: RunOptions): Promise<Running> =>
  options.workers > 1 && cluster.isPrimary
    ? runParent(options)
    : runOne({ ...quiet(options), reusePort: options.workers > 1 })

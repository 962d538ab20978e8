import { type ChildProcess, fork } from 'node:child_process'
import { type Channel, createRelay, type Relay } from '../shared/channel-way.ts'
import { systemClock } from '../shared/clock.ts'
import { reservePort } from './doors.ts'
import { type Prepared, prepare } from './prepare.ts'
import { type Served, type ServeOptions, serve, usualMemory } from './serve.ts'
import { type State, stateLine, stateReader } from './state.ts'

/** Set for the processes that `--workers` starts; together with an open channel to the parent it makes a worker. */
const WORKER_VARIABLE = 'UNDERSTUDY_WORKER'
/** A worker that dies is replaced after this long; doubled for each death in a row, up to the longest. */
const RESTART_MS = 1_000
const LONGEST_RESTART_MS = 30_000
/** A worker that lived this long was well; its death starts the count anew. */
const WELL_MS = 60_000
/** Ctrl-C in a terminal reaches a process twice when npm or the launcher passes it on as well. */
const ECHO_MS = 1_000

export type Running = {
  /** Resolves with the exit code when everything has ended. */
  readonly ended: Promise<number>
}

export type Listening = { readonly url: string; readonly workers: number; readonly prepared: Prepared }

export type RunOptions = Omit<ServeOptions, 'onPrepared' | 'sharesPort'> & {
  readonly workers: number
  /** How long a stream may go on after SIGTERM. */
  readonly graceMs: number
  /** Hears what was loaded before anything listens, in the first process only. */
  readonly onPrepared: (prepared: Prepared) => void
  /** Hears that the gateway listens, in the first process only. */
  readonly onListening: (listening: Listening) => void
  /** Something the operator should see: a drain, a worker that died, the state that was asked for. */
  readonly onNews: (text: string) => void
}

/** What a parent says to a worker, by message and not by signal: one that is still starting would end by it. */
type ParentWord = { readonly ask?: 'state' | 'reload' }

export const isWorker = (): boolean =>
  process.env[WORKER_VARIABLE] !== undefined && process.send !== undefined

/** Runs `once` at the first SIGTERM or SIGINT and `again` at the next one. */
const onLeave = (once: () => void, again: () => void): void => {
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined
  const leave = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (first === undefined) {
      first = { signal, at: now }
      once()
    } else if (signal !== 'SIGINT' || first.signal !== 'SIGINT' || now - first.at > ECHO_MS) again()
  }
  process.on('SIGTERM', leave)
  process.on('SIGINT', leave)
}

const drainText = (inside: number, graceMs: number): string =>
  inside === 0
    ? 'Stopping.'
    : `Stopping: ${inside} ${inside === 1 ? 'call' : 'calls'} may finish within ${graceMs / 1000} s.`

/**
 * A process ends by a SIGHUP that it does not listen for, so it listens from the start. One that does not serve yet has the
 * file still to read, or watches it already.
 */
const onReload = (served: () => { readonly reload: () => unknown } | undefined): void => {
  process.on('SIGHUP', () => void served()?.reload())
}

/** One process: serves until SIGTERM or SIGINT, reloads on SIGHUP, drains, ends with 0. A second signal ends at once. */
const runOne = async (options: RunOptions): Promise<Running> => {
  let prepared: Prepared | undefined
  let served: Served | undefined
  onReload(() => served)
  served = await serve({
    ...options,
    onPrepared: loaded => {
      prepared = loaded
      options.onPrepared(loaded)
    },
  })
  const { traffic, house, url, close } = served
  const ended = new Promise<number>(resolve => {
    const leave = (): void => {
      options.onNews(drainText(traffic.inside, options.graceMs))
      close(options.graceMs).then(
        () => resolve(0),
        () => resolve(1),
      )
    }
    onLeave(leave, () => process.exit(1))
  })
  const state = stateReader(house, traffic)
  process.on('SIGUSR2', () => options.onNews(stateLine(state())))
  if (prepared !== undefined) options.onListening({ url, workers: 1, prepared })
  return { ended }
}

/** A worker's end of the channel to its parent. Without one, or when it breaks, nothing is told. */
const parentChannel = (): Channel => ({
  send: (message, sent) => {
    if (process.send === undefined || !process.connected) sent(new Error('The parent is gone.'))
    else process.send(message, undefined, undefined, sent)
  },
  onMessage: hear => void process.on('message', hear),
})

/** The parent's end. */
const workerChannel = (worker: ChildProcess): Channel => ({
  send: (message, sent) => {
    if (worker.connected) worker.send(message, sent)
    else sent(new Error('The worker is gone.'))
  },
  onMessage: hear => void worker.on('message', hear),
})

/** A process of several: its parent speaks for it and passes the signals on. */
const runWorker = async (options: RunOptions): Promise<Running> => {
  // One allowance, shared out: every worker holds its own bodies.
  const memoryBytes = Math.floor((options.memoryBytes ?? usualMemory()) / options.workers)
  let served: Served | undefined
  let state: (() => State) | undefined
  onReload(() => served)
  process.on('message', ({ ask }: ParentWord) => {
    if (ask === 'reload') void served?.reload()
    if (ask === 'state' && state !== undefined) options.onNews(stateLine(state()))
  })
  served = await serve({
    ...options,
    memoryBytes,
    onPrepared: () => {},
    sharesPort: true,
    siblings: parentChannel(),
  })
  const { traffic, house, url, close } = served
  const ended = new Promise<number>(resolve => {
    let leaving = false
    const leave = (): void => {
      if (leaving) return process.exit(1)
      leaving = true
      close(options.graceMs).then(
        () => resolve(0),
        () => resolve(1),
      )
    }
    process.on('SIGTERM', leave)
    // A parent that was killed passes nothing on any more: without it a worker finishes what it has and ends.
    process.on('disconnect', () => leaving || leave())
  })
  // A terminal's Ctrl-C goes to every process; the parent makes a SIGTERM of it.
  process.on('SIGINT', () => {})
  state = stateReader(house, traffic)
  process.send?.({ url }, undefined, undefined, () => {})
  return { ended }
}

const startWorker = (port: number): ChildProcess => {
  const [script = '', ...args] = process.argv.slice(1)
  return fork(script, [...args, '--port', String(port)], {
    env: { ...process.env, [WORKER_VARIABLE]: '1' },
  })
}

const howEnded = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exit code ${code}` : signal

type Crew = {
  readonly port: number
  readonly prepared: Prepared
  readonly options: RunOptions
  readonly members: Set<ChildProcess>
  /** What one worker has learned about providers the others hear. */
  readonly relay: Relay
}

/** Keeps `workers` processes alive until told to leave; resolves with the exit code when the last one has ended. */
class Parent {
  readonly ended: Promise<number>
  readonly #crew: Crew
  readonly #end: (code: number) => void
  #leaving = false
  #code = 0
  #up = 0
  #deaths = 0

  constructor(crew: Crew) {
    this.#crew = crew
    const { promise, resolve } = Promise.withResolvers<number>()
    this.ended = promise
    this.#end = resolve
    for (let n = 0; n < crew.options.workers; n++) this.#start()
  }

  ask(ask: NonNullable<ParentWord['ask']>): void {
    const word: ParentWord = { ask }
    for (const worker of this.#crew.members) if (worker.connected) worker.send(word, () => {})
  }

  reload(): void {
    this.ask('reload')
  }

  leave(code: number): void {
    this.#leaving = true
    this.#code = Math.max(this.#code, code)
    for (const worker of this.#crew.members) worker.kill('SIGTERM')
    if (this.#crew.members.size === 0) this.#end(this.#code)
  }

  #start(): void {
    if (this.#leaving) return
    const { port, members, options, prepared, relay } = this.#crew
    const born = performance.now()
    const worker = startWorker(port)
    members.add(worker)
    const leave = relay.join(workerChannel(worker))
    worker.on('message', (message: { url?: string }) => {
      if (message.url === undefined) return
      this.#up += 1
      if (this.#up === options.workers)
        options.onListening({ url: message.url, workers: options.workers, prepared })
    })
    worker.on('exit', (code, signal) => {
      members.delete(worker)
      leave()
      this.#gone(performance.now() - born, howEnded(code, signal))
    })
  }

  #gone(livedMs: number, how: string): void {
    if (this.#leaving) {
      if (this.#crew.members.size === 0) this.#end(this.#code)
      return
    }
    const { options } = this.#crew
    // Before all of them were up it is the start that failed: no loop of restarts.
    if (this.#up < options.workers) {
      options.onNews(`A worker did not start (${how}).`)
      return this.leave(1)
    }
    this.#deaths = livedMs > WELL_MS ? 1 : this.#deaths + 1
    const wait = Math.min(LONGEST_RESTART_MS, RESTART_MS * 2 ** (this.#deaths - 1))
    options.onNews(`A worker ended (${how}); another one starts in ${wait / 1000} s.`)
    setTimeout(() => this.#start(), wait)
  }
}

/**
 * N processes on one port. The kernel spreads connections over their sockets; the parent only watches: it passes
 * signals on, replaces a worker that died, and leaves when the last one has.
 */
const runParent = async (options: RunOptions): Promise<Running> => {
  let parent: Parent | undefined
  onReload(() => parent)
  // The parent reads the file first, so that one process reports, makes the key and refuses.
  const prepared = await prepare(options)
  options.onPrepared(prepared)
  const port = await reservePort(options.port, prepared.host)
  const made = new Parent({
    port,
    prepared,
    options,
    members: new Set(),
    relay: createRelay(systemClock()),
  })
  onLeave(
    () => {
      options.onNews(`Stopping: calls inside may finish within ${options.graceMs / 1000} s.`)
      made.leave(0)
    },
    () => made.leave(1),
  )
  parent = made
  process.on('SIGUSR2', () => made.ask('state'))
  return { ended: made.ended }
}

/** Serves until told to leave, in one process or several. Rejects with ConfigRefused, or with the error of listening. */
export const run = (options: RunOptions): Promise<Running> => {
  if (isWorker()) return runWorker(options)
  return options.workers > 1 ? runParent(options) : runOne(options)
}

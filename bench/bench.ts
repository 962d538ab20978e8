/**
 * The gateway beside a bare proxy, nginx and Portkey's gateway: one run, one upstream, one load generator.
 * usage: npm run bench -- [--quick] [--only gateway,bare] [--cases 1k,stream] [--rounds 7] [--seconds 1] [--write]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CASES, type Case, LATENCY_CONNECTIONS } from './cases.ts'
import { CONTENDERS, type Contender, type Place } from './contenders.ts'
import type { LoadOrder, LoadResult } from './load.ts'
import {
  cpuMicroseconds,
  listening,
  memoryOf,
  type Partner,
  type Started,
  start,
  startPartner,
  stop,
} from './processes.ts'
import { type Measured, median, type Report, type Sample, tables, write } from './report.ts'

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** No single run sends more than this, however fast the server. */
const MAX_REQUESTS = 200_000
const READY_STARTS = 3
const READY_LIMIT_MS = 20_000

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string' },
    cases: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
})

/** Bounded on both sides: a typing error must not keep a machine busy for a day. */
const bounded = (text: string | undefined, usual: number, most: number): number => {
  const value = Number(text ?? usual)
  return value > 0 ? Math.min(value, most) : usual
}
const rounds = bounded(flags.rounds, flags.quick ? 1 : 7, 30)
const seconds = bounded(flags.seconds, flags.quick ? 0.5 : 1, 10)
const chosen = <Thing extends { readonly name: string }>(
  all: readonly Thing[],
  list: string | undefined,
): Thing[] => {
  const names = list?.split(',').map(name => name.trim())
  for (const name of names ?? [])
    if (!all.some(one => one.name === name))
      throw new Error(`unknown name ${name}: ${all.map(one => one.name)}`)
  return all.filter(one => names === undefined || names.includes(one.name))
}
const cases = chosen(CASES, flags.cases)

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })

let peers: Partner<LoadOrder, LoadResult> | undefined

const load = async (order: LoadOrder): Promise<LoadResult> => {
  if (peers === undefined) throw new Error('nobody makes the load yet')
  const result = await peers.ask(order, order.seconds * 1000 + 30_000)
  if (result.failed > 0)
    throw new Error(`${result.failed} of ${result.requests} failed: ${result.firstFailure}`)
  return result
}

type Target = Pick<LoadOrder, 'port' | 'headers' | 'model'>

type Manner = { readonly connections: number; readonly seconds: number; readonly rate?: number | undefined }

const order = (target: Target, one: Case, { connections, seconds, rate }: Manner): LoadOrder => ({
  ...target,
  path: '/v1/chat/completions',
  case: one.name,
  connections,
  seconds,
  maxRequests: MAX_REQUESTS,
  rate,
})

type Running = Measured & { readonly target: Target; readonly started: Started }

/** Milliseconds from spawn to the first 200. */
const untilReady = async (started: Started, target: Target): Promise<number> => {
  await listening(target.port, READY_LIMIT_MS, started)
  const response = await fetch(`http://127.0.0.1:${target.port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...target.headers },
    body: JSON.stringify({ model: target.model, messages: [{ role: 'user', content: 'ready?' }] }),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`first answer: ${response.status} ${text.slice(0, 500)}`)
  return performance.now() - started.startedAt
}

const launch = async (contender: Contender, scratch: string, upstreamPort: number): Promise<Running> => {
  const { version, command } = contender.prepare(scratch)
  const readyMs: number[] = []
  for (let n = 1; ; n++) {
    const folder = join(scratch, `${contender.name}-${n}`)
    mkdirSync(folder, { recursive: true })
    const place: Place = { folder, port: await freePort(), upstreamPort }
    const target = { port: place.port, headers: contender.headers(place), model: contender.model }
    const started = start(command(place), SERVER_CORE, join(folder, 'output.log'))
    try {
      readyMs.push(await untilReady(started, target))
    } catch (error) {
      await stop(started)
      throw error
    }
    if (n < (flags.quick ? 1 : READY_STARTS)) {
      await stop(started)
      continue
    }
    const idle = memoryOf(started.child.pid ?? 0)
    return {
      name: contender.name,
      title: contender.title,
      version,
      readyMs: median(readyMs),
      idle,
      target,
      started,
      samples: new Map(),
    }
  }
}

/** A run, and the CPU time that a request of it took. */
const loaded = async (running: Running, one: Case, manner: Manner): Promise<[LoadResult, number]> => {
  const pid = running.started.child.pid ?? 0
  const before = cpuMicroseconds(pid)
  const result = await load(order(running.target, one, manner))
  return [result, (cpuMicroseconds(pid) - before) / result.requests]
}

/** A server that carries less than this share of the rate was at its limit. */
const CARRIED = 0.97

/** One contender, one case, one round: at its limit, at the rate that all carry, and a light run for latency. */
const measure = async (running: Running, one: Case, direct: LoadResult): Promise<void> => {
  const { connections, rate } = one
  const [full, cpu] = await loaded(running, one, { connections, seconds })
  let paced = Number.NaN
  if (rate !== undefined) {
    const [result, each] = await loaded(running, one, { connections, seconds, rate })
    if (result.requests / result.seconds >= rate * CARRIED) paced = each
  }
  const light = await load(
    order(running.target, one, { connections: LATENCY_CONNECTIONS, seconds: seconds / 2 }),
  )
  const streaming = one.name === 'stream'
  const sample: Sample = {
    cpuMicroseconds: cpu,
    pacedMicroseconds: paced,
    requestsPerSecond: full.requests / full.seconds,
    addedP50: streaming ? light.firstP50 - direct.firstP50 : light.p50 - direct.p50,
    addedP99: streaming ? light.firstP99 - direct.firstP99 : light.p99 - direct.p99,
  }
  const samples = running.samples.get(one.name) ?? []
  running.samples.set(one.name, [...samples, sample])
}

const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/**
 * Runs every case once, unmeasured: a server that runs for days is what is measured. Load and upstream come first, by
 * themselves: the server that met them cold would be left with slower code, 12 to 15 % of its time, and would not recover.
 * Who cannot do a case is left out of it, and the report says so.
 */
const warmUp = async (
  contenders: readonly Running[],
  direct: Target,
  skipped: string[],
): Promise<Map<Case, Running[]>> => {
  const able = new Map<Case, Running[]>()
  for (const one of cases) {
    const fit: Running[] = []
    able.set(one, fit)
    const { connections } = one
    await load(order(direct, one, { connections, seconds: flags.quick ? 0.5 : one.warmUp }))
    for (const running of contenders) {
      try {
        const seconds = flags.quick ? 0.5 : one.warmUp
        await load(order(running.target, one, { connections: one.connections, seconds }))
        fit.push(running)
      } catch (error) {
        skipped.push(`${running.title}, ${one.title}: ${error instanceof Error ? error.message : error}`)
        say(`skipped ${skipped.at(-1)}`)
      }
    }
  }
  return able
}

const compare = async (scratch: string, opened: Started[]): Promise<Report> => {
  peers = await startPartner(join(import.meta.dirname, 'peers.ts'), CLIENT_CORE)
  const upstreamPort = Number(peers.first)

  const contenders: Running[] = []
  const skipped: string[] = []
  for (const contender of chosen(CONTENDERS, flags.only)) {
    try {
      const running = await launch(contender, scratch, upstreamPort)
      contenders.push(running)
      opened.push(running.started)
      say(`${contender.title}: ready in ${Math.round(running.readyMs)} ms`)
    } catch (error) {
      skipped.push(`${contender.title}: ${error instanceof Error ? error.message : error}`)
      say(`skipped ${skipped.at(-1)}`)
    }
  }

  const target = { port: upstreamPort, headers: {}, model: 'gpt-4.1' }
  const able = await warmUp(contenders, target, skipped)
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    for (const one of cases) {
      const direct = await load(
        order(target, one, { connections: LATENCY_CONNECTIONS, seconds: seconds / 2 }),
      )
      for (const running of able.get(one) ?? []) await measure(running, one, direct)
    }
  }
  const measured = contenders.map(running => ({
    ...running,
    loaded: memoryOf(running.started.child.pid ?? 0),
  }))
  return { measured, skipped, cases, rounds, seconds }
}

const main = async (): Promise<void> => {
  const scratch = mkdtempSync(join(tmpdir(), 'understudy-bench-'))
  const opened: Started[] = []
  const leave = (): void => {
    for (const { child } of opened) child.kill('SIGKILL')
  }
  process.once('exit', leave)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  try {
    const report = await compare(scratch, opened)
    process.stdout.write(tables(report))
    const published = report.measured.some(server => server.name === 'gateway') && !flags.quick
    if (flags.write && !published)
      say('nothing written: the file takes whole runs that the gateway took part in')
    if (flags.write && published)
      writeFileSync(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), write(report))
  } finally {
    await Promise.all(opened.map(stop))
    peers?.leave()
    rmSync(scratch, { recursive: true, force: true })
  }
}

await main()

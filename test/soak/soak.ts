import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { MASTER_KEY, type Owner } from '../support/harness.ts'
import type { Served } from '../support/process.ts'
import type { Ending, Run, Sample, Series } from './checks.ts'
import { type Ended, visit } from './client.ts'
import {
  complaintsOf,
  configFor,
  logged,
  PATIENCE_MS,
  type StageProcess,
  serversOf,
  startGateway,
  startStageProcess,
  Watch,
} from './house.ts'
import { KINDS, type Kind, LARGE_KIND } from './kinds.ts'
import { faultsOf, type Turn, turnsOf } from './plan.ts'
import { startRedis } from './redis.ts'

export type SoakOptions = {
  readonly minutes: number
  /** Minutes of the same load before that: memory is judged, and processes are killed, after them. */
  readonly warmUp: number
  /** Requests a second. */
  readonly rate: number
  readonly workers: number
  readonly seed: number
  /** One worker is killed half-way. */
  readonly killWorker: boolean
  /** Instances share their health over a server, which is killed at a third and comes back at two thirds. */
  readonly redis: boolean
  readonly say: (text: string) => void
}

export type Soaked = {
  readonly run: Run
  /** Endings by kind of request. */
  readonly byKind: ReadonlyMap<string, Readonly<Record<Ending, number>>>
  /** Milliseconds of every request that was answered whole, ascending. */
  readonly times: readonly number[]
  /** One of each ending that should not be. */
  readonly oddities: readonly string[]
}

/** Bound of the load itself: beyond it the machine cannot follow, and what is due is not sent. */
const MOST_UNDER_WAY = 1_000
const TICK_MS = 10
const LOOK_EVERY_MS = 1_000
const FORGET_EVERY_MS = 5_000
/** Idle connections to a provider are kept for 20 s; afterwards nothing of the load may be left. */
const SETTLE_MS = 45_000
const MINUTE_MS = 60_000
/** Compiled code, pools and buffers are not what is looked for. */
const WARM_ROUNDS = 20

const NOTHING: Readonly<Record<Ending, number>> = {
  whole: 0,
  told: 0,
  cut: 0,
  left: 0,
  unmarked: 0,
  truncated: 0,
  lost: 0,
  hung: 0,
}

type Target = { readonly url: string; readonly key: string }

/** The content of a whole answer, asked for while nothing goes wrong yet. */
const referenceOf = async (kind: Kind, { url, key }: Target): Promise<string> => {
  const { contentType, body } = kind.ask(`soak-${kind.model}`)
  const answer = await fetch(url + kind.path, {
    method: 'POST',
    // Each on a connection of its own: every worker gets some, and has made what it keeps before it is looked at.
    headers: { authorization: `Bearer ${key}`, 'content-type': contentType, connection: 'close' },
    body: new Uint8Array(body),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const { content, finished, error, flaw } = kind.read(bytes)
  if (answer.status !== 200 || content === '' || !finished || error !== undefined || flaw !== undefined)
    throw new Error(
      `${kind.id} is not answered before the load: ${answer.status} ${bytes.toString().slice(0, 300)}`,
    )
  return content
}

const referencesFrom = async (target: Target): Promise<ReadonlyMap<Kind, string>> => {
  const found = new Map<Kind, string>()
  for (let round = 0; round < WARM_ROUNDS; round++)
    for (const kind of KINDS) found.set(kind, await referenceOf(kind, target))
  return found.set(LARGE_KIND, await referenceOf(LARGE_KIND, target))
}

/** What came of the requests so far. */
class Tally {
  readonly byKind = new Map<string, Record<Ending, number>>()
  readonly times: number[] = []
  readonly answered: string[] = []
  readonly oddities: string[] = []
  unsent = 0

  count(kind: Kind, callId: string, { ending, status, ms, seen }: Ended): void {
    const row = this.byKind.get(kind.id) ?? { ...NOTHING }
    row[ending] += 1
    this.byKind.set(kind.id, row)
    if (ending === 'whole') this.times.push(ms)
    if (status > 0 && ending !== 'left') this.answered.push(callId)
    const odd = ending === 'truncated' || ending === 'lost' || ending === 'hung'
    if (odd && this.oddities.length < 20)
      this.oddities.push(`${ending}: ${callId} ${kind.id} ${status} after ${ms.toFixed(0)} ms: ${seen}`)
  }

  endings(): Record<Ending, number> {
    const sum = { ...NOTHING }
    for (const row of this.byKind.values())
      for (const [ending, count] of Object.entries(row)) sum[ending as Ending] += count
    return sum
  }
}

const requestsOf = ({ minutes, warmUp, rate }: SoakOptions): number =>
  Math.round((warmUp + minutes) * 60 * rate)

type Load = {
  readonly options: SoakOptions
  readonly target: Target
  readonly references: ReadonlyMap<Kind, string>
  readonly tally: Tally
}

/** Sends every turn when it is due, whatever became of the ones before. Resolves when all have ended. */
const drive = async ({ options, target, references, tally }: Load): Promise<void> => {
  const turns = turnsOf(options.seed, requestsOf(options))
  const agent = new Agent({ keepAlive: true })
  const underWay = new Set<Promise<void>>()
  const send = (turn: Turn): void => {
    if (underWay.size >= MOST_UNDER_WAY) {
      tally.unsent += 1
      return
    }
    const kind = turn.slow ? LARGE_KIND : (KINDS[Math.floor(turn.share * KINDS.length)] ?? LARGE_KIND)
    const callId = `soak-${turn.number}`
    const order = {
      ...target,
      agent,
      kind,
      callId,
      expected: references.get(kind) ?? '',
      patienceMs: PATIENCE_MS,
    }
    const done = visit(order, turn).then(ended => {
      tally.count(kind, callId, ended)
      underWay.delete(done)
    })
    underWay.add(done)
  }
  const began = performance.now()
  for (let next = 0; next < turns.length; await sleep(TICK_MS)) {
    const due = Math.min(turns.length, Math.ceil(((performance.now() - began) / 1000) * options.rate))
    for (; next < due; next++) send(turns[next] as Turn)
  }
  await Promise.all(underWay)
  agent.destroy()
}

/** Runs `action` again and again, each `everyMs` after the one before, until `work` has ended. */
const meanwhile = async (
  work: Promise<unknown>,
  everyMs: number,
  action: () => Promise<void>,
): Promise<void> => {
  let over = false
  const end = (): void => {
    over = true
  }
  const ended = work.then(end, end)
  while (!over) {
    await action()
    await Promise.race([ended, sleep(everyMs)])
  }
}

const isQuiet = (samples: readonly Sample[], baseline: number): boolean =>
  samples.length > 0 &&
  samples.every(
    ({ state, files }) =>
      files <= baseline &&
      state.inside + state.inFlight + state.waiting + state.extraAttempts + state.sleeping + state.probes ===
        0,
  )

/** Looks until everything is given back, for so long at most. */
const settle = async (watch: Watch, began: number, baseline: number): Promise<readonly Sample[]> => {
  const seen: Sample[] = []
  const until = performance.now() + SETTLE_MS
  do {
    const now = await watch.look(began)
    seen.push(...now)
    if (isQuiet(now, baseline)) break
    await sleep(LOOK_EVERY_MS)
  } while (performance.now() < until)
  return seen
}

type Seen = {
  readonly before: readonly Sample[]
  readonly during: readonly Sample[]
  readonly after: readonly Sample[]
}

const seriesOf = ({ before, during, after }: Seen): readonly Series[] => {
  const pids = new Set([...before, ...during, ...after].map(({ state }) => state.pid))
  return [...pids].map(pid => {
    const own = (samples: readonly Sample[]): readonly Sample[] =>
      samples.filter(({ state }) => state.pid === pid)
    const whole = own(before).length > 0 && own(after).length > 0
    return { pid, whole, before: own(before), during: own(during), after: own(after) }
  })
}

const lookOften = async (watch: Watch, times: number): Promise<readonly Sample[]> => {
  const seen: Sample[] = []
  for (let n = 0; n < times; n++) {
    seen.push(...(await watch.look(performance.now())))
    await sleep(LOOK_EVERY_MS / 4)
  }
  return seen
}

const killOne = async (gateway: Served, options: SoakOptions): Promise<void> => {
  await sleep((options.minutes * MINUTE_MS) / 2)
  const [pid] = serversOf(gateway, options.workers)
  if (pid === undefined || pid === gateway.pid) return
  options.say(`kill -9 ${pid}`)
  process.kill(pid, 'SIGKILL')
}

const scripted = async (stages: readonly StageProcess[], options: SoakOptions): Promise<void> => {
  // Retries and fallbacks are hits too.
  const hits = requestsOf(options) * 2
  await Promise.all(stages.map((stage, n) => stage.script(faultsOf(options.seed + n + 1, hits))))
}

/** Starts everything, drives it, looks at it, and ends it. */
export const soak = async (t: Owner, options: SoakOptions): Promise<Soaked> => {
  const [lead, second] = await Promise.all([startStageProcess(t), startStageProcess(t)])
  const stages = [lead, second]
  const models = [...new Set(KINDS.map(({ model }) => model))]
  const redis = options.redis ? await startRedis(t) : undefined
  const config = configFor(models, { lead, second, router: redis?.settings ?? {} })
  const gateway = await startGateway(t, config, options.workers)
  const target = { url: gateway.url, key: MASTER_KEY }
  const references = await referencesFrom(target)
  const watch = new Watch(gateway, options.workers)
  const before = await lookOften(watch, 4)
  await scripted(stages, options)
  const tally = new Tally()
  const during: Sample[] = []
  const { minutes, warmUp, rate, seed } = options
  options.say(`${minutes} minutes at ${rate} requests a second, after ${warmUp} to warm up, seed ${seed}`)
  const began = performance.now()
  const load = drive({ options, target, references, tally })
  const watching = meanwhile(load, LOOK_EVERY_MS, async () => void during.push(...(await watch.look(began))))
  const forgetting = meanwhile(load, FORGET_EVERY_MS, async () => {
    await Promise.all(stages.map(stage => stage.forget()))
  })
  const killed = options.killWorker && options.workers > 1
  const trouble = async (): Promise<void> => {
    await sleep(warmUp * MINUTE_MS)
    await Promise.all([killed ? killOne(gateway, options) : undefined, redis?.trouble(options)])
  }
  await Promise.all([load, watching, forgetting, trouble()])
  options.say('the load has ended; waiting for what it left behind')
  const after = await settle(watch, began, Math.max(...before.map(({ files }) => files)))
  gateway.kill('SIGTERM')
  await gateway.ended
  const lines = logged(gateway.dataDir)
  const missing = tally.answered.filter(id => !lines.has(id))
  const double = [...lines].filter(([, count]) => count > 1)
  const run: Run = {
    series: seriesOf({ before, during, after }),
    warmAt: warmUp * MINUTE_MS,
    endings: tally.endings(),
    unsent: tally.unsent,
    log: { missing: missing.length, double: double.length },
    killed,
    complaints: complaintsOf(gateway, { workerKilled: killed, redisKilled: redis !== undefined }),
  }
  const { byKind, oddities } = tally
  return { run, byKind, oddities, times: tally.times.toSorted((a, b) => a - b) }
}

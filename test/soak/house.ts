import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { State } from '../../src/listen/state.ts'
import { KEPT_REQUEST_LOGS, requestLogPath } from '../../src/record/log.ts'
import type { Fault } from '../../src/stage/faults.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import type { Owner } from '../support/harness.ts'
import { type Served, served, understudy } from '../support/process.ts'
import type { Sample } from './checks.ts'

const STAGE_KEY = 'sk-stage'
/** A process that does not answer within this is not sampled this time. */
const ANSWER_MS = 3_000
const LOOK_MS = 10

/** A simulated provider as its own process, with its door for scripts. */
export type StageProcess = {
  readonly baseUrl: string
  readonly script: (faults: readonly Fault[]) => Promise<void>
  /** Every answer is right from here on. */
  readonly calm: () => Promise<void>
  /** Forgets what it has recorded; a rehearsal keeps it, and this is too long for that. */
  readonly forget: () => Promise<void>
}

export const startStageProcess = async (t: Owner): Promise<StageProcess> => {
  const process = understudy(t, { args: ['stage', '--port', '0', '--key', STAGE_KEY] })
  const [, baseUrl = ''] = await process.logged(/listens at (http:\S+)/)
  const ask = async (method: string, path: string, body?: string): Promise<void> => {
    const answer = await fetch(new URL(`/__stage/${path}`, baseUrl), {
      method,
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the stage refuses ${method} ${path}: ${text.slice(0, 200)}`)
  }
  return {
    baseUrl,
    script: faults => ask('POST', 'script', JSON.stringify({ faults })),
    calm: () => ask('DELETE', 'script'),
    forget: () => ask('DELETE', 'requests'),
  }
}

/** Seconds: short, so that stalls and rests happen often in a few minutes. */
const ROUTER = {
  num_retries: 2,
  timeout: 3,
  stream_timeout: 2,
  total_timeout: 12,
  soft_cooldown_time: 0.2,
  max_soft_cooldown_time: 1,
  hard_cooldown_time: 1,
}

/** A client waits for the whole time of a request, one more silence of a stream, and what a busy machine adds. */
export const PATIENCE_MS = (ROUTER.total_timeout + ROUTER.stream_timeout) * 1000 + 10_000

type Around = {
  readonly lead: StageProcess
  readonly second: StageProcess
  /** More router_settings. */
  readonly router: JsonObject
}

/** For each model a group over both providers, one of them with few places, and a spare group behind it. */
export const configFor = (models: readonly string[], { lead, second, router }: Around): JsonObject => {
  const deployment = (group: string, model: string, stage: StageProcess, more: JsonObject): JsonObject => ({
    model_name: group,
    litellm_params: { model: `openai/${model}`, api_base: stage.baseUrl, api_key: STAGE_KEY, ...more },
    model_info: { base_model: model },
  })
  return {
    model_list: models.flatMap(model => [
      deployment(`soak-${model}`, model, lead, {}),
      deployment(`soak-${model}`, model, second, { max_parallel_requests: 4 }),
      deployment(`spare-${model}`, model, second, {}),
    ]),
    router_settings: {
      ...ROUTER,
      ...router,
      fallbacks: models.map(model => ({ [`soak-${model}`]: [`spare-${model}`] })),
    },
  }
}

export const startGateway = (t: Owner, config: JsonObject, workers: number): Promise<Served> =>
  served(t, { config, args: ['--workers', String(workers), '--grace', '5', '--level', 'warn'] })

/** The processes that serve: the one, or the children of the one that watches. */
export const serversOf = (gateway: Served, workers: number): readonly number[] => {
  if (workers === 1) return [gateway.pid]
  try {
    const text = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** NaN when the process is gone. */
const filesOf = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return Number.NaN
  }
}

/** Asks the gateway's processes what they hold; one at a time. */
export class Watch {
  readonly #gateway: Served
  readonly #workers: number
  #read = 0

  constructor(gateway: Served, workers: number) {
    this.#gateway = gateway
    this.#workers = workers
  }

  /** One sample for each process that answered. */
  async look(sinceMs: number): Promise<readonly Sample[]> {
    const wanted = new Set(serversOf(this.#gateway, this.#workers))
    const until = performance.now() + ANSWER_MS
    const states: State[] = []
    this.#gateway.kill('SIGUSR2')
    while (wanted.size > 0 && performance.now() < until) {
      for (const state of this.#news()) {
        states.push(state)
        wanted.delete(state.pid)
      }
      if (wanted.size > 0) await sleep(LOOK_MS)
    }
    const at = performance.now() - sinceMs
    return states.map(state => ({ at, state, files: filesOf(state.pid) }))
  }

  #news(): readonly State[] {
    const text = this.#gateway.stderr()
    const end = text.lastIndexOf('\n') + 1
    const lines = text.slice(this.#read, end).split('\n')
    this.#read = Math.max(this.#read, end)
    return lines
      .filter(line => line.startsWith('State: '))
      .map(line => JSON.parse(line.slice('State: '.length)) as State)
  }
}

/** What was done to the processes around the gateway: it is right to speak of that. */
type Done = { readonly workerKilled: boolean; readonly redisKilled: boolean }

/** Lines that tell of a fault of the gateway's own: events of the log, and whatever the console was not meant to say. */
export const complaintsOf = (gateway: Served, { workerKilled, redisKilled }: Done): readonly string[] => {
  const events = gateway
    .stdout()
    .split('\n')
    .filter(line => line.includes('"kind":"event"'))
    .filter(line => !(redisKilled && /"msg":"Redis is (?:lost|back)/.test(line)))
  const [, ...after] = gateway.stderr().split(/ tells all of it\.\n/)
  const console = after
    .join('\n')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('State: ') && !line.startsWith('Stopping'))
    .filter(line => !(workerKilled && line.startsWith('A worker ended (SIGKILL)')))
  return [...events, ...console].map(line => line.slice(0, 500))
}

/** How often each call stands in the request log. */
export const logged = (dataDir: string): ReadonlyMap<string, number> => {
  const path = requestLogPath(dataDir)
  const older = Array.from({ length: KEPT_REQUEST_LOGS }, (_, n) =>
    join(path, '..', `requests.${n + 1}.jsonl`),
  )
  const counts = new Map<string, number>()
  for (const file of [path, ...older]) {
    let text = ''
    try {
      text = readFileSync(file, 'utf8')
    } catch {}
    for (const [, id = ''] of text.matchAll(/"callId":"(soak-\d+)"/g))
      counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { attempt } from '../../src/attempt/attempt.ts'
import type { Settled } from '../../src/attempt/settled.ts'
import {
  type Answer,
  type Transport,
  TransportFault,
  type TransportFaultKind,
} from '../../src/attempt/transport.ts'
import { ANYONE } from '../../src/authenticate/authenticate.ts'
import type { Received } from '../../src/call.ts'
import type { Config } from '../../src/config/config.ts'
import { accepted } from '../../src/config/load.fixture.ts'
import { createVault } from '../../src/credentials/vault.ts'
import type { House } from '../../src/house.ts'
import { providers } from '../../src/providers/index.ts'
import { MemoryBudget } from '../../src/read/memory.ts'
import { read } from '../../src/read/read.ts'
import { ROUTES } from '../../src/routes.ts'
import { Seal } from '../../src/seal.ts'
import { createBoard, type MemoryBoard } from '../../src/shared/board.ts'
import { seededDice, type VirtualClock, virtualClock } from '../../src/shared/clock.ts'
import { memoryKeep } from '../../src/shared/keep.ts'
import type { HealthExchange } from '../../src/shared/ports.ts'
import { Departure } from '../../src/signal.ts'
import { joinSegments } from '../../src/wire/edit.ts'
import type { JsonObject } from '../../src/wire/json.ts'

/** One request at a provider, as the engine sent it. */
export type Sent = {
  /** clock.now() */
  readonly at: number
  readonly model: string
  readonly body: JsonObject
  /** Requests for this model before this one. */
  readonly earlier: number
}

/** What a provider does with one request, in virtual milliseconds. */
export type Reply = {
  /** Until the head; never: it stays silent for ever. Default 0. */
  readonly afterMs?: number | 'never'
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly error?: JsonObject
  /** Replaces values of a whole answer. */
  readonly json?: JsonObject
  /** The connection breaks instead. */
  readonly fault?: TransportFaultKind
  /** Until the body, after the head. Default 0. */
  readonly bodyAfterMs?: number | 'never'
}

export type Outcome = {
  readonly settled: Settled
  /** What the client gets: the answer's status, or the failure's. */
  readonly status: number
  /** clock.now() when it was known. */
  readonly at: number
  readonly models: readonly string[]
}

export type Asking = {
  readonly body?: JsonObject
  readonly headers?: Readonly<Record<string, string>>
  /** The answer goes on until somebody settles it. */
  readonly hold?: boolean
}

export type Asked = { readonly client: Departure; readonly done: Promise<Outcome> }

export type Engine = VirtualClock & {
  readonly board: MemoryBoard
  readonly sent: Sent[]
  /** One chat call to a group; it runs while the clock is moved. */
  readonly ask: (group: string, asking?: Asking) => Asked
  /** The same, with the clock moved until it is over. */
  readonly play: (group: string, asking?: Asking) => Promise<Outcome>
  readonly reload: (source: string) => Promise<void>
}

const CHAT = ROUTES.find(route => route.name === 'chat.completions')

const answerOf = ({ status = 200, error, ...reply }: Reply, clock: VirtualClock['clock']): Answer => {
  const body =
    status < 300
      ? {
          id: 'c',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices: [{ index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
          ...reply.json,
        }
      : { error: error ?? { message: 'out', type: null, param: null, code: null } }
  let over = false
  const after = reply.bodyAfterMs ?? 0
  return {
    status,
    headers: { 'content-type': 'application/json', ...reply.headers },
    read: sink => {
      const deliver = () => {
        if (!over) sink.data(Buffer.from(JSON.stringify(body)))
        if (!over) sink.end()
      }
      if (after === 0) deliver()
      else if (after !== 'never') clock.after(after, deliver)
    },
    pause: () => {},
    resume: () => {},
    abort: () => {
      over = true
    },
  }
}

/** Nothing but limits, departures and the script decides when a promise settles. */
const scripted = ({ clock, now }: VirtualClock, sent: Sent[], script: (sent: Sent) => Reply): Transport => ({
  send: (draft, _headers, limits, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new TransportFault('aborted', 'left', false))
      const body: JsonObject = JSON.parse(Buffer.from(joinSegments(draft.body)).toString())
      const model = String(body.model)
      const one: Sent = {
        at: now(),
        model,
        body,
        earlier: sent.filter(other => other.model === model).length,
      }
      sent.push(one)
      const reply = script(one)
      const cancels: (() => void)[] = []
      const settle = (action: () => void) => (): void => {
        for (const cancel of cancels) cancel()
        action()
      }
      const leave = settle(() => reject(new TransportFault('aborted', 'left', true)))
      signal.addEventListener('abort', leave)
      cancels.push(() => signal.removeEventListener('abort', leave))
      if (limits.headersMs !== undefined)
        cancels.push(
          clock.after(
            limits.headersMs,
            settle(() => reject(new TransportFault('headers_timeout', 'late', true))),
          ),
        )
      const { afterMs = 0, fault } = reply
      if (afterMs === 'never') return
      const act = settle(() =>
        fault === undefined
          ? resolve(answerOf(reply, clock))
          : reject(new TransportFault(fault, 'broken', true)),
      )
      if (afterMs === 0) act()
      else cancels.push(clock.after(afterMs, act))
    }),
  close: async () => {},
})

export type EngineOptions = {
  /** Default: a 200 for everything. */
  readonly script?: (sent: Sent) => Reply
  readonly seed?: number
  /** Instead of the seeded dice. */
  readonly roll?: () => number
  /** A clock that several engines share. */
  readonly time?: VirtualClock
  readonly exchange?: HealthExchange
}

const load = (source: string): Promise<Config> => accepted(source, { providers: Object.values(providers) })

/** The whole engine between the read request and the settled one, in virtual time and without a socket. */
export const startEngine = async (source: string, options: EngineOptions = {}): Promise<Engine> => {
  let config = await load(source)
  const time = options.time ?? virtualClock()
  const { clock, advance, now } = time
  const dice = options.roll === undefined ? seededDice(options.seed ?? 1) : { random: options.roll }
  const { exchange } = options
  const board = createBoard({
    clock,
    dice,
    config: () => config,
    ...(exchange === undefined ? {} : { exchange }),
  })
  const sent: Sent[] = []
  const transport = scripted(time, sent, options.script ?? (() => ({})))
  const house: House = {
    config: () => config,
    clock,
    dice,
    board,
    transport,
    vault: createVault({ clock, dice, transport, event: () => {} }),
    seal: new Seal('a seal for tests'),
    keep: memoryKeep(clock, 1e6),
    copies: memoryKeep(clock, 1e6),
    memory: new MemoryBudget(1e9),
    journal: { request: () => {}, event: () => {}, flush: async () => {}, close: async () => {} } as never,
    event: (level, message, fields) => {
      if (level !== 'info') throw new Error(message, { cause: fields })
    },
  }
  const receivedOf = (client: Departure, headers: Asking['headers']): Received => {
    if (CHAT === undefined) throw new Error('there is no chat route')
    return {
      route: CHAT,
      params: {},
      query: '',
      path: '/v1/chat/completions',
      request: { headers: { 'content-type': 'application/json', ...headers } } as unknown as IncomingMessage,
      response: undefined as unknown as ServerResponse,
      callId: 'call',
      arrivedAt: now(),
      config,
      departed: client,
      curtain: new Departure(),
    }
  }
  const ask: Engine['ask'] = (group, { body, headers, hold } = {}) => {
    const client = new Departure()
    const bytes = Buffer.from(
      JSON.stringify({ model: group, messages: [{ role: 'user', content: 'Line?' }], ...body }),
    )
    const run = async (): Promise<Outcome> => {
      const call = read(receivedOf(client, headers), ANYONE, bytes, house)
      const settled = await attempt(call, house)
      if (settled.kind === 'answered' && hold !== true)
        settled.answered.lease.settle({
          kind: 'success',
          usage: undefined,
          totalMs: now() - settled.answered.startedAt,
          firstTokenMs: undefined,
        })
      const status = settled.kind === 'answered' ? settled.answered.status : settled.failure.status
      return { settled, status, at: now(), models: settled.trail.steps.map(step => step.model) }
    }
    return { client, done: run() }
  }
  const play: Engine['play'] = async (group, asking) => {
    const { done } = ask(group, asking)
    let over = false
    const end = () => {
      over = true
    }
    done.then(end, end)
    await advance(0)
    // From timer to timer, so that no time passes that nothing waits for.
    for (let due = time.due(); !over && due !== undefined; due = time.due()) await advance(due - now())
    return done
  }
  const reload = async (next: string): Promise<void> => {
    config = await load(next)
    board.keep(new Set(config.byId.keys()))
  }
  return { ...time, board, sent, ask, play, reload }
}

/** A model_list: `{ group: ['upstream model', …] }`, each at an address of its own, and the rest of the file. */
export const stageOf = (groups: Readonly<Record<string, readonly string[]>>, more = ''): string => {
  const lines = Object.entries(groups).flatMap(([group, models]) =>
    models.map(
      model =>
        `  - {model_name: ${group}, litellm_params: {model: openai/${model}, api_base: "https://${model}.test/v1", api_key: k}, model_info: {id: ${model}}}`,
    ),
  )
  return `model_list:\n${lines.join('\n')}\n${more}\n`
}

/** When requests were sent, to one upstream model or to all. */
export const times = (engine: Engine, model?: string): readonly number[] =>
  engine.sent.filter(one => model === undefined || one.model === model).map(one => one.at)

/** Nothing is under way and nothing was left behind: no slot, no budget, no probe, no timer. */
export const atRest = (engine: Engine): void => {
  assert.deepEqual(engine.board.gauges(), {
    inFlight: 0,
    waiting: 0,
    extraAttempts: 0,
    sleeping: 0,
    probes: 0,
  })
  assert.equal(engine.board.extraSettles(), 0)
  assert.equal(engine.pending(), 0, 'a timer was left behind')
}

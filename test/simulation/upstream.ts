import {
  type Answer,
  type Limits,
  type Sink,
  type Transport,
  TransportFault,
} from '../../src/attempt/transport.ts'
import type { Draft, HeaderPair } from '../../src/providers/provider.ts'
import { ROUTES, type ShapeName } from '../../src/routes.ts'
import type { Signal } from '../../src/signal.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import type { Speech } from './answers.ts'
import { afterPrompt, clientIn, fieldsOf } from './endpoints.ts'
import { askedMs } from './errors.ts'
import { type Hit, tell, type World } from './facts.ts'
import { type Move, type Play, playOf } from './plays.ts'
import type { Act } from './scenario.ts'

const ANSWER: Act = { act: 'answer' }
const HEAD_MS = 40

const shapeOf = ({ method, path, body }: Hit): ShapeName => {
  const bare = path.split('?', 1)[0]?.replace(/^\/v1/, '') ?? ''
  const found = ROUTES.find(
    route =>
      route.method === method && new RegExp(`^${route.upstream.replace(/:[a-z]+/g, '[^/]+')}$`).test(bare),
  )
  return found?.shape === 'responses' && body.includes('"compaction_trigger"')
    ? 'trigger'
    : (found?.shape ?? 'raw')
}

const jsonOf = (text: string): JsonObject => {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Text that the request puts into the answer's mouth: an assistant message at the end, or what follows the prompt. */
const prefillOf = (body: JsonObject): string => {
  const last = Array.isArray(body.messages) ? (body.messages as readonly Json[]).at(-1) : undefined
  if (isObject(last) && last.role === 'assistant' && typeof last.content === 'string') return last.content
  return typeof body.prompt === 'string' ? afterPrompt(body.prompt) : ''
}

/** The act for the next request at an upstream. */
const nextAct = (world: World, upstream: string, { client, method }: Pick<Hit, 'client' | 'method'>): Act => {
  const script = world.scenario.upstreams[upstream]
  // Whoever asks whether traffic has come back finds everything well.
  // What is read back is an answer whatever it says.
  const probe = client !== undefined && world.clients[client]?.probe === true
  if (script === undefined || probe || method === 'GET') return ANSWER
  const now = world.clock.now()
  const { outage } = script
  if (outage !== undefined && now >= outage.from && now < outage.until) return outage.act
  const used = world.hits.filter(hit => hit.upstream === upstream && hit.act !== outage?.act).length
  return script.acts[used] ?? ANSWER
}
/** One exchange in virtual time, with the manners of a real one: nothing flows unread or paused, and it ends once. */
class Exchange implements Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly #world: World
  readonly #hit: Hit
  readonly #moves: Move[]
  /** What has arrived and was not taken yet. */
  readonly #pieces: Buffer[] = []
  #sink: Sink | undefined
  #paused = false
  /** The next move is due and waits for a reader. */
  #due = false
  #cancel: () => void = () => {}
  #over = false
  #fault: TransportFault | undefined
  readonly #release: () => void

  constructor(world: World, hit: Hit, play: Play, release: () => void) {
    this.#world = world
    this.#hit = hit
    this.status = play.status
    this.headers = play.headers
    this.#moves = [...play.moves]
    this.#release = release
    this.#arm()
  }

  read(sink: Sink): void {
    this.#sink = sink
    if (this.#fault !== undefined) sink.error(this.#fault)
    else this.#flow()
  }
  pause(): void {
    this.#paused = true
  }
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    queueMicrotask(() => this.#flow())
  }
  abort(): void {
    this.#close('aborted')
  }
  /** The client left, or whoever else holds the signal. */
  leave(): void {
    if (!this.#close('aborted')) return
    this.#fault = new TransportFault('aborted', 'The client left.', true)
    this.#sink?.error(this.#fault)
  }

  #close(over: NonNullable<Hit['over']>): boolean {
    if (this.#over) return false
    this.#over = true
    this.#cancel()
    this.#release()
    endHit(this.#world, this.#hit, over)
    return true
  }
  #arm(): void {
    const next = this.#moves[0]
    if (next === undefined || this.#over) return
    this.#cancel = this.#world.clock.after(next.after, () => {
      this.#due = true
      this.#flow()
    })
  }
  #flow(): void {
    // A broken connection is noticed whether anybody reads or not; everything else waits for its reader.
    const broken = this.#moves[0]?.over === 'reset'
    if (this.#over || this.#sink === undefined || (this.#paused && !broken)) return
    if (this.#pieces.length > 0) this.#deliver(this.#sink)
    else if (this.#due) this.#make(this.#sink)
  }
  #make(sink: Sink): void {
    const move = this.#moves.shift()
    if (move === undefined) return
    this.#tell(move)
    if (move.over !== undefined) {
      this.#close(move.over)
      if (move.over === 'ended') sink.end()
      else sink.error(new TransportFault('reset', 'The connection was reset.', true))
      return
    }
    const bytes = Buffer.from(move.bytes ?? '')
    const size = this.#hit.act.split ?? Math.max(1, bytes.length)
    for (let at = 0; at < bytes.length; at += size) this.#pieces.push(bytes.subarray(at, at + size))
    this.#due = false
    this.#deliver(sink)
  }
  /** Piece by piece: whoever pauses in between gets the rest later, and what is due then comes after it. */
  #deliver(sink: Sink): void {
    while (this.#pieces.length > 0 && !this.#paused && !this.#over) sink.data(this.#pieces.shift() as Buffer)
    if (this.#pieces.length === 0) this.#arm()
  }
  #tell(move: Move): void {
    const hit = this.#hit
    if (move.says !== undefined) hit.said += move.says
    if (move.mark === undefined) return
    const step = tell(this.#world, `hit ${hit.index} sends ${move.mark}`)
    if (move.mark === 'content') hit.contentStep ??= step
    if (move.mark === 'whole') hit.wholeStep ??= step
    if (move.mark === 'end') hit.endStep ??= step
    // A whole document is its content and its end; a typed stream's end says that it is whole.
    if (move.mark !== 'content') hit.wholeStep ??= step
  }
}

const endHit = (world: World, hit: Hit, over: NonNullable<Hit['over']>): void => {
  if (hit.over !== undefined) return
  hit.over = over
  hit.overAt = world.clock.now()
  hit.overStep = tell(world, `hit ${hit.index} is over: ${over}`)
}

const hitOf = ({ world, draft, headers, limits }: Sending): Hit => {
  const text = Buffer.concat(draft.body).toString()
  const form = headers.some(([name, value]) => name === 'content-type' && value.startsWith('multipart'))
  const members: JsonObject = form ? fieldsOf(text) : jsonOf(text)
  const host = draft.origin.replace(/^https?:\/\//, '').replace(/\.sim$/, '')
  const upstream = `${host}/${typeof members.model === 'string' ? members.model : ''}`
  const client = clientIn(text) ?? clientIn(draft.path)
  const act = nextAct(world, upstream, { client, method: draft.method })
  const index = world.hits.length
  const hit: Hit = {
    index,
    at: world.clock.now(),
    step: 0,
    client,
    upstream,
    host,
    method: draft.method,
    path: draft.path,
    headers,
    body: text,
    act,
    headersMs: limits.headersMs,
    prefill: prefillOf(members),
    status: undefined,
    contentStep: undefined,
    wholeStep: undefined,
    endStep: undefined,
    askedMs: undefined,
    over: undefined,
    overAt: 0,
    overStep: 0,
    said: '',
    usage: act.silent === true ? undefined : { input: 1000 + index, output: act.pieces ?? 3 },
  }
  const step = tell(world, `hit ${index} ${upstream} for ${hit.client}: ${JSON.stringify(act)}`)
  const made = { ...hit, step }
  world.hits.push(made)
  return made
}

const wantsStream = (hit: Hit): boolean =>
  hit.headers.some(([name, value]) => name === 'accept' && value === 'text/event-stream')

/** Why no head comes, and after how long; undefined: one does. */
const silence = (
  act: Act,
  limits: Limits,
): { readonly ms: number; readonly fault: TransportFault } | 'for ever' | undefined => {
  if (act.act === 'hang' && act.at === 'head') return 'for ever'
  if (act.act !== 'break') return undefined
  if (act.fault === 'headers_timeout') return 'for ever'
  const ms = act.fault === 'connect_timeout' ? limits.connectMs : (act.head ?? 5)
  return { ms, fault: new TransportFault(act.fault, `simulated: ${act.fault}`, act.sent) }
}

/** Providers that do what the scenario says, request by request. */
export const simulatedTransport = (world: () => World): Transport => ({
  send: (draft, headers, limits, signal) =>
    new Promise<Answer>((resolve, reject) =>
      exchange({ world: world(), draft, headers, limits, signal, resolve, reject }),
    ),
  close: () => Promise.resolve(),
})

type Sending = {
  readonly world: World
  readonly draft: Draft
  readonly headers: readonly HeaderPair[]
  readonly limits: Limits
  readonly signal: Signal
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

const exchange = (sending: Sending): void => {
  const { world, limits, signal, resolve, reject } = sending
  if (signal.aborted) return reject(new TransportFault('aborted', 'The client left.', false))
  const hit = hitOf(sending)
  const { act } = hit
  const timers: (() => void)[] = []
  let answer: Exchange | undefined
  const release = (): void => {
    for (const cancel of timers) cancel()
    signal.removeEventListener('abort', leave)
  }
  const fail = (fault: TransportFault): void => {
    release()
    endHit(world, hit, fault.kind === 'aborted' ? 'aborted' : 'fault')
    reject(fault)
  }
  const leave = (): void =>
    answer === undefined ? fail(new TransportFault('aborted', 'The client left.', true)) : answer.leave()
  signal.addEventListener('abort', leave)
  const why = silence(act, limits)
  const { headersMs } = limits
  if (headersMs !== undefined)
    timers.push(
      world.clock.after(headersMs, () =>
        fail(new TransportFault('headers_timeout', 'No response head in time.', true)),
      ),
    )
  if (why === 'for ever') return
  if (why !== undefined) return void timers.push(world.clock.after(why.ms, () => fail(why.fault)))
  const head = (): void => {
    for (const cancel of timers) cancel()
    const speech: Speech = {
      shape: shapeOf(hit),
      hit: hit.index,
      host: hit.host,
      model: hit.upstream.split('/')[1] ?? '',
      how: act,
      prefill: hit.prefill,
    }
    const play = playOf(act, speech, wantsStream(hit), world.clock.wall())
    if (act.act === 'refuse' && act.wait !== undefined) hit.askedMs = askedMs(act.wait, world.clock.wall())
    hit.status = play.status
    tell(world, `hit ${hit.index} status ${play.status}`)
    answer = new Exchange(world, hit, play, release)
    resolve(answer)
  }
  timers.push(world.clock.after(act.head ?? HEAD_MS, head))
}

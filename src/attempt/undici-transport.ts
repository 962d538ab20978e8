import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Dispatcher, Client as UndiciClient, Pool as UndiciPool } from 'undici'
import type { Clock } from '../house.ts'
import { lookUp } from '../lookups.ts'
import type { Draft, HeaderPair } from '../providers/provider.ts'
import type { Signal } from '../signal.ts'
import { atTurnsEnd } from '../turn.ts'
import { byteLengthOf, gatherSegments, joinSegments } from '../wire/edit.ts'
import { InterimAnswers } from './interim.ts'
import {
  type Answer,
  type Limits,
  type Sink,
  type Transport,
  TransportFault,
  type TransportFaultKind,
} from './transport.ts'

/**
 * undici's dispatcher without the rest of the package (fetch, WebSocket, caches): 8 MB and 50 ms less at start.
 * The version is pinned, and the package has no exports map; docs/dependencies.md says so.
 */
const load = createRequire(import.meta.url)
const Pool = load('undici/lib/dispatcher/pool.js') as typeof UndiciPool
const Client = load('undici/lib/dispatcher/client.js') as typeof UndiciClient
const { kSocket } = load('undici/lib/core/symbols.js') as { readonly kSocket: symbol }

/** Bodies up to this size are joined into one write; larger ones go out segment by segment, uncopied. */
const JOIN_BYTES = 64 * 1024
/** Each segment is a write of its own, so those below this size are joined with their neighbours. */
const SMALL_SEGMENT_BYTES = 16 * 1024
/** Bytes an unread answer may collect before its socket is paused. */
const UNREAD_BYTES = 256 * 1024
/**
 * A server that closes an idle connection while a request is on its way to it is heard of within a round trip; a
 * connection that dies later had its request, and what became of it is the loop's to judge.
 */
const RACE_MS = 2_000

const KINDS: Readonly<Record<string, TransportFaultKind>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
}

const kindOf = (code: string): TransportFaultKind => {
  const known = KINDS[code]
  if (known !== undefined) return known
  if (/^(ERR_TLS|ERR_SSL|CERT_|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_OSSL)/.test(code)) return 'tls'
  if (code.startsWith('HPE_')) return 'protocol'
  return 'reset'
}

const faultOf = (error: Error, sent: boolean): TransportFault => {
  const code = codeOf(error)
  return new TransportFault(kindOf(code), error.message, sent, code)
}

const codeOf = (error: Error): string => {
  const own = (error as { code?: unknown }).code
  if (typeof own === 'string') return own
  // A connection tried on several addresses fails with an AggregateError; its first member tells.
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner instanceof Error ? codeOf(inner) : ''
}

const isFlat = (
  headers: Record<string, string | string[] | undefined>,
): headers is Record<string, string> => {
  for (const name in headers) if (typeof headers[name] !== 'string') return false
  return true
}

const flat = (headers: Record<string, string | string[] | undefined>): Record<string, string> => {
  if (isFlat(headers)) return headers
  const plain: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return plain
}

/** One connection to an origin, and how many answers it has brought: 0 for a fresh one. */
class Line extends Client {
  answers = 0
  readonly interim = new InterimAnswers()

  constructor(origin: string | URL, options: UndiciClient.Options) {
    super(origin, options)
    const fresh = (): void => {
      this.answers = 0
    }
    this.on('connect', fresh)
    this.on('connect', () => this.#watch())
    this.on('disconnect', fresh)
  }
  /** The parser takes its bytes with `read`. */
  #watch(): void {
    const socket = Reflect.get(this, kSocket) as Socket
    const read = socket.read.bind(socket)
    socket.read = size => {
      const bytes: Buffer | null = read(size)
      if (bytes !== null) this.interim.pass(bytes)
      return bytes
    }
  }
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Exchange) handler.line = this
    return super.dispatch(options, handler)
  }
}

/** What is sent, and how it is sent once more on a connection of its own. */
class Errand {
  readonly #origin: string
  readonly #connectMs: number
  readonly options: Dispatcher.DispatchOptions
  readonly #lone: Set<Line>

  constructor(draft: Draft, connectMs: number, options: Dispatcher.DispatchOptions, lone: Set<Line>) {
    this.#origin = draft.origin
    this.#connectMs = connectMs
    this.options = options
    this.#lone = lone
  }
  again(exchange: Exchange): void {
    const line = new Line(this.#origin, lineOptions(this.#connectMs))
    this.#lone.add(line)
    line.dispatch(this.options, exchange)
    // Closing waits for the answer.
    void line.close().finally(() => this.#lone.delete(line))
  }
}

/** One exchange: undici's callbacks on one side, a promise of the head and a sink on the other. */
class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  headers: Readonly<Record<string, string>> = {}
  line: Line | undefined
  /** A byte of an answer has come, be it of an interim one. */
  #begun = false
  #resent = false
  #writtenAt: number | undefined
  #controller: Dispatcher.DispatchController | undefined
  #sink: Sink | undefined
  #unread: Uint8Array[] = []
  #unreadBytes = 0
  #ended: 'no' | 'end' | Error = 'no'
  #sent = false
  #closed = false
  #settleHead: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  readonly #cancelTimer: () => void
  readonly #signal: Signal
  readonly #clock: Clock
  readonly #errand: Errand
  readonly #onAbort = (): void => this.#fail(new TransportFault('aborted', 'The client left.', this.#sent))

  constructor(
    settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void },
    limits: { clock: Clock; headersMs: number | undefined; signal: Signal },
    errand: Errand,
  ) {
    this.#settleHead = settle
    this.#signal = limits.signal
    this.#clock = limits.clock
    this.#errand = errand
    this.#cancelTimer =
      limits.headersMs === undefined
        ? () => {}
        : limits.clock.after(limits.headersMs, () =>
            this.#fail(new TransportFault('headers_timeout', 'No response head in time.', this.#sent)),
          )
    limits.signal.addEventListener('abort', this.#onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#writtenAt = this.#clock.now()
    this.line?.interim.begin()
    if (this.#closed) controller.abort(new TransportFault('aborted', 'Given up before it began.', false))
  }
  onRequestSent(): void {
    this.#sent = true
  }
  onResponseStarted(): void {
    this.#begun = true
  }
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200 || this.#settleHead === undefined) return
    this.status = status
    this.headers = flat(headers)
    this.#cancelTimer()
    const { resolve } = this.#settleHead
    this.#settleHead = undefined
    // What breaks until then is told to whoever reads on.
    atTurnsEnd(() => resolve(this))
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#closed) return
    if (this.#sink !== undefined) return this.#sink.data(chunk)
    this.#unread.push(chunk)
    this.#unreadBytes += chunk.length
    if (this.#unreadBytes > UNREAD_BYTES) controller.pause()
  }
  onResponseEnd(): void {
    if (this.#closed) return
    this.#ended = 'end'
    if (this.line !== undefined) this.line.answers += 1
    this.#close()
    this.#sink?.end()
  }
  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#lostRace()) {
      this.#resent = true
      this.#sent = false
      this.#controller = undefined
      this.#errand.again(this)
    } else this.#fail(error)
  }
  /** A kept connection died under the request before a byte of its answer: its server had closed it already. */
  #lostRace(): boolean {
    return (
      !this.#closed &&
      !this.#begun &&
      !this.#resent &&
      this.line !== undefined &&
      this.line.answers > 0 &&
      (this.#writtenAt === undefined || this.#clock.now() - this.#writtenAt <= RACE_MS)
    )
  }

  read(sink: Sink): void {
    this.#sink = sink
    const unread = this.#unread
    this.#unread = []
    for (const chunk of unread) sink.data(chunk)
    if (this.#ended === 'end') sink.end()
    else if (this.#ended !== 'no') sink.error(this.#ended)
    else if (this.#controller?.paused === true) this.#controller.resume()
  }
  pause(): void {
    if (!this.#closed) this.#controller?.pause()
  }
  resume(): void {
    if (!this.#closed) this.#controller?.resume()
  }
  abort(): void {
    if (this.#closed) return
    this.#close()
    this.#controller?.abort(new TransportFault('aborted', 'Closed by the gateway.', this.#sent))
  }

  #close(): void {
    this.#closed = true
    this.#cancelTimer()
    this.#signal.removeEventListener('abort', this.#onAbort)
  }
  /** Exactly one of head, end and error reaches the caller, and never anything after it. */
  #fail(error: Error): void {
    if (this.#closed) return
    const fault = error instanceof TransportFault ? error : faultOf(error, this.#sent)
    this.#close()
    this.#ended = fault
    if (error instanceof TransportFault) this.#controller?.abort(error)
    const head = this.#settleHead
    this.#settleHead = undefined
    if (head !== undefined) head.reject(fault)
    else this.#sink?.error(fault)
  }
}

/** Header pairs as undici takes them: a flat list, so that nothing is merged or reordered. */
const flatten = (pairs: readonly HeaderPair[], length: number | undefined): string[] => {
  const list: string[] = []
  for (const [name, value] of pairs) list.push(name, value)
  if (length !== undefined) list.push('content-length', String(length))
  return list
}

/** Every limit is the gateway's own (one clock, one rule per phase), so undici's are off. */
const lineOptions = (connectMs: number): UndiciClient.Options => ({
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: 20_000,
  keepAliveMaxTimeout: 120_000,
  connect: { timeout: connectMs, lookup: lookUp },
  allowH2: false,
})

export type TransportOptions = {
  readonly clock: Clock
  /** Sockets per origin; undefined = as many as there are calls. */
  readonly connections?: number
}

/**
 * The one place that speaks to providers: undici's dispatch, which retries nothing and follows no redirect. One thing
 * is done twice: a request that met the end of a kept connection is sent again, once, on a fresh one. It is no retry:
 * by all that can be known nobody has read it.
 */
export const undiciTransport = ({ clock, connections }: TransportOptions): Transport => {
  // Origins and limits come from the configuration, so there are as many pools as it ever named.
  const pools = new Map<number, Map<string, UndiciPool>>()
  /** Connections of requests that are sent again: each serves one. */
  const lone = new Set<Line>()
  const poolFor = (origin: string, connectMs: number): UndiciPool => {
    let byOrigin = pools.get(connectMs)
    const known = byOrigin?.get(origin)
    if (known !== undefined) return known
    const made = new Pool(origin, {
      ...lineOptions(connectMs),
      connections: connections ?? null,
      factory: (url, options) => new Line(url, options),
    })
    byOrigin ??= new Map()
    byOrigin.set(origin, made)
    pools.set(connectMs, byOrigin)
    return made
  }
  return {
    send: (draft: Draft, headers: readonly HeaderPair[], limits: Limits, signal: Signal) =>
      new Promise<Answer>((resolve, reject) => {
        if (signal.aborted) return reject(new TransportFault('aborted', 'The client left.', false))
        const length = byteLengthOf(draft.body)
        const joined = length <= JOIN_BYTES || draft.body.length === 1
        const body =
          draft.body.length === 0
            ? null
            : joined
              ? joinSegments(draft.body)
              : gatherSegments(draft.body, SMALL_SEGMENT_BYTES)
        const options = {
          path: draft.path,
          method: draft.method as Dispatcher.HttpMethod,
          headers: flatten(headers, draft.body.length === 0 && draft.method === 'GET' ? undefined : length),
          body: body as Uint8Array | null,
        }
        const errand = new Errand(draft, limits.connectMs, options, lone)
        const exchange = new Exchange(
          { resolve, reject },
          { clock, headersMs: limits.headersMs, signal },
          errand,
        )
        poolFor(draft.origin, limits.connectMs).dispatch(options, exchange)
      }),
    close: async () => {
      const all = [...pools.values()].flatMap(byOrigin => [...byOrigin.values()])
      await Promise.all([...all, ...lone].map(one => one.destroy()))
    },
  }
}

import { createRequire } from 'node:module'
import type { Dispatcher, Pool as UndiciPool } from 'undici'
import type { Clock } from '../house.ts'
import type { Draft, HeaderPair } from '../providers/provider.ts'
import type { Signal } from '../signal.ts'
import { byteLengthOf, gatherSegments, joinSegments } from '../wire/edit.ts'
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
const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof UndiciPool

/** Bodies up to this size are joined into one write; larger ones go out segment by segment, uncopied. */
const JOIN_BYTES = 64 * 1024
/** Each segment is a write of its own, so those below this size are joined with their neighbours. */
const SMALL_SEGMENT_BYTES = 16 * 1024
/** Bytes an unread answer may collect before its socket is paused. */
const UNREAD_BYTES = 256 * 1024

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

const codeOf = (error: Error): string => {
  const own = (error as { code?: unknown }).code
  if (typeof own === 'string') return own
  // A connection tried on several addresses fails with an AggregateError; its first member tells.
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner instanceof Error ? codeOf(inner) : ''
}

const flat = (headers: Record<string, string | string[] | undefined>): Record<string, string> => {
  const plain: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return plain
}

/** One exchange: undici's callbacks on one side, a promise of the head and a sink on the other. */
class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  headers: Readonly<Record<string, string>> = {}
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
  readonly #onAbort = (): void => this.#fail(new TransportFault('aborted', 'The client left.', this.#sent))

  constructor(
    settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void },
    limits: { clock: Clock; headersMs: number | undefined; signal: Signal },
  ) {
    this.#settleHead = settle
    this.#signal = limits.signal
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
    if (this.#closed) controller.abort(new TransportFault('aborted', 'Given up before it began.', false))
  }
  onRequestSent(): void {
    this.#sent = true
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
    resolve(this)
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
    this.#close()
    this.#sink?.end()
  }
  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(error)
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
    const fault =
      error instanceof TransportFault
        ? error
        : new TransportFault(kindOf(codeOf(error)), error.message, this.#sent)
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

export type TransportOptions = {
  readonly clock: Clock
  /** Sockets per origin; undefined = as many as there are calls. */
  readonly connections?: number
}

/** The one place that speaks to providers: undici's dispatch, which retries nothing and follows no redirect. */
export const undiciTransport = (options: TransportOptions): Transport => {
  // Origins come from the configuration, so there are as many pools as it ever named.
  const pools = new Map<string, UndiciPool>()
  const poolFor = (origin: string, connectMs: number): UndiciPool => {
    const known = pools.get(origin)
    if (known !== undefined) return known
    const made = new Pool(origin, {
      connections: options.connections ?? null,
      pipelining: 1,
      // Every limit is the gateway's own (one clock, one rule per phase), so undici's are off.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 20_000,
      keepAliveMaxTimeout: 120_000,
      connect: { timeout: connectMs },
      allowH2: false,
    })
    pools.set(origin, made)
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
        const exchange = new Exchange(
          { resolve, reject },
          { clock: options.clock, headersMs: limits.headersMs, signal },
        )
        poolFor(draft.origin, limits.connectMs).dispatch(
          {
            path: draft.path,
            method: draft.method as Dispatcher.HttpMethod,
            headers: flatten(headers, draft.body.length === 0 && draft.method === 'GET' ? undefined : length),
            body: body as Uint8Array | null,
          },
          exchange,
        )
      }),
    close: async () => {
      await Promise.all([...pools.values()].map(pool => pool.destroy()))
    },
  }
}

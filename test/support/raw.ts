import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type RawHead = {
  readonly status: number
  readonly reason: string
  /** In order, spelled and repeated as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** performance.now() at the last byte of the head. */
  readonly at: number
  readonly raw: string
}

export type RawEvent = {
  /** The bytes of the event, its blank line included. */
  readonly raw: string
  readonly event: string
  /** The joined `data:` lines; undefined for a block of comments. */
  readonly data: string | undefined
  readonly at: number
}

export type RawEnd = { readonly at: number; readonly how: 'fin' | 'rst' }
export type RawRequest = {
  readonly method?: string
  readonly path: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array
}

/** First value of a header, by lower-case name. */
export const headerIn = (head: RawHead, name: string): string | undefined =>
  head.headers.find(([key]) => key.toLowerCase() === name)?.[1]

/** The exact bytes of a request, with Host and Content-Length filled in unless given. */
export const requestBytes = (host: string, request: RawRequest): Buffer => {
  const { body } = request
  const isJson = typeof body === 'object' && !(body instanceof Uint8Array)
  const bytes = Buffer.from(isJson ? JSON.stringify(body) : (body ?? ''))
  const given = request.headers ?? []
  const has = (name: string) => given.some(([key]) => key.toLowerCase() === name)
  const headers = [
    ...(has('host') ? [] : [['host', host]]),
    ...given,
    ...(isJson && !has('content-type') ? [['content-type', 'application/json']] : []),
    ...(body === undefined || has('content-length') || has('transfer-encoding')
      ? []
      : [['content-length', `${bytes.length}`]]),
  ]
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const method = request.method ?? (body === undefined ? 'GET' : 'POST')
  return Buffer.concat([Buffer.from(`${method} ${request.path} HTTP/1.1\r\n${lines}\r\n`), bytes])
}

/**
 * An HTTP client of the plainest kind: sends exactly what it is given, shows exactly what comes, and can stop
 * reading or leave at any byte. Every read rejects after `patienceMs` (5000) of silence, so that no test hangs.
 */
export class RawClient {
  /** Every piece as the kernel handed it over. */
  readonly arrivals: { readonly at: number; readonly bytes: Buffer }[] = []
  /** Settles when the server ends the connection. */
  readonly ended: Promise<RawEnd>
  readonly #socket: Socket
  readonly #host: string
  readonly #patienceMs: number
  #buffer: Buffer = Buffer.alloc(0)
  #body: Buffer = Buffer.alloc(0)
  #end: RawEnd | undefined
  #wake: () => void = () => {}
  #framing:
    | { kind: 'length'; left: number }
    | { kind: 'chunked' }
    | { kind: 'until-end' }
    | { kind: 'over' } = { kind: 'over' }

  constructor(socket: Socket, host: string, patienceMs: number) {
    this.#socket = socket
    this.#host = host
    this.#patienceMs = patienceMs
    const { promise, resolve } = Promise.withResolvers<RawEnd>()
    this.ended = promise
    const end = (how: RawEnd['how']) => {
      this.#end ??= { at: performance.now(), how }
      resolve(this.#end)
      this.#wake()
    }
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.arrivals.push({ at: performance.now(), bytes })
      this.#buffer = Buffer.concat([this.#buffer, bytes])
      this.#wake()
    })
    socket.on('end', () => end('fin'))
    socket.on('error', () => end('rst'))
    socket.on('close', () => end('fin'))
  }

  /** This end's own port. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  /** Writes these bytes and nothing else. Resolves when the kernel has them. */
  send(bytes: Uint8Array | string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#socket.write(bytes, () => resolve())
    return promise
  }

  request(request: RawRequest): Promise<void> {
    return this.send(requestBytes(this.#host, request))
  }

  async #more(): Promise<boolean> {
    if (this.#end !== undefined) return false
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    this.#wake = () => resolve(true)
    const timer = setTimeout(
      () => reject(new Error(`nothing came within ${this.#patienceMs} ms`)),
      this.#patienceMs,
    )
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count)
    this.#buffer = this.#buffer.subarray(count)
    return taken
  }

  async #upTo(mark: string): Promise<Buffer | undefined> {
    for (;;) {
      const index = this.#buffer.indexOf(mark)
      if (index >= 0) return this.#take(index + mark.length)
      if (!(await this.#more())) return undefined
    }
  }

  /** The next response head, informational ones (1xx) included. Rejects when the connection ends before it. */
  async anyHead(): Promise<RawHead> {
    const bytes = await this.#upTo('\r\n\r\n')
    if (bytes === undefined)
      throw new Error(`the connection ended (${this.#end?.how}) before a response head`)
    const raw = bytes.toString('latin1')
    const [first = '', ...lines] = raw.trimEnd().split('\r\n')
    const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(first)
    if (status === null) throw new Error(`not a status line: ${first}`)
    const headers = lines.map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
    return { status: Number(status[1]), reason: status[2] ?? '', headers, at: performance.now(), raw }
  }

  /** The next final response head; the body readers then follow its framing. */
  async head(): Promise<RawHead> {
    let head = await this.anyHead()
    while (head.status < 200) head = await this.anyHead()
    const length = headerIn(head, 'content-length')
    this.#body = Buffer.alloc(0)
    if (headerIn(head, 'transfer-encoding')?.toLowerCase() === 'chunked') this.#framing = { kind: 'chunked' }
    else if (head.status === 204 || head.status === 304) this.#framing = { kind: 'over' }
    else if (length === undefined) this.#framing = { kind: 'until-end' }
    else this.#framing = { kind: 'length', left: Number(length) }
    return head
  }

  /**
   * The next piece of the body: one HTTP chunk, or what has arrived. undefined at the proper end of the body.
   * Rejects when the connection ends before the framing says so.
   */
  async piece(): Promise<Buffer | undefined> {
    const framing = this.#framing
    if (framing.kind === 'over') return undefined
    if (framing.kind === 'chunked') return this.#chunk()
    if (framing.kind === 'length' && framing.left === 0) {
      this.#framing = { kind: 'over' }
      return undefined
    }
    while (this.#buffer.length === 0) {
      if (await this.#more()) continue
      if (framing.kind === 'until-end' && this.#end?.how === 'fin') return undefined
      throw new Error(`the connection ended (${this.#end?.how}) inside the body`)
    }
    if (framing.kind === 'until-end') return this.#take(this.#buffer.length)
    const part = this.#take(Math.min(framing.left, this.#buffer.length))
    framing.left -= part.length
    return part
  }

  async #chunk(): Promise<Buffer | undefined> {
    const line = await this.#upTo('\r\n')
    const size = line === undefined ? Number.NaN : Number.parseInt(line.toString('latin1'), 16)
    if (Number.isNaN(size)) throw new Error(`the connection ended (${this.#end?.how}) without the last chunk`)
    while (this.#buffer.length < size + 2) {
      if (!(await this.#more())) throw new Error(`the connection ended (${this.#end?.how}) inside a chunk`)
    }
    const part = this.#take(size)
    this.#take(2)
    if (size > 0) return part
    this.#framing = { kind: 'over' }
    return undefined
  }

  /** The rest of the body. Rejects when the framing is broken; `arrivals` still has what came. */
  async body(): Promise<Buffer> {
    const parts = [this.#body]
    this.#body = Buffer.alloc(0)
    for (;;) {
      const part = await this.piece()
      if (part === undefined) return Buffer.concat(parts)
      parts.push(part)
    }
  }

  /** The next server-sent event (LF or CRLF). undefined at the proper end of the body. */
  async event(): Promise<RawEvent | undefined> {
    for (;;) {
      const blank = /\r\n\r\n|\n\n/.exec(this.#body.toString('latin1'))
      if (blank !== null) {
        const end = blank.index + blank[0].length
        const raw = this.#body.subarray(0, end).toString()
        this.#body = this.#body.subarray(end)
        return eventOf(raw)
      }
      const part = await this.piece()
      if (part === undefined) {
        if (this.#body.length > 0) throw new Error(`an unfinished event at the end: ${this.#body.toString()}`)
        return undefined
      }
      this.#body = Buffer.concat([this.#body, part])
    }
  }

  /** All events to the proper end. */
  async events(): Promise<readonly RawEvent[]> {
    const all: RawEvent[] = []
    for (;;) {
      const event = await this.event()
      if (event === undefined) return all
      all.push(event)
    }
  }

  /** Stops reading from the kernel: the server meets back-pressure. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Leaves with a FIN. Returns performance.now() of leaving. */
  leave(): number {
    this.#socket.destroy()
    return performance.now()
  }

  /** Leaves with a TCP reset. Returns performance.now() of leaving. */
  reset(): number {
    this.#socket.resetAndDestroy()
    return performance.now()
  }
}

const eventOf = (raw: string): RawEvent => {
  const lines = raw.split(/\r\n|\n/)
  const values = (name: string) =>
    lines
      .filter(line => line.startsWith(`${name}:`))
      .map(line => line.slice(name.length + 1).replace(/^ /, ''))
  const data = values('data')
  return {
    raw,
    event: values('event').at(-1) ?? '',
    data: data.length === 0 ? undefined : data.join('\n'),
    at: performance.now(),
  }
}

/** Opens one connection to `origin` (http://host:port). */
export const openRaw = async (origin: string, patienceMs = 5000): Promise<RawClient> => {
  const url = new URL(origin)
  const socket = connect(Number(url.port || 80), url.hostname.replace(/^\[|\]$/g, ''))
  await once(socket, 'connect')
  return new RawClient(socket, url.host, patienceMs)
}

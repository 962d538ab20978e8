import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'

/** One answer of the gateway, read by the letter of RFC 9112. */
export type HttpAnswer = {
  readonly status: number
  /** Lower-case names; repeated ones joined with ', '. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** What a connection brought. */
export type Heard = {
  readonly answers: readonly HttpAnswer[]
  /** The server ended the connection: in order, or with a reset. */
  readonly end: 'fin' | 'rst' | undefined
}

type Parsed = { readonly answer: HttpAnswer; readonly length: number }

const HEAD_END = Buffer.from('\r\n\r\n')
const MAX_HEAD = 256 * 1024

const headersOf = (lines: readonly string[]): Map<string, string> => {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
    assert.ok(found !== null, `not a header line: ${JSON.stringify(line)}`)
    const [, spelled = '', value = ''] = found
    const name = spelled.toLowerCase()
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value)
  }
  return headers
}

/** The body in chunks that begins at `from`; undefined while it is not whole. */
const chunksOf = (
  bytes: Buffer,
  from: number,
): { readonly body: Buffer; readonly end: number } | undefined => {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = bytes.subarray(at, lineEnd).toString('latin1')
    assert.match(size, /^[0-9a-f]{1,8}$/i, 'a chunk size')
    const length = Number.parseInt(size, 16)
    const start = lineEnd + 2
    if (bytes.length < start + length + 2) return undefined
    assert.equal(bytes.subarray(start + length, start + length + 2).toString('latin1'), '\r\n')
    at = start + length + 2
    if (length === 0) return { body: Buffer.concat(parts), end: at }
    parts.push(bytes.subarray(start, start + length))
  }
}

/** The first answer in `bytes`; undefined while it is not whole. Throws when it is none. `bodiless`: to a HEAD. */
const parse = (bytes: Buffer, bodiless: boolean, ended: boolean): Parsed | undefined => {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) {
    assert.ok(bytes.length < MAX_HEAD, 'a head without end')
    assert.ok(
      'HTTP/1.1 '.startsWith(bytes.subarray(0, 9).toString('latin1')),
      `not HTTP: ${bytes.subarray(0, 99)}`,
    )
    return undefined
  }
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(first)?.[1])
  assert.ok(status > 0, `not a status line: ${JSON.stringify(first)}`)
  const headers = headersOf(lines)
  const from = end + HEAD_END.length
  const coding = headers.get('transfer-encoding')
  const length = headers.get('content-length')
  assert.ok(coding === undefined || length === undefined, 'one framing, not two')
  const whole = (body: Buffer, to: number): Parsed => ({ answer: { status, headers, body }, length: to })
  if (bodiless || status < 200 || status === 204 || status === 304) return whole(Buffer.alloc(0), from)
  if (coding !== undefined) {
    assert.equal(coding.toLowerCase(), 'chunked')
    const chunks = chunksOf(bytes, from)
    return chunks && whole(chunks.body, chunks.end)
  }
  if (length === undefined) {
    assert.equal(
      headers.get('connection')?.toLowerCase(),
      'close',
      'a body to the end, and the end is announced',
    )
    return ended ? whole(bytes.subarray(from), bytes.length) : undefined
  }
  assert.match(length, /^\d{1,15}$/)
  const to = from + Number(length)
  return bytes.length < to ? undefined : whole(bytes.subarray(from, to), to)
}

/** A client that sends bytes and reads answers; the test decides when it has heard enough. */
export class Caller {
  readonly socket: Socket
  readonly answers: HttpAnswer[] = []
  end: Heard['end']
  fault: Error | undefined
  #rest: Buffer = Buffer.alloc(0)
  readonly #bodiless: boolean
  #wake: () => void = () => {}

  constructor(origin: string, bodiless = false) {
    const { port, hostname } = new URL(origin)
    this.#bodiless = bodiless
    this.socket = connect({ port: Number(port), host: hostname, noDelay: true })
    this.socket.on('data', (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes])
      this.#read()
    })
    this.socket.on('end', () => this.#over('fin'))
    this.socket.on('error', () => this.#over('rst'))
    this.socket.on('close', () => this.#over('fin'))
  }

  /** Bytes of an answer that is not whole. */
  get unfinished(): Buffer {
    return this.#rest
  }
  /** Final answers: without 100 Continue and its like. */
  get final(): readonly HttpAnswer[] {
    return this.answers.filter(answer => answer.status >= 200)
  }
  send(bytes: Uint8Array | string): void {
    if (this.socket.writable) this.socket.write(bytes)
  }
  leave(): void {
    this.socket.destroy()
  }
  /** Waits until `enough` says so, the server has ended the connection, or `ms` have passed. */
  async until(enough: (caller: Caller) => boolean, ms: number): Promise<boolean> {
    const late = performance.now() + ms
    while (!enough(this) && this.end === undefined) {
      const left = late - performance.now()
      if (left <= 0) return false
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const timer = setTimeout(resolve, left)
      await promise
      clearTimeout(timer)
    }
    if (this.fault !== undefined) throw this.fault
    return true
  }

  #read(): void {
    try {
      for (;;) {
        const parsed =
          this.#rest.length === 0 ? undefined : parse(this.#rest, this.#bodiless, this.end !== undefined)
        if (parsed === undefined) break
        this.answers.push(parsed.answer)
        this.#rest = this.#rest.subarray(parsed.length)
      }
    } catch (error) {
      this.fault ??= error as Error
    }
    this.#wake()
  }
  #over(how: 'fin' | 'rst'): void {
    this.end ??= how
    this.#read()
  }
}

/** Sends one request and reads its answer; rejects when there is none in time. */
export const exchange = async (
  origin: string,
  bytes: Uint8Array | string,
  ms = 10_000,
): Promise<HttpAnswer> => {
  const caller = new Caller(origin)
  try {
    caller.send(bytes)
    await caller.until(({ final }) => final.length > 0, ms)
    const [answer] = caller.final
    assert.ok(
      answer,
      `no answer (${caller.end ?? 'open'}): ${caller.unfinished.subarray(0, 200).toString('latin1')}`,
    )
    return answer
  } finally {
    caller.leave()
  }
}

/** `work` for every item, this many at once, in order of their beginning. */
export const abreast = async <Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item, at: number) => Promise<void>,
): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as Item, at)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

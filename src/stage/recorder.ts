import type { Json } from '../wire/json.ts'
import type { Fault } from './faults.ts'
import type { StageRefusal } from './refusal.ts'
import { type Head, headerOf, type Line, type PeerClose } from './sockets.ts'

/** What went back, as far as it went. */
export type Answered = {
  /** 0 while no status line was sent. */
  status: number
  /** Stream events (or body pieces) handed to the kernel. */
  events: number
  bytes: number
  /** The last byte of the scripted answer went out. A scripted cut is complete, too: it did what it should. */
  complete: boolean
}

/** One request as it arrived, byte for byte, and what became of it. */
export class Hit {
  readonly index: number
  readonly connection: number
  /** performance.now() milliseconds at which the head was complete. */
  readonly at: number
  readonly method: string
  /** Request target as sent: path and query. */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly rawHead: Uint8Array
  body: Uint8Array = new Uint8Array()
  /** The whole body arrived. */
  bodyComplete = false
  fault: Fault = { kind: 'ok' }
  /** Why a real provider would have refused this request, whatever the fault then answered. */
  refusal: StageRefusal | undefined
  readonly answered: Answered = { status: 0, events: 0, bytes: 0, complete: false }
  /** Settles when the body is read, or will never be. */
  readonly received: Promise<void>
  /** Settles when the answer is over: complete, broken off, or nobody is there any more. */
  readonly finished: Promise<void>
  /** Settles when the peer closes the connection before the stage does. */
  readonly closedByPeer: Promise<PeerClose>
  /** The peer left before the answer was complete. */
  abandoned = false
  readonly markReceived: () => void
  readonly markFinished: () => void
  readonly #head: Head
  readonly #line: Line

  constructor(index: number, head: Head, line: Line) {
    this.index = index
    this.connection = line.id
    this.at = performance.now()
    this.method = head.method
    this.target = head.target
    const [path = '', query = ''] = head.target.split('?', 2)
    this.path = path
    this.query = new URLSearchParams(query)
    this.headers = head.headers
    this.rawHead = head.raw
    this.#head = head
    this.#line = line
    this.closedByPeer = line.peerClose
    const received = Promise.withResolvers<void>()
    const finished = Promise.withResolvers<void>()
    this.received = received.promise
    this.finished = finished.promise
    this.markReceived = received.resolve
    this.markFinished = finished.resolve
  }

  get peerClosed(): PeerClose | undefined {
    return this.#line.peerClosed
  }

  /** The same request as if it had come to another path: for a provider that serves somebody's API under its own. */
  under(path: string): Hit {
    const query = this.target.slice(this.path.length)
    const hit = new Hit(this.index, { ...this.#head, target: path + query }, this.#line)
    hit.body = this.body
    return hit
  }

  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined {
    return headerOf(this.#head, name)
  }

  get headText(): string {
    return Buffer.from(this.rawHead).toString('latin1')
  }

  get text(): string {
    return Buffer.from(this.body).toString()
  }

  /** The body as JSON. Throws SyntaxError when it is none. */
  get json(): Json {
    return JSON.parse(this.text)
  }

  /** Head and body as one run of bytes, for searching what must not be there. */
  get raw(): Uint8Array {
    return Buffer.concat([this.rawHead, this.body])
  }
}

/** One accepted connection. */
export type Connection = {
  readonly id: number
  readonly openedAt: number
  readonly closedByPeer: Promise<PeerClose>
  /** It was reset as it opened, as the script said. */
  readonly refused: boolean
}

type Waiter = { readonly count: number; readonly resolve: (hit: Hit) => void }

/** Everything that came in, in order. */
export class Recorder {
  readonly hits: Hit[] = []
  readonly connections: Connection[] = []
  #waiters: Waiter[] = []

  add(hit: Hit): void {
    this.hits.push(hit)
    const ready = this.#waiters.filter(waiter => waiter.count <= this.hits.length)
    this.#waiters = this.#waiters.filter(waiter => waiter.count > this.hits.length)
    for (const waiter of ready) waiter.resolve(hit)
  }

  /** The `count`-th request (1 for the first), once its body is read. Rejects after `timeoutMs`. */
  async waitFor(count: number, timeoutMs: number): Promise<Hit> {
    const { promise, resolve, reject } = Promise.withResolvers<Hit>()
    const late = () =>
      reject(new Error(`request ${count} did not come within ${timeoutMs} ms; ${this.hits.length} came`))
    const timer = setTimeout(late, timeoutMs)
    const here = this.hits[count - 1]
    if (here === undefined) this.#waiters.push({ count, resolve })
    else resolve(here)
    try {
      const hit = await promise
      await hit.received
      return hit
    } finally {
      clearTimeout(timer)
    }
  }

  clear(): void {
    this.hits.length = 0
    this.connections.length = 0
  }
}

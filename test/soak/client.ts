import { type Agent, type ClientRequest, type IncomingMessage, request as send } from 'node:http'
import type { Ending } from './checks.ts'
import { endingOf, type Kind } from './kinds.ts'
import type { Turn } from './plan.ts'

export type Order = {
  readonly url: string
  readonly key: string
  readonly agent: Agent
  readonly kind: Kind
  readonly callId: string
  /** Content of a whole answer. */
  readonly expected: string
  readonly patienceMs: number
}

export type Ended = {
  readonly ending: Ending
  /** 0: none came. */
  readonly status: number
  readonly ms: number
  /** The beginning of what came, for an ending that should not be. */
  readonly seen: string
}

/** A slow reader takes this much and then looks away for so long. */
const BITE = 128 * 1024
const LOOKS_AWAY_MS = 50
const SEEN = 300

/** One request and whatever becomes of it; the promise settles once, at the latest when the patience is over. */
class Visit {
  readonly ended: Promise<Ended>
  readonly #order: Order
  readonly #turn: Turn
  readonly #pieces: Buffer[] = []
  readonly #began = performance.now()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #request: ClientRequest
  readonly #settle: (ended: Ended) => void
  #status = 0
  #over = false

  constructor(order: Order, turn: Turn) {
    this.#order = order
    this.#turn = turn
    const { promise, resolve } = Promise.withResolvers<Ended>()
    this.ended = promise
    this.#settle = resolve
    const { url, key, agent, kind, callId } = order
    const { contentType, body } = kind.ask(`soak-${kind.model}`)
    this.#request = send(url + kind.path, {
      method: 'POST',
      agent,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': contentType,
        'content-length': body.length,
        'x-litellm-call-id': callId,
      },
    })
    this.#after(order.patienceMs, () => this.#end('hung'))
    this.#request.on('error', () => this.#broke())
    this.#request.on('response', response => this.#read(response))
    this.#speak(body)
  }

  #speak(body: Buffer): void {
    if (this.#turn.leaves?.phase === 'body') {
      this.#request.write(body.subarray(0, body.length >> 1))
      return this.#leave('body')
    }
    this.#request.end(body)
    this.#leave('wait')
  }

  #read(response: IncomingMessage): void {
    this.#status = response.statusCode ?? 0
    this.#leave('head')
    let bite = 0
    response.on('data', (piece: Buffer) => {
      if (this.#pieces.length === 0) this.#leave('middle')
      this.#pieces.push(piece)
      bite += piece.length
      if (!this.#turn.slow || bite < BITE) return
      bite = 0
      response.pause()
      this.#after(LOOKS_AWAY_MS, () => response.resume())
    })
    response.on('end', () => this.#finish(response.complete))
    response.on('error', () => this.#broke())
    response.on('close', () => this.#broke())
  }

  #leave(phase: NonNullable<Turn['leaves']>['phase']): void {
    const { leaves } = this.#turn
    if (leaves?.phase !== phase || this.#over) return
    if (leaves.afterMs === 0) this.#end('left')
    else this.#after(leaves.afterMs, () => this.#end('left'))
  }

  #broke(): void {
    if (this.#status === 0) this.#end('lost')
    else this.#finish(false)
  }

  #finish(whole: boolean): void {
    if (this.#over) return
    const { kind, expected } = this.#order
    this.#end(endingOf(kind, { status: this.#status, body: Buffer.concat(this.#pieces), whole }, expected))
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms))
  }

  #end(ending: Ending): void {
    if (this.#over) return
    this.#over = true
    for (const timer of this.#timers) clearTimeout(timer)
    if (ending === 'left' || ending === 'hung') this.#request.destroy()
    const seen = Buffer.concat(this.#pieces).subarray(0, SEEN).toString()
    this.#settle({ ending, status: this.#status, ms: performance.now() - this.#began, seen })
  }
}

export const visit = (order: Order, turn: Turn): Promise<Ended> => new Visit(order, turn).ended

import {
  type Answer,
  type Sink,
  type Transport,
  TransportFault,
  type TransportFaultKind,
} from '../../../src/attempt/transport.ts'
import type { Clock } from '../../../src/house.ts'
import type { Draft, HeaderPair } from '../../../src/providers/provider.ts'
import type { Signal } from '../../../src/signal.ts'
import type { Script } from '../script.ts'
import type { Asked, Phase } from '../seen.ts'

/** Between one thing and the next at a provider. */
export const STEP_MS = 8

/** What was to be sent, as the engine gave it. */
export type Wire = { readonly draft: Draft; readonly headers: readonly HeaderPair[] }

export type Director = {
  readonly clock: Clock
  readonly asked: Asked[]
  /** `place`: how many attempts came before. */
  readonly scriptFor: (asked: Asked, place: number, wire: Wire) => Script
  /** An attempt has come so far. */
  readonly reached: (attempt: number, phase: Phase) => void
}

const FAULTS: Readonly<Record<Exclude<Script['door'], 'open'>, TransportFaultKind>> = {
  'no-name': 'dns',
  refused: 'refused',
  unreachable: 'connect_timeout',
  untrusted: 'tls',
  'no-tls': 'tls',
}

const SECRET = /^(?:authorization|(?:x-goog-|x-)?api-key|host)$/i

const askedFor = (draft: Draft, headers: readonly HeaderPair[], at: number): Asked => ({
  id: draft.origin.replace(/^https?:\/\//, '').replace(/\.matrix$/, ''),
  at,
  request: {
    method: draft.method,
    path: draft.path,
    headers: headers.filter(([name]) => !SECRET.test(name)).map(([name, value]) => `${name}: ${value}`),
    body: Buffer.concat(draft.body),
  },
  over: undefined,
  overAt: 0,
})

type Move = { readonly after: number; readonly act: () => void }

/** One exchange in virtual time with the manners of a real one: nothing flows unread or paused, and it ends once. */
class Exchange implements Answer {
  status = 0
  headers: Readonly<Record<string, string>> = {}
  readonly #director: Director
  readonly #asked: Asked
  readonly #script: Script
  readonly #signal: Signal
  readonly #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  readonly #moves: Move[] = []
  #cancel: () => void = () => {}
  #cancelLimit: () => void = () => {}
  #sink: Sink | undefined
  #paused = false
  #waiting: (() => void) | undefined
  #sent = false
  #headed = false
  #fault: TransportFault | undefined
  #place = 0
  readonly #leave = (): void =>
    this.#fail(new TransportFault('aborted', 'The client left.', this.#sent), 'aborted')

  constructor(
    director: Director,
    of: { asked: Asked; script: Script; signal: Signal; headersMs: number | undefined; connectMs: number },
    settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void },
  ) {
    this.#director = director
    this.#asked = of.asked
    this.#script = of.script
    this.#signal = of.signal
    this.#settle = settle
    this.#place = director.asked.length
    director.asked.push(of.asked)
    of.signal.addEventListener('abort', this.#leave)
    if (of.headersMs !== undefined)
      this.#cancelLimit = director.clock.after(of.headersMs, () =>
        this.#fail(new TransportFault('headers_timeout', 'No response head in time.', this.#sent), 'aborted'),
      )
    director.reached(this.#place, 'sending')
    this.#plan(of.connectMs)
    this.#next()
  }

  read(sink: Sink): void {
    this.#sink = sink
    if (this.#fault !== undefined) return sink.error(this.#fault)
    this.#wake()
  }
  pause(): void {
    this.#paused = true
  }
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    queueMicrotask(() => this.#wake())
  }
  abort(): void {
    this.#close('aborted')
  }

  #plan(connectMs: number): void {
    const { door, head, parts, ending } = this.#script
    const then = (after: number, act: () => void): void => void this.#moves.push({ after, act })
    if (door !== 'open') {
      const fault = new TransportFault(FAULTS[door], `played: ${door}`, false)
      return then(door === 'unreachable' ? connectMs : STEP_MS, () => this.#fail(fault, 'broke'))
    }
    then(STEP_MS, () => this.#mark('waiting'))
    if (head === 'nonsense')
      return then(STEP_MS, () => this.#fail(new TransportFault('protocol', 'played: no HTTP', true), 'broke'))
    if (head !== undefined) then(STEP_MS, () => this.#showHead())
    for (const { bytes, content } of parts) then(STEP_MS, () => this.#flow(() => this.#say(bytes, content)))
    if (ending === 'end') then(head === undefined ? STEP_MS : 1, () => this.#flow(() => this.#end()))
    else if (ending !== 'silence')
      then(STEP_MS, () => this.#fail(new TransportFault('reset', `played: ${ending}`, true), 'broke'))
  }
  #next(): void {
    const move = this.#moves.shift()
    if (move === undefined || this.#asked.over !== undefined) return
    this.#cancel = this.#director.clock.after(move.after, () => {
      move.act()
      if (this.#waiting === undefined) this.#next()
    })
  }
  /** Bytes wait for a reader; a connection that breaks does not. */
  #flow(act: () => void): void {
    if (this.#sink !== undefined && !this.#paused) return act()
    this.#waiting = act
  }
  #wake(): void {
    const act = this.#waiting
    if (act === undefined || this.#paused || this.#asked.over !== undefined) return
    this.#waiting = undefined
    act()
    this.#next()
  }
  #mark(phase: Phase): void {
    if (phase === 'waiting') this.#sent = true
    this.#director.reached(this.#place, phase)
  }
  #showHead(): void {
    const { head } = this.#script
    if (typeof head !== 'object') return
    this.status = head.status
    this.headers = {
      ...head.headers,
      ...(head.length === undefined ? {} : { 'content-length': String(head.length) }),
    }
    this.#cancelLimit()
    this.#headed = true
    this.#settle.resolve(this)
    this.#mark('head')
  }
  #say(bytes: Uint8Array, content: boolean): void {
    this.#sink?.data(bytes)
    if (content && this.#asked.over === undefined) this.#mark('middle')
  }
  #end(): void {
    if (this.#close('ended')) this.#sink?.end()
  }
  #fail(fault: TransportFault, over: 'broke' | 'aborted'): void {
    if (!this.#close(over)) return
    this.#fault = fault
    if (this.#headed) this.#sink?.error(fault)
    else this.#settle.reject(fault)
  }
  #close(over: NonNullable<Asked['over']>): boolean {
    if (this.#asked.over !== undefined) return false
    this.#asked.over = over
    this.#asked.overAt = this.#director.clock.now()
    this.#cancel()
    this.#cancelLimit()
    this.#signal.removeEventListener('abort', this.#leave)
    return true
  }
}

/** Providers that do what the director says, request by request. */
export const scriptedTransport = (director: Director): Transport => ({
  send: (draft, headers, limits, signal) =>
    new Promise<Answer>((resolve, reject) => {
      if (signal.aborted) return reject(new TransportFault('aborted', 'The client left.', false))
      const asked = askedFor(draft, headers, director.clock.now())
      const script = director.scriptFor(asked, director.asked.length, { draft, headers })
      new Exchange(director, { asked, script, signal, ...limits }, { resolve, reject })
    }),
  close: () => Promise.resolve(),
})

import { Worker } from 'node:worker_threads'
import type { House } from '../house.ts'
import type { Keep } from '../shared/keep.ts'
import { isMissing } from './files.ts'
import {
  type KeptText,
  type Numbered,
  type Order,
  type StoreData,
  type Trouble,
  UP,
  type Word,
} from './protocol.ts'

/** A Keep that outlives the process. */
export type Store = Keep & {
  /** All that is kept under these keys. */
  readonly getAll: (keys: readonly string[]) => Promise<ReadonlyMap<string, string>>
  /** Written together. */
  readonly putAll: (texts: readonly Omit<KeptText, 'until' | 'of'>[], ttlMs: number) => void
  /** A file that is there is opened: what is wrong with it is told now, and nobody waits for it later. Never rejects. */
  readonly look: () => Promise<void>
  /** What was put is written; waits `withinMs` at most. */
  readonly close: (withinMs: number) => Promise<void>
}

export type StoreOptions = Pick<House, 'clock' | 'event'> & {
  /** The database file; made when something is put for the first time. */
  readonly path: string
  /** Bytes of texts that are kept at most; what was kept first goes first. */
  readonly mostBytes: number
  /** A call waits this long for what is kept, opening the file included, and then goes on without. Default: 2 s. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 2_000
/** A gateway that starts waits this long for a file that is there. */
const START_MS = 5_000
/** Bytes on their way to a thread that is behind; more are not kept. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024
/** A store that failed is left alone for so long. */
const REST_MS = 10_000
const THREAD = new URL(`./thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

const SLOW: Trouble = {
  reason: 'no answer in time',
  mend: 'See whether the disk is slow or full; it is tried again by itself.',
}
const NOTHING: ReadonlyMap<string, string> = new Map()

type Waiting = { readonly bytes: number; readonly hear: (word: Word | undefined) => void }

/**
 * Texts in a SQLite file, on a thread that is started by the first use. Nothing waits for the disk but whoever asks for
 * a text, and that one for a bounded time. A store that fails is told of once, is left alone for a while, and is tried
 * again; until then nothing is found and nothing is kept.
 */
class ThreadStore implements Store {
  readonly #options: StoreOptions
  readonly #waiting = new Map<number, Waiting>()
  #thread: Worker | undefined
  #isUp = false
  #ids = 0
  #heldBytes = 0
  /** clock.now() until which it is left alone. */
  #restsUntil = 0
  #lost = false
  #closed = false

  constructor(options: StoreOptions) {
    this.#options = options
  }

  readonly getAll: Store['getAll'] = async keys => {
    if (this.#isAway() || this.#isEmpty()) return NOTHING
    const { clock, patienceMs = PATIENCE_MS } = this.#options
    const word = await this.#answer({ kind: 'get', keys, now: clock.wall() }, patienceMs)
    return word?.ok === true ? word.texts : NOTHING
  }

  readonly get: Keep['get'] = async key => (await this.getAll([key])).get(key)

  readonly put: Keep['put'] = (key, text, ttlMs, of) => this.#put([{ key, text }], ttlMs, of)

  readonly putAll: Store['putAll'] = (texts, ttlMs) => this.#put(texts, ttlMs, undefined)

  readonly forget: Keep['forget'] = of => {
    if (!this.#isAway() && !this.#isEmpty()) this.#send({ kind: 'forget', of }, 0, () => {})
  }

  readonly look: Store['look'] = async () => {
    if (!isMissing(this.#options.path)) await this.#answer({ kind: 'open' }, START_MS)
  }

  readonly close: Store['close'] = async withinMs => {
    this.#closed = true
    const leaving = this.#thread
    if (leaving === undefined) return
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(withinMs, resolve)
      this.#send({ kind: 'close' }, 0, () => {
        cancel()
        resolve()
      })
    })
    await leaving.terminate()
  }

  /** undefined: it did not come in time. */
  #answer(order: Order, withinMs: number): Promise<Word | undefined> {
    return new Promise(resolve => {
      const id = this.#send(order, 0, word => {
        cancel()
        resolve(word)
      })
      const cancel = this.#options.clock.after(withinMs, () => {
        // A thread that is not there yet, on a busy machine, says nothing of the disk.
        if (this.#isUp) this.#fail(SLOW)
        this.#settle(id, undefined)
      })
    })
  }

  /** Nobody has kept anything, and no thread is needed to find that out. */
  #isEmpty(): boolean {
    return this.#thread === undefined && isMissing(this.#options.path)
  }

  #put(given: readonly Omit<KeptText, 'until' | 'of'>[], ttlMs: number, of: string | undefined): void {
    if (this.#isAway() || !(ttlMs > 0)) return
    const bytes = given.reduce((sum, { text }) => sum + text.length, 0)
    if (this.#heldBytes + bytes > MOST_WAITING_BYTES) return this.#fail(SLOW)
    const now = this.#options.clock.wall()
    const texts = given.map(one => ({ ...one, until: now + ttlMs, of }))
    this.#send({ kind: 'put', texts, now }, bytes, () => {})
  }

  #isAway(): boolean {
    return this.#closed || (this.#lost && this.#options.clock.now() < this.#restsUntil)
  }

  #send(order: Order, bytes: number, hear: Waiting['hear']): number {
    this.#ids += 1
    this.#waiting.set(this.#ids, { bytes, hear })
    this.#heldBytes += bytes
    this.#thread ??= this.#start()
    this.#thread.postMessage({ ...order, id: this.#ids } satisfies Numbered)
    return this.#ids
  }

  #start(): Worker {
    const { path, mostBytes } = this.#options
    const workerData: StoreData = { path, mostBytes }
    const started = new Worker(THREAD, { workerData, stdout: true, stderr: true })
    const ended = (reason: string): void => {
      if (this.#thread !== started) return
      this.#thread = undefined
      this.#isUp = false
      this.#fail({ reason, mend: 'It is started again.' })
      for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined)
    }
    started.unref()
    started.on('message', (word: Word | typeof UP) => {
      if (word === UP) this.#isUp = true
      else this.#hear(word)
    })
    started.on('error', error => ended(error instanceof Error ? error.message : 'the thread failed'))
    started.on('exit', () => ended('the thread ended'))
    return started
  }

  #hear(word: Word): void {
    if (!word.ok) this.#fail(word)
    else if (this.#lost) {
      this.#lost = false
      this.#options.event('info', 'The store is back.', { file: this.#options.path })
    }
    this.#settle(word.id, word)
  }

  #settle(id: number, word: Word | undefined): void {
    const one = this.#waiting.get(id)
    if (one === undefined) return
    this.#waiting.delete(id)
    this.#heldBytes -= one.bytes
    one.hear(word)
  }

  #fail({ reason, mend }: Trouble): void {
    const { clock, event, path } = this.#options
    this.#restsUntil = clock.now() + REST_MS
    if (!this.#lost && !this.#closed)
      event('warn', 'The store is lost; calls go on without what is kept.', {
        file: path,
        reason,
        mend,
      })
    this.#lost = true
  }
}

export const openStore = (options: StoreOptions): Store => new ThreadStore(options)

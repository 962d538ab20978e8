/** Where lines end up. `write` takes the whole chunk or rejects. */
export type Target = {
  readonly write: (chunk: Buffer) => Promise<void>
  /** For the last lines of a dying process; throws. */
  readonly writeSync: (chunk: Buffer) => void
  readonly close: () => Promise<void>
}

export type SinkOptions = {
  readonly target: Target
  /** Bound of what may wait, in UTF-16 units; lines beyond it are dropped and counted. */
  readonly maxPending: number
  /** The target refused a chunk: the lines it held, and why. */
  readonly failed: (error: Error, lines: string) => void
  /** A write succeeded; `dropped` lines were lost since the one before. */
  readonly wrote: (dropped: number) => void
}

/** Lines wait this long for company, in milliseconds. */
const BATCH_MS = 50
/** A batch this large does not wait. */
const BATCH_UNITS = 256 * 1024

/** Collects lines and hands them to a target in batches, one write at a time. Adding never touches a disk. */
export class Sink {
  readonly #options: SinkOptions
  #pending = ''
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #draining: Promise<void> | undefined
  #closed = false

  constructor(options: SinkOptions) {
    this.#options = options
  }

  /** Takes a line, newline included. After close it is ignored. */
  add(line: string): void {
    if (this.#closed) return
    if (this.#pending.length + line.length > this.#options.maxPending) {
      this.#dropped += 1
      return
    }
    this.#pending += line
    if (this.#draining === undefined) this.#schedule()
  }

  /** Resolves when everything added so far was written or refused. Never rejects. */
  async flush(): Promise<void> {
    do {
      this.#start()
      await this.#draining
    } while (this.#pending !== '')
  }

  /** Writes what waits, at once, because the process is about to end. Never throws. */
  flushSync(): void {
    const lines = this.#take()
    if (lines === '') return
    try {
      this.#options.target.writeSync(Buffer.from(lines))
    } catch {
      // Nothing is left that could be told about it.
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    await this.#options.target.close()
  }

  /** A batch goes when it is large or has waited. */
  #schedule(): void {
    if (this.#pending.length >= BATCH_UNITS) this.#start()
    else if (this.#pending !== '') this.#timer ??= setTimeout(() => this.#start(), BATCH_MS)
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    // One write at a time; what comes meanwhile waits for company again, or every write would hold a line or two.
    this.#draining ??= this.#write().finally(() => {
      this.#draining = undefined
      this.#schedule()
    })
  }

  async #write(): Promise<void> {
    const lines = this.#take()
    if (lines === '') return
    try {
      await this.#options.target.write(Buffer.from(lines))
      const dropped = this.#dropped
      this.#dropped = 0
      this.#options.wrote(dropped)
    } catch (error) {
      this.#options.failed(error instanceof Error ? error : new Error(String(error)), lines)
    }
  }

  #take(): string {
    const lines = this.#pending
    this.#pending = ''
    return lines
  }
}

/** Where lines end up. `write` takes the whole chunk or rejects. */
export type Target = {
  readonly write: (chunk: Buffer) => Promise<void>
  /** For the last lines of a dying process, behind what it was given before and has not begun to write; throws. */
  readonly writeSync: (chunk: Buffer) => void
  readonly close: () => Promise<void>
}

export type SinkOptions = {
  readonly target: Target
  /** Bound of what may wait, in bytes; lines beyond it are dropped and counted. */
  readonly maxPending: number
  /** The target refused a chunk: the lines it held, and why. */
  readonly failed: (error: Error, lines: string) => void
  /** A write succeeded; `dropped` lines were lost since the one before. */
  readonly wrote: (dropped: number) => void
}

/** Lines wait this long for company, in milliseconds. */
const BATCH_MS = 50
/** A batch this large does not wait, in bytes. */
const BATCH_BYTES = 256 * 1024
/** What lines are collected in at first, and at most what is kept for the next batch; bytes. */
const FIRST_BYTES = 64 * 1024
const KEPT_BYTES = 512 * 1024
/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_A_UNIT = 3
const NEWLINE = 10

const NO_BYTES = Buffer.alloc(0)

const bytesOf = (line: string): number => Buffer.byteLength(line) + (line.endsWith('\n') ? 0 : 1)

/**
 * Lines as bytes, in memory that is used again. Kept as text a batch would be a rope of some hundred strings, which
 * every collection of garbage copies and the write flattens.
 */
class Batch {
  #bytes = NO_BYTES
  #filled = 0

  get size(): number {
    return this.#filled
  }
  /** False when the line would make it larger than `most` bytes. */
  add(line: string, most: number): boolean {
    const room = this.#filled + line.length * BYTES_A_UNIT + 1
    if (room > most && this.#filled + bytesOf(line) > most) return false
    if (room > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#bytes.length, room))
      this.#bytes.copy(larger, 0, 0, this.#filled)
      this.#bytes = larger
    }
    this.#filled += this.#bytes.write(line, this.#filled)
    // Put behind the text it would make a string of two, which is copied into one to be written.
    if (this.#bytes[this.#filled - 1] !== NEWLINE) this.#bytes[this.#filled++] = NEWLINE
    return true
  }
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#filled)
  }
  /** For the next lines; what a stuck target made large is given back. */
  clear(): void {
    this.#filled = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = NO_BYTES
  }
}

/** Collects lines and hands them to a target in batches, one write at a time. Adding never touches a disk. */
export class Sink {
  readonly #options: SinkOptions
  #pending = new Batch()
  /** The batch that is being written, or the one that takes the next turn. */
  #other = new Batch()
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #draining: Promise<void> | undefined
  #closed = false

  constructor(options: SinkOptions) {
    this.#options = options
  }

  /** Takes a line; a newline is added where it has none. After close it is ignored. */
  add(line: string): void {
    if (this.#closed) return
    if (!this.#pending.add(line, this.#options.maxPending)) {
      this.#dropped += 1
      return
    }
    if (this.#draining === undefined) this.#schedule()
  }

  /** Resolves when everything added so far was written or refused. Never rejects. */
  async flush(): Promise<void> {
    do {
      this.#start()
      await this.#draining
    } while (this.#pending.size > 0)
  }

  /** Writes what waits, at once, because the process is about to end. Never throws. */
  flushSync(): void {
    if (this.#pending.size === 0 && this.#draining === undefined) return
    try {
      this.#options.target.writeSync(this.#pending.bytes)
    } catch {
      // Nothing is left that could be told about it.
    }
    this.#pending.clear()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    await this.#options.target.close()
  }

  /** A batch goes when it is large or has waited. */
  #schedule(): void {
    if (this.#pending.size >= BATCH_BYTES) this.#start()
    else if (this.#pending.size > 0) this.#timer ??= setTimeout(() => this.#start(), BATCH_MS)
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
    const batch = this.#pending
    if (batch.size === 0) return
    this.#pending = this.#other
    this.#other = batch
    const { bytes } = batch
    try {
      await this.#options.target.write(bytes)
      const dropped = this.#dropped
      this.#dropped = 0
      this.#options.wrote(dropped)
    } catch (error) {
      this.#options.failed(error instanceof Error ? error : new Error(String(error)), bytes.toString())
    }
    batch.clear()
  }
}

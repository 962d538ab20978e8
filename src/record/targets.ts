import { appendFileSync, write as fdWrite, writeSync as fdWriteSync, mkdirSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Target } from './sink.ts'

const writeFd = promisify(fdWrite)
/** A full pipe whose reader is slow: wait and go on, in milliseconds. */
const FULL_PIPE_MS = 20

const isCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))

/** An open descriptor, standard output above all. It is not ours to close. */
export const descriptorTarget = (fd: number): Target => {
  let gone = false
  const write = async (chunk: Buffer): Promise<void> => {
    let rest = chunk
    while (rest.length > 0 && !gone) {
      try {
        const { bytesWritten } = await writeFd(fd, rest)
        rest = rest.subarray(bytesWritten)
      } catch (error) {
        if (isCode(error, 'EAGAIN', 'EBUSY')) await sleep(FULL_PIPE_MS)
        // Nobody reads any more and nobody will: every later line would fail the same way.
        else if (isCode(error, 'EPIPE', 'EBADF')) gone = true
        else throw error
      }
    }
  }
  return {
    write,
    writeSync: chunk => {
      if (!gone && chunk.length > 0) fdWriteSync(fd, chunk)
    },
    close: async () => {},
  }
}

/** The n-th older file: `requests.jsonl` → `requests.1.jsonl`; 0 is the file itself. */
export const olderPath = (path: string, n: number): string => {
  if (n === 0) return path
  const extension = extname(path)
  return `${path.slice(0, path.length - extension.length)}.${n}${extension}`
}

export type FileTargetOptions = {
  readonly path: string
  /** A file that would grow beyond this many bytes is set aside first. */
  readonly maxBytes: number
  /** How many older files stay. */
  readonly keep: number
}

/** An appended file with rotation by size. Reads its own size once, at opening. */
export class RotatingFile implements Target {
  readonly #options: FileTargetOptions
  #handle: FileHandle | undefined
  #bytes = 0
  /** A write failed half-way: the next line must not glue itself to the torn one. */
  #torn = false
  /** The chunk that is waiting for the file to be opened: none of it is with the system yet. */
  #waiting: Buffer | undefined

  constructor(options: FileTargetOptions) {
    this.#options = options
  }

  async write(chunk: Buffer): Promise<void> {
    this.#waiting = chunk
    try {
      let handle = this.#handle ?? (await this.#open())
      if (this.#bytes > 0 && this.#bytes + chunk.length > this.#options.maxBytes)
        handle = await this.#rotate(handle)
      if (this.#torn) await handle.appendFile('\n')
      // It was written meanwhile, because the process is about to end.
      if (this.#waiting === undefined) return
      this.#waiting = undefined
      await handle.appendFile(chunk)
      this.#torn = false
      this.#bytes += chunk.length
    } catch (error) {
      this.#waiting = undefined
      this.#torn = true
      // The next write opens afresh: the folder may have been made again or remounted.
      await this.close().catch(() => {})
      throw error
    }
  }

  writeSync(last: Buffer): void {
    const chunk = this.#waiting === undefined ? last : Buffer.concat([this.#waiting, last])
    this.#waiting = undefined
    if (chunk.length === 0) return
    if (this.#handle !== undefined) return void fdWriteSync(this.#handle.fd, chunk)
    // The process ends before its first batch was written.
    mkdirSync(dirname(this.#options.path), { recursive: true, mode: 0o700 })
    appendFileSync(this.#options.path, chunk, { mode: 0o600 })
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#options.path), { recursive: true, mode: 0o700 })
    const handle = await open(this.#options.path, 'a', 0o600)
    this.#handle = handle
    this.#bytes = (await handle.stat()).size
    return handle
  }

  async #rotate(handle: FileHandle): Promise<FileHandle> {
    const { path, keep } = this.#options
    const mine = await handle.stat()
    const there = await stat(path).catch(() => undefined)
    await this.close()
    // Another process that shares the folder may have set the file aside already: then only reopen.
    if (there !== undefined && there.ino === mine.ino) {
      for (let n = keep - 1; n >= 0; n--) {
        await rename(olderPath(path, n), olderPath(path, n + 1)).catch(error => {
          if (!isCode(error, 'ENOENT')) throw error
        })
      }
    }
    return this.#open()
  }
}

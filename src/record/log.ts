import { join } from 'node:path'
import { pino } from 'pino'
import { type Level, levelOf, lineOf, tidy } from './line.ts'
import { Sink } from './sink.ts'
import { descriptorTarget, RotatingFile } from './targets.ts'
import type { RequestRecord } from './trail.ts'

/** Writes what happened. No call touches a disk or throws: lines wait in memory, bounded, and go out in batches. */
export type Journal = {
  /** One line for one finished request. */
  readonly request: (record: RequestRecord) => void
  /** Anything else worth a line. Texts are cut to 1 KB; a Secret prints as [secret]. */
  readonly event: (
    level: Exclude<Level, 'silent'>,
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void
  /** Resolves when everything so far is written, or was refused. */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
}

export type JournalOptions = {
  /** Request lines go to `<dataDir>/log/requests.jsonl`, whatever the level; undefined: no file. */
  readonly dataDir?: string
  /** Request lines go to standard output too. Events always do. */
  readonly stdout: boolean
  /** Least level shown on standard output. */
  readonly level: Level
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** The descriptor that stands for standard output; default 1. */
  readonly fd?: number
  /** Bytes at which the file is set aside; default 64 MB. */
  readonly maxFileBytes?: number
}

const MAX_FILE_BYTES = 64 * 1024 * 1024
const KEEP_FILES = 4
/** 8 M UTF-16 units: some ten thousand requests while a disk is stuck. */
const MAX_PENDING = 8 * 1024 * 1024
/** A file that failed is tried again after this long. */
const RETRY_FILE_MS = 10_000
const STACK_LIMIT = 4096

const RANK: Readonly<Record<Level, number>> = { debug: 20, info: 30, warn: 40, error: 50, silent: 99 }

export const requestLogPath = (dataDir: string): string => join(dataDir, 'log', 'requests.jsonl')
/** Rotated files that may stand beside it. */
export const KEPT_REQUEST_LOGS = KEEP_FILES

const eventField = (value: unknown): unknown => {
  if (typeof value === 'string') return tidy(value)
  if (value instanceof Error)
    return { message: tidy(value.message), stack: tidy(value.stack ?? '', STACK_LIMIT) }
  return value
}

const eventFields = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, eventField(value)]))

type FileNews = {
  readonly failed: (path: string, error: Error, lines: string) => void
  readonly wrote: (path: string, dropped: number) => void
}

/** The request log's file; undefined without a data directory. */
const requestFile = (options: JournalOptions, news: FileNews): Sink | undefined => {
  if (options.dataDir === undefined) return undefined
  const path = requestLogPath(options.dataDir)
  const maxBytes = options.maxFileBytes ?? MAX_FILE_BYTES
  return new Sink({
    target: new RotatingFile({ path, maxBytes, keep: KEEP_FILES }),
    maxPending: MAX_PENDING,
    failed: (error, lines) => news.failed(path, error, lines),
    wrote: dropped => news.wrote(path, dropped),
  })
}

const eventLogger = ({ level, now }: JournalOptions, out: Sink) =>
  pino(
    {
      level,
      base: { kind: 'event' },
      timestamp: () => `,"time":${now()}`,
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => out.add(line) },
  )

export const createJournal = (options: JournalOptions): Journal => {
  const { now } = options
  /** Until this wall time the file counts as broken and its lines go to standard output. */
  let brokenUntil: number | undefined

  const out = new Sink({
    target: descriptorTarget(options.fd ?? 1),
    maxPending: MAX_PENDING,
    failed: () => {},
    wrote: dropped => {
      if (dropped > 0)
        event('warn', 'log lines were dropped: standard output is read too slowly', { dropped })
    },
  })
  const logger = eventLogger(options, out)
  const event: Journal['event'] = (level, message, fields = {}) =>
    logger[level](eventFields(fields), tidy(message))

  const shown = (level: Level): boolean => options.stdout && RANK[level] >= RANK[options.level]
  /** True when standard output had the lines anyway. */
  const mirrored = shown('info')

  const file = requestFile(options, {
    failed: (path, error, lines) => {
      // One warning for one breakdown, not one for each batch of a full disk.
      if (brokenUntil === undefined)
        event('warn', 'the request log cannot be written; its lines go to standard output', { path, error })
      brokenUntil = now() + RETRY_FILE_MS
      if (!mirrored) out.add(lines)
    },
    wrote: (path, dropped) => {
      if (brokenUntil !== undefined) event('info', 'the request log is written again', { path })
      brokenUntil = undefined
      if (dropped > 0) event('warn', 'request lines were dropped: the disk is too slow', { dropped })
    },
  })

  const request = (record: RequestRecord): void => {
    const level = levelOf(record)
    const line = lineOf(record, level, now())
    const fileBroken = brokenUntil !== undefined && now() < brokenUntil
    if (file !== undefined && !fileBroken) file.add(line)
    if (shown(level) || fileBroken) out.add(line)
  }

  const flush = async (): Promise<void> => {
    await file?.flush()
    await out.flush()
  }
  const lastLines = (): void => {
    file?.flushSync()
    out.flushSync()
  }
  // A process that ends without close still owes its last lines, above all after a crash.
  process.on('exit', lastLines)

  return {
    request,
    event,
    flush,
    close: async () => {
      process.off('exit', lastLines)
      await file?.close()
      await out.close()
    },
  }
}

import { parentPort, workerData } from 'node:worker_threads'
import type { Kysely } from 'kysely'
import type { Tables } from './migrations.ts'
import type { Numbered, Order, StoreData, Word } from './protocol.ts'
import { openSqlite } from './sqlite.ts'
import { clearTexts, readText, writeText } from './texts.ts'

/**
 * The thread that owns the database. SQLite blocks whoever calls it, for as long as the disk takes or another process
 * writes: here nobody waits for it but its own orders, which are carried out one after the other.
 */

const { path, mostBytes } = workerData as StoreData

/** Between two clearings; and so many bytes may come in before the next one. */
const CLEAR_EVERY_MS = 60_000
const CLEAR_EVERY_BYTES = Math.min(16 * 1024 * 1024, mostBytes / 4)

/** A full disk, a locked or broken file: the code says it, and no text of SQLite's repeats what was kept. */
const reasonOf = (error: unknown): string => {
  const { errstr, code, message } = error as { errstr?: string; code?: string; message?: string }
  return errstr ?? code ?? message ?? 'unknown'
}

let opened: Promise<Kysely<Tables>> | undefined
let clearedAt = Number.NEGATIVE_INFINITY
let cameIn = 0

const database = (): Promise<Kysely<Tables>> => {
  opened ??= openSqlite(path)
  // The next order tries it again: the file may have been mended meanwhile.
  opened.catch(() => {
    opened = undefined
  })
  return opened
}

const say = (word: Word): void => parentPort?.postMessage(word)

const carryOut = async (order: Exclude<Order, { kind: 'close' }>): Promise<string | undefined> => {
  const db = await database()
  if (order.kind === 'get') return readText(db, order.key, order.now)
  await writeText(db, order, order.now)
  cameIn += order.text.length
  if (order.now - clearedAt > CLEAR_EVERY_MS || cameIn > CLEAR_EVERY_BYTES) {
    clearedAt = order.now
    cameIn = 0
    await clearTexts(db, mostBytes, order.now)
  }
  return undefined
}

const close = async (): Promise<void> => {
  const db = await opened?.catch(() => undefined)
  await db?.destroy()
}

const obey = async (order: Numbered): Promise<void> => {
  try {
    if (order.kind === 'close') await close()
    const text = order.kind === 'close' ? undefined : await carryOut(order)
    say({ id: order.id, ok: true, text })
  } catch (error) {
    say({ id: order.id, ok: false, reason: reasonOf(error) })
  }
}

let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (order: Numbered) => {
  last = last.then(() => obey(order))
})

import { parentPort, workerData } from 'node:worker_threads'
import type { Kysely } from 'kysely'
import { isMissing, markOf } from './files.ts'
import type { Tables } from './migrations.ts'
import { type Numbered, type Order, type StoreData, UP, type Word } from './protocol.ts'
import { openSqlite } from './sqlite.ts'
import { clearTexts, dropTexts, readTexts, writeTexts } from './texts.ts'
import { isDamaged, troubleOf } from './trouble.ts'

/**
 * The thread that owns the database. SQLite blocks whoever calls it, for as long as the disk takes or another process
 * writes: here nobody waits for it but its own orders, which are carried out one after the other.
 */

const { path, mostBytes } = workerData as StoreData

/** Between two clearings; and so many bytes may come in before the next one. */
const CLEAR_EVERY_MS = 60_000
const CLEAR_EVERY_BYTES = Math.min(16 * 1024 * 1024, mostBytes / 4)

let opened: Promise<Kysely<Tables>> | undefined
/** What the last file came to that could not be used: it is not tried again. */
let damage: { readonly mark: string; readonly error: unknown } | undefined
let clearedAt = Number.NEGATIVE_INFINITY
let cameIn = 0

const database = (): Promise<Kysely<Tables>> => {
  if (damage !== undefined && damage.mark === markOf(path)) throw damage.error
  damage = undefined
  opened ??= openSqlite(path)
  return opened
}

const close = async (): Promise<void> => {
  const leaving = opened
  opened = undefined
  const db = await leaving?.catch(() => undefined)
  await db?.destroy()
}

const say = (word: Word): void => parentPort?.postMessage(word)

const NOTHING: ReadonlyMap<string, string> = new Map()

/** Whoever only looks makes no file. */
const writes = ({ kind }: Order): boolean => kind === 'put'

const carryOut = async (order: Exclude<Order, { kind: 'close' }>): Promise<ReadonlyMap<string, string>> => {
  if (opened === undefined && !writes(order) && isMissing(path)) return NOTHING
  const db = await database()
  if (order.kind === 'get') return readTexts(db, order.keys, order.now)
  if (order.kind === 'forget') await dropTexts(db, order.of)
  if (order.kind === 'put') await write(db, order)
  return NOTHING
}

const write = async (db: Kysely<Tables>, { texts, now }: Extract<Order, { kind: 'put' }>): Promise<void> => {
  await writeTexts(db, texts, now)
  for (const { text } of texts) cameIn += text.length
  if (now - clearedAt <= CLEAR_EVERY_MS && cameIn <= CLEAR_EVERY_BYTES) return
  clearedAt = now
  cameIn = 0
  await clearTexts(db, mostBytes, now)
}

const obey = async (order: Numbered): Promise<void> => {
  try {
    if (order.kind === 'close') await close()
    const texts = order.kind === 'close' ? NOTHING : await carryOut(order)
    say({ id: order.id, ok: true, texts })
  } catch (error) {
    // The next order opens the file anew: it may have been mended meanwhile.
    await close()
    if (isDamaged(error)) damage = { mark: markOf(path), error }
    say({ id: order.id, ok: false, ...troubleOf(error) })
  }
}

let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (order: Numbered) => {
  last = last.then(() => obey(order))
})
parentPort?.postMessage(UP)

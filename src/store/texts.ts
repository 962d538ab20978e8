import type { Kysely } from 'kysely'
import type { Tables } from './migrations.ts'
import type { KeptText } from './protocol.ts'

/** Rows that one step of a clearing takes: nobody else waits longer for the file than that takes. */
const STEP = 200
/** Rows of one statement. */
const AT_ONCE = 100

const inSteps = function* <Kind>(all: readonly Kind[]): Generator<readonly Kind[]> {
  for (let at = 0; at < all.length; at += AT_ONCE) yield all.slice(at, at + AT_ONCE)
}

/** What is kept under these keys and is not over. */
export const readTexts = async (
  db: Kysely<Tables>,
  keys: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>()
  for (const some of inSteps(keys)) {
    const rows = await db
      .selectFrom('kept_text')
      .select(['key', 'body'])
      .where('key', 'in', some)
      .where('expires_at', '>', now)
      .execute()
    for (const { key, body } of rows) found.set(key, body)
  }
  return found
}

export const writeTexts = async (
  db: Kysely<Tables>,
  texts: readonly KeptText[],
  now: number,
): Promise<void> => {
  for (const some of inSteps(texts))
    await db
      .insertInto('kept_text')
      .values(
        some.map(({ key, text, until, of = null }) => ({
          key,
          body: text,
          size: key.length + text.length,
          kept_at: now,
          expires_at: until,
          belongs_to: of,
        })),
      )
      .onConflict(conflict =>
        conflict.column('key').doUpdateSet(({ ref }) => ({
          body: ref('excluded.body'),
          size: ref('excluded.size'),
          kept_at: ref('excluded.kept_at'),
          expires_at: ref('excluded.expires_at'),
          belongs_to: ref('excluded.belongs_to'),
        })),
      )
      .execute()
}

/** What stands under this key, and what belongs to it. */
export const dropTexts = async (db: Kysely<Tables>, of: string): Promise<void> => {
  await db
    .deleteFrom('kept_text')
    .where(({ eb, or }) => or([eb('key', '=', of), eb('belongs_to', '=', of)]))
    .execute()
}

const bytesHeld = async (db: Kysely<Tables>): Promise<number> => {
  const row = await db
    .selectFrom('kept_text')
    .select(select => select.fn.sum<number | null>('size').as('held'))
    .executeTakeFirst()
  return Number(row?.held ?? 0)
}

const drop = async (db: Kysely<Tables>, keys: readonly string[]): Promise<void> => {
  await db.deleteFrom('kept_text').where('key', 'in', keys).execute()
}

/** Removes what is over, then, for as long as more than `mostBytes` are held, what was kept first. */
export const clearTexts = async (db: Kysely<Tables>, mostBytes: number, now: number): Promise<void> => {
  for (;;) {
    const over = await db
      .selectFrom('kept_text')
      .select('key')
      .where('expires_at', '<=', now)
      .limit(STEP)
      .execute()
    if (over.length === 0) break
    await drop(
      db,
      over.map(row => row.key),
    )
  }
  for (let held = await bytesHeld(db); held > mostBytes; ) {
    const oldest = await db
      .selectFrom('kept_text')
      .select(['key', 'size'])
      .orderBy('kept_at')
      .limit(STEP)
      .execute()
    const gone: string[] = []
    for (const { key, size } of oldest) {
      if (held <= mostBytes) break
      gone.push(key)
      held -= Number(size)
    }
    if (gone.length === 0) return
    await drop(db, gone)
  }
}

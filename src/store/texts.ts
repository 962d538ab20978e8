import type { Kysely } from 'kysely'
import type { Tables } from './migrations.ts'

/** A text that is kept until a moment, milliseconds since the epoch. */
export type KeptText = { readonly key: string; readonly text: string; readonly until: number }

/** Rows that one step of a clearing takes: nobody else waits longer for the file than that takes. */
const STEP = 200

/** What is kept under this key and is not over; undefined: nothing. */
export const readText = async (db: Kysely<Tables>, key: string, now: number): Promise<string | undefined> => {
  const row = await db
    .selectFrom('kept_text')
    .select('body')
    .where('key', '=', key)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row?.body
}

export const writeText = async (
  db: Kysely<Tables>,
  { key, text, until }: KeptText,
  now: number,
): Promise<void> => {
  const row = { body: text, size: key.length + text.length, kept_at: now, expires_at: until }
  await db
    .insertInto('kept_text')
    .values({ key, ...row })
    .onConflict(conflict => conflict.column('key').doUpdateSet(row))
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

import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** The tables as queries see them. Types that SQLite and PostgreSQL have in common: texts, and integers up to 2^53. */
export type Tables = {
  readonly kept_text: {
    readonly key: string
    /** Sealed before it comes here. */
    readonly body: string
    /** Bytes that it counts for. */
    readonly size: number
    /** Milliseconds since the epoch. */
    readonly kept_at: number
    readonly expires_at: number
    /** Key of what it is forgotten with. */
    readonly belongs_to: string | null
  }
}

/**
 * Every change of the tables, in the order of the names. One that has been released is never changed again: what comes
 * next is a new one.
 */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_kept_text': {
    up: async (db: Kysely<unknown>): Promise<void> => {
      await db.schema
        .createTable('kept_text')
        .addColumn('key', 'text', column => column.primaryKey())
        .addColumn('body', 'text', column => column.notNull())
        .addColumn('size', 'bigint', column => column.notNull())
        .addColumn('kept_at', 'bigint', column => column.notNull())
        .addColumn('expires_at', 'bigint', column => column.notNull())
        .execute()
      await db.schema
        .createIndex('kept_text_expires_at')
        .on('kept_text')
        .columns(['expires_at', 'size'])
        .execute()
      await db.schema.createIndex('kept_text_kept_at').on('kept_text').columns(['kept_at', 'size']).execute()
    },
  },
  '0002_belongs_to': {
    up: async (db: Kysely<unknown>): Promise<void> => {
      await db.schema.alterTable('kept_text').addColumn('belongs_to', 'text').execute()
      await db.schema.createIndex('kept_text_belongs_to').on('kept_text').column('belongs_to').execute()
    },
  },
}

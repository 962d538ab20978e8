import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { MIGRATIONS, type Tables } from './migrations.ts'

/** How long one process waits for another that writes. */
const BUSY_MS = 5_000

/** Readable by its owner only, like everything in the data directory; SQLite gives the files beside it the same mode. */
const openFile = (path: string): DatabaseSync => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
  // Readers and the one writer do not wait for each other. What a power cut takes is the last moments, never the file.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  return database
}

/** Node's driver as Kysely's SQLite dialect wants one. */
const asKyselyWants = (database: DatabaseSync): SqliteDatabase => ({
  close: () => database.close(),
  prepare: text => {
    const statement = database.prepare(text)
    const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
    return {
      reader: statement.columns().length > 0,
      all: parameters => statement.all(...values(parameters)),
      run: parameters => statement.run(...values(parameters)),
      iterate: parameters => statement.iterate(...values(parameters)),
    }
  },
})

/** Several processes may start at once: one makes the tables, the others wait and find them. */
const migrate = async (database: DatabaseSync, queries: Kysely<Tables>): Promise<void> => {
  const migrator = new Migrator({
    db: queries,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    disableTransactions: true,
  })
  database.exec('BEGIN IMMEDIATE')
  const { error } = await migrator.migrateToLatest()
  database.exec(error === undefined ? 'COMMIT' : 'ROLLBACK')
  if (error !== undefined) throw error
}

/** What every query is about. */
const COLUMNS = ['key', 'body', 'size', 'kept_at', 'expires_at', 'belongs_to'] as const

/** Opens the file, makes it when it is not there, and brings its tables up to date. Blocks its thread. Throws. */
export const openSqlite = async (path: string): Promise<Kysely<Tables>> => {
  const database = openFile(path)
  try {
    const queries = new Kysely<Tables>({ dialect: new SqliteDialect({ database: asKyselyWants(database) }) })
    await migrate(database, queries)
    await queries.selectFrom('kept_text').select(COLUMNS).limit(1).execute()
    return queries
  } catch (error) {
    database.close()
    throw error
  }
}

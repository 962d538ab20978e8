import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What a gateway has kept on disk, as another process sees it. */

export const FILES = ['store.db', 'origins.db'] as const

/** For writing, too: whoever comes after a process that was killed finishes what that one had begun. */
const opened = (path: string): DatabaseSync => new DatabaseSync(path, { timeout: 5000 })

/** How many texts of a kind there are: `transcript` and `item` in store.db, `origin` in origins.db. */
export const rowsOf = (dataDir: string, file: (typeof FILES)[number], kind: string): number => {
  const path = join(dataDir, file)
  if (!existsSync(path)) return 0
  const database = opened(path)
  try {
    const row = database.prepare('SELECT count(*) AS n FROM kept_text WHERE key LIKE ?').get(`${kind}:%`)
    return Number(row?.n ?? 0)
  } catch (error) {
    // Nobody has made its tables yet.
    if (error instanceof Error && error.message.includes('no such table')) return 0
    throw error
  } finally {
    database.close()
  }
}

/** SQLite finds nothing wrong with either file. */
export const assertWhole = (dataDir: string): void => {
  for (const file of FILES) {
    const database = opened(join(dataDir, file))
    const said = database.prepare('PRAGMA integrity_check').all()
    database.close()
    assert.deepEqual(
      said.map(row => row.integrity_check),
      ['ok'],
      file,
    )
  }
}

import type { Trouble } from './protocol.ts'

/** What is wrong with a database file, in words for whoever runs the gateway. */

const ASIDE = 'move the file away, with those beside it that end in -wal and -shm: a new one is made.'
const DAMAGED = `Stop the gateway and ${ASIDE}`
const NEWER = `Run that version; or stop the gateway and ${ASIDE}`
const FULL = 'Make room on the disk.'
const ELSE =
  'See that the gateway may read and write the file and its folder, and that the disk is a local one.'

/** SQLite's primary result codes. */
const NO_STORE = 1
const CORRUPT = 11
const NO_DATABASE = 26
const DISK_FULL = 13

const codeOf = (error: unknown): number | undefined => {
  const { errcode } = error as { readonly errcode?: unknown }
  // The upper bytes say which kind of it.
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

/** No try of the same file will go better. */
export const isDamaged = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === NO_STORE || code === CORRUPT || code === NO_DATABASE
}

const MISSING = /previously executed migration \S+ is missing/

/** A full disk, a locked or broken file: the code says it, and no text of SQLite's repeats what was kept. */
export const troubleOf = (error: unknown): Trouble => {
  const { errstr, code, message = '' } = error as { errstr?: string; code?: string; message?: string }
  if (MISSING.test(message))
    return {
      reason: 'a newer version of the gateway has made it',
      mend: NEWER,
    }
  const number = codeOf(error)
  if (number === NO_STORE) return { reason: 'its tables are not those of a store', mend: DAMAGED }
  const reason = errstr ?? code ?? (message === '' ? 'unknown' : message)
  return { reason, mend: isDamaged(error) ? DAMAGED : number === DISK_FULL ? FULL : ELSE }
}

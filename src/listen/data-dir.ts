import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Where state lives: --data-dir, UNDERSTUDY_DATA_DIR, else `.understudy` where the gateway was started. */
export const dataDirFor = (
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string => given ?? env.UNDERSTUDY_DATA_DIR ?? '.understudy'

/**
 * Makes the folder, and those above it, for its owner only. Throws when it cannot be made. Node's own recursion never
 * ends where a folder that is there lets nothing be made in it and says that there is none (`/proc/x`).
 */
export const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeFolder(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}

export type OwnKey = { readonly key: string; readonly made: boolean; readonly path: string }

/** The master key of a gateway whose configuration names none: made once, readable by its owner only. */
export const ownMasterKey = async (dataDir: string): Promise<OwnKey> => {
  const path = join(dataDir, 'master.key')
  makeFolder(dataDir)
  const key = `sk-${randomBytes(24).toString('base64url')}`
  // Written whole under another name, then linked: of several processes one makes the key, and none reads half of it.
  const draft = join(dataDir, `.master.key.${process.pid}`)
  await writeFile(draft, `${key}\n`, { mode: 0o600 })
  try {
    await link(draft, path)
    return { key, made: true, path }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { key: (await readFile(path, 'utf8')).trim(), made: false, path }
  } finally {
    await rm(draft, { force: true })
  }
}

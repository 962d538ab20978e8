import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where state lives: --data-dir, UNDERSTUDY_DATA_DIR, else `.understudy` where the gateway was started. */
export const dataDirFor = (
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string => given ?? env.UNDERSTUDY_DATA_DIR ?? '.understudy'

export type OwnKey = { readonly key: string; readonly made: boolean; readonly path: string }

/** The master key of a gateway whose configuration names none: made once, readable by its owner only. */
export const ownMasterKey = async (dataDir: string): Promise<OwnKey> => {
  const path = join(dataDir, 'master.key')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
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

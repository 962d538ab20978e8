import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '../../src/listen/serve.ts'
import { MASTER_KEY, type Owner, type Play, replyOf, rolls, type StageSet, type Start } from './harness.ts'
import { openRaw } from './raw.ts'

/** One more gateway on the configuration of another one that has ended, and on a copy of what it left behind. */
export const again = async <Set extends StageSet>(
  owner: Owner,
  { configPath, dataDir: left }: Play<Set>,
  start: Start = serve,
): Promise<Pick<Play<Set>, 'url' | 'ask' | 'close'>> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'understudy-test-'))
  await cp(left, dataDir, { recursive: true })
  const { url, close } = await start({
    configPath,
    env: { LITELLM_MASTER_KEY: MASTER_KEY },
    port: 0,
    host: '127.0.0.1',
    dataDir,
    stdout: false,
    level: 'silent',
    args: [],
    dice: rolls(),
  })
  owner.after(async () => {
    await close(1000)
    await rm(dataDir, { recursive: true, force: true })
  })
  const headers = [
    ['authorization', `Bearer ${MASTER_KEY}`],
    ['content-type', 'application/json'],
  ] as const
  const ask: Play<Set>['ask'] = async (path, body, more) => {
    const client = await openRaw(url)
    await client.request({
      path,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...more,
    })
    return replyOf(client)
  }
  return { url, ask, close }
}

import { access, mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './programs.ts'

/** The unmodified packages, by their exact versions. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@openai/codex': '0.171.0',
  '@anthropic-ai/claude-code': '2.1.197',
}

/** 240 MB come over the network and 660 MB are written: seconds on a good line, minutes on a slow one. */
const LIMIT_MS = 900_000
const SIGN_OF_LIFE_MS = 15_000

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const cacheFolder = (): string => {
  const given = process.env.XDG_CACHE_HOME
  return join(given === undefined || given === '' ? join(homedir(), '.cache') : given, 'understudy')
}

/** The environment of whoever runs this: npm may need its proxy, certificates and registry to reach anything. */
const ownEnvironment = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

const runNpm = async (folder: string, say: (line: string) => void) => {
  const begun = performance.now()
  const alive = setInterval(
    () => say(`installing the agents: ${Math.round((performance.now() - begun) / 1000)} s`),
    SIGN_OF_LIFE_MS,
  )
  try {
    return await runProgram({
      program: 'npm',
      args: [
        'install',
        ...['--prefix', folder],
        // An address that cannot be reached is tried twice, not for minutes; each try is told.
        ...['--loglevel', 'http', '--fetch-retries', '1'],
        ...['--ignore-scripts', '--no-audit', '--no-fund'],
        ...Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`),
      ],
      cwd: folder,
      env: ownEnvironment(),
      limitMs: LIMIT_MS,
      hear: piece => void process.stderr.write(piece),
    })
  } finally {
    clearInterval(alive)
  }
}

/**
 * The folder with both packages in its node_modules, in the user's cache; only the first call of these versions
 * downloads them. Rejects when npm fails; npm has told why by then.
 */
export const installed = async (say: (line: string) => void): Promise<string> => {
  const folder = join(cacheFolder(), `clients-${Object.values(PACKAGES).join('-')}`)
  if (await exists(join(folder, 'whole'))) return folder
  say(`installing ${Object.keys(PACKAGES).join(' and ')} into ${folder} (240 MB to download, once)`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true}\n')
  const { code } = await runNpm(folder, say)
  if (code === null) throw new Error(`npm install was not done within ${LIMIT_MS / 1000} s`)
  if (code !== 0) throw new Error(`npm install ended with ${code}`)
  await writeFile(join(folder, 'whole'), '')
  return folder
}

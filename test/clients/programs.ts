import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The unmodified packages, by their exact versions. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@openai/codex': '0.171.0',
  '@anthropic-ai/claude-code': '2.1.197',
}

const INSTALL_MS = 300_000

export type Ran = {
  /** null: it was killed when its time was over. */
  readonly code: number | null
  readonly said: string
}

export type Command = {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Nothing is inherited beside PATH. */
  readonly env: Readonly<Record<string, string>>
  readonly limitMs: number
}

/** What to end when this process is told to end: they are in groups of their own. */
const groups = new Set<number>()

export const endAll = (): void => {
  for (const group of groups) endGroup(group)
}

const endGroup = (group: number): void => {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

/** Runs a program in a process group of its own, and ends the whole group when its time is over. Rejects if it cannot start. */
export const runProgram = async (command: Command): Promise<Ran> => {
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: { PATH: process.env.PATH ?? '', ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    said += piece
  })
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said += piece
  })
  const { pid } = child
  if (pid !== undefined) groups.add(pid)
  const end = (): void => {
    if (pid !== undefined) endGroup(pid)
  }
  const timer = setTimeout(end, command.limitMs)
  try {
    const [code] = await once(child, 'exit')
    return { code: typeof code === 'number' ? code : null, said }
  } finally {
    clearTimeout(timer)
    // What the agent left in the background goes with it.
    end()
    if (pid !== undefined) groups.delete(pid)
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** The folder with both packages in its node_modules; the first call downloads them. Rejects when npm fails. */
export const installed = async (): Promise<string> => {
  const names = Object.entries(PACKAGES)
  const version = names.map(([, one]) => one).join('-')
  const folder = join(tmpdir(), `understudy-clients-${version}`)
  if (await exists(join(folder, 'whole'))) return folder
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true}\n')
  const { code, said } = await runProgram({
    program: 'npm',
    args: ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...names.map(one => one.join('@'))],
    cwd: folder,
    env: { HOME: process.env.HOME ?? folder },
    limitMs: INSTALL_MS,
  })
  if (code !== 0) throw new Error(`npm install failed:\n${said}`)
  await writeFile(join(folder, 'whole'), '')
  return folder
}

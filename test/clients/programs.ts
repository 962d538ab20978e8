import { spawn } from 'node:child_process'
import { once } from 'node:events'

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
  /** Hears what it says as it says it. */
  readonly hear?: (piece: string) => void
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
  const hear = (piece: string): void => {
    said += piece
    command.hear?.(piece)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
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

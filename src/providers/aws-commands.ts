import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/**
 * The commands of profiles (`credential_process`) that AWS's library has begun on this thread, and offers no way to end.
 * One that hangs would outlive the thread, once for every time that the keys are asked for.
 */
const running = new Set<ChildProcess>()
subscribe('child_process', message => {
  const { process: child } = message as { readonly process: ChildProcess }
  running.add(child)
  child.once('exit', () => running.delete(child))
})

/** What a process has begun: the library's own is a shell, and the command is the shell's. Only Linux tells. */
const childrenOf = (pid: number): readonly number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

const end = (pid: number): void => {
  for (const child of childrenOf(pid)) end(child)
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}

/** Resolves when those that ran have ended. */
export const endCommands = async (): Promise<void> => {
  const children = [...running]
  const ended = children.map(child => once(child, 'exit'))
  for (const { pid } of children) if (pid !== undefined) end(pid)
  await Promise.all(ended)
}

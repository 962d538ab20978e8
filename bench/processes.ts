import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Clock ticks per second of /proc: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS = 100

const START_MS = 10_000

export type Started = { readonly child: ChildProcess; readonly log: string; readonly startedAt: number }

export type Command = {
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd: string
}

const works = (command: string, ...parameters: string[]): boolean => {
  try {
    execFileSync(command, parameters, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** taskset is there and two cores are. */
export const canPin = works('taskset', '-c', '0,1', 'true')

const pinned = (argv: readonly string[], core: number): readonly string[] =>
  canPin ? ['taskset', '-c', String(core), ...argv] : argv

/** Starts a process on one core, its output in a file. taskset execs, so the child's pid is the program's. */
export const start = (command: Command, core: number, log: string): Started => {
  const [program = '', ...parameters] = pinned(command.argv, core)
  const descriptor = openSync(log, 'w')
  const startedAt = performance.now()
  const child = spawn(program, parameters, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', descriptor, descriptor],
  })
  closeSync(descriptor)
  return { child, log, startedAt }
}

export const stop = async ({ child }: Started): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await ended
  clearTimeout(timer)
}

/** A process that is spoken with: one message out, one message back, in turn. */
export type Partner<Order, Result> = {
  readonly first: unknown
  readonly ask: (order: Order, ms: number) => Promise<Result>
  /** As long as it is there this process does not end. */
  readonly leave: () => void
}

/** Starts a script of ours on one core and resolves with its first message. It ends with this process. */
export const startPartner = async <Order extends object, Result>(
  script: string,
  core: number,
): Promise<Partner<Order, Result>> => {
  const [program = '', ...parameters] = pinned([process.execPath, script], core)
  const child = spawn(program, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const next = (ms: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${script} says nothing for ${ms} ms`))),
        ms,
      )
      const settle = (then: () => void): void => {
        clearTimeout(timer)
        child.off('message', heard).off('exit', ended)
        then()
      }
      const heard = (message: unknown): void => settle(() => resolve(message))
      const ended = (code: number | null): void =>
        settle(() => reject(new Error(`${script} ended with ${code}`)))
      child.on('message', heard).on('exit', ended)
    })
  const first = await next(START_MS)
  return {
    first,
    ask: (order, ms) => {
      child.send(order)
      return next(ms) as Promise<Result>
    },
    leave: () => child.disconnect(),
  }
}

/** `/proc/<pid>/stat` after the command name, which may hold spaces. */
const statOf = (pid: number): readonly string[] | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** The process and all its descendants that live. */
const family = (pid: number): number[] => {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    const child = Number(entry)
    const parent = Number.isInteger(child) ? statOf(child)?.[1] : undefined
    if (parent !== undefined) parents.set(child, Number(parent))
  }
  const members = [pid]
  for (let at = 0; at < members.length; at++)
    for (const [child, parent] of parents) if (parent === members[at]) members.push(child)
  return members
}

/** User and system time of the process and its family so far, ended children included, in microseconds. */
export const cpuMicroseconds = (pid: number): number => {
  let ticks = 0
  for (const member of family(pid)) {
    const stat = statOf(member)
    // utime, stime, cutime, cstime are fields 14 to 17 of proc(5); the list begins at field 3.
    for (const field of [11, 12, 13, 14]) ticks += Number(stat?.[field] ?? 0)
  }
  return (ticks / TICKS) * 1e6
}

export type Memory = { readonly residentMb: number; readonly peakMb: number }

/** Resident memory of the family, now and at its highest. Shared pages count once for each process. */
export const memoryOf = (pid: number): Memory => {
  const sum = (field: string): number =>
    family(pid).reduce((total, member) => {
      try {
        const status = readFileSync(`/proc/${member}/status`, 'utf8')
        return total + Number(new RegExp(`${field}:\\s*(\\d+) kB`).exec(status)?.[1] ?? 0)
      } catch {
        return total
      }
    }, 0)
  return { residentMb: sum('VmRSS') / 1024, peakMb: sum('VmHWM') / 1024 }
}

/** Resolves when something listens there; rejects after `ms` or when the process has ended. */
export const listening = async (port: number, ms: number, started: Started): Promise<void> => {
  const deadline = performance.now() + ms
  while (performance.now() < deadline) {
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    if (started.child.exitCode !== null) break
    await sleep(5)
  }
  throw new Error(`nothing listens on port ${port}:\n${readFileSync(started.log, 'utf8').slice(-2000)}`)
}

import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Exploration, type Explored, explore, HELD } from './explore.ts'
import { INVARIANTS } from './invariants.ts'

/** Invariants do not travel between threads. */
export type Plan = Omit<Exploration, 'invariants'> & {
  /** Judge what does not hold yet as well. */
  readonly strict: boolean
}

const play = ({ strict, ...exploration }: Plan): Promise<Explored> =>
  explore({ ...exploration, invariants: strict ? INVARIANTS : HELD })

const elsewhere = (plan: Plan): Promise<Explored> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: plan })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

/** The schedules of consecutive seeds, shared out among the processors of this machine. */
export const exploreTogether = async (plan: Plan): Promise<Explored> => {
  const { first, schedules, progress, ...rest } = plan
  const threads = Math.max(1, Math.min(8, availableParallelism()))
  const share = Math.ceil(schedules / threads)
  const shares = Array.from({ length: threads }, (_, at) => ({
    ...rest,
    first: first + at * share,
    schedules: Math.min(share, schedules - at * share),
  }))
  const [own, ...others] = shares
  if (own === undefined) throw new Error('There is at least one thread.')
  const mine = play({ ...own, ...(progress === undefined ? {} : { progress }) })
  const all = await Promise.all([mine, ...others.map(elsewhere)])
  return {
    schedules: all.reduce((sum, one) => sum + one.schedules, 0),
    requests: all.reduce((sum, one) => sum + one.requests, 0),
    attempts: all.reduce((sum, one) => sum + one.attempts, 0),
    findings: all.flatMap(one => one.findings),
  }
}

if (!isMainThread) void play(workerData as Plan).then(explored => parentPort?.postMessage(explored))

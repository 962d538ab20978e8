/**
 * Load, faults and clients that leave, for minutes; then what is left of it.
 * usage: npm run soak -- [--minutes 5] [--warm-up 3] [--rate 100] [--workers 1] [--kill-worker] [--redis] [--seed 1] [--strict] [--write]
 *        [--samples FILE]   what each process held each second, as lines of JSON
 * Exit code 1 when a check fails.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Owner } from '../support/harness.ts'
import { checksOf, failed, type Run } from './checks.ts'
import { mayUseRedis } from './redis.ts'
import { checksTable, endingsTable, page, timesLine } from './report.ts'
import { type SoakOptions, soak } from './soak.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '3' },
    rate: { type: 'string', default: '100' },
    workers: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    'kill-worker': { type: 'boolean', default: false },
    redis: { type: 'boolean', default: false },
    samples: { type: 'string' },
    strict: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Throws for what is no number or out of bounds: a soak is never endless. */
const numberOf = (name: string, text: string, most: number, least = 0.01): number => {
  const value = Number(text)
  if (!(value >= least && value <= most)) throw new Error(`--${name} is a number from ${least} to ${most}`)
  return value
}

const optionsOf = (): SoakOptions => ({
  minutes: numberOf('minutes', flags.minutes, 120),
  warmUp: numberOf('warm-up', flags['warm-up'], 30, 0),
  rate: numberOf('rate', flags.rate, 1000),
  workers: Math.round(numberOf('workers', flags.workers, 16)),
  seed: Math.round(numberOf('seed', flags.seed, 2 ** 31)),
  killWorker: flags['kill-worker'],
  redis: flags.redis && mayUseRedis(say),
  say,
})

const samplesOf = ({ series }: Run): string =>
  series
    .flatMap(({ before, during, after }) => [...before, ...during, ...after])
    .map(sample => `${JSON.stringify(sample)}\n`)
    .join('')

const main = async (): Promise<void> => {
  if (process.platform !== 'linux') throw new Error('a soak reads /proc: it runs on Linux')
  const options = optionsOf()
  if (options.killWorker && options.workers < 2) throw new Error('--kill-worker takes --workers 2 or more')
  const undo: (() => Promise<void>)[] = []
  const owner: Owner = { after: step => void undo.unshift(step) }
  const leave = async (): Promise<void> => {
    for (const step of undo.splice(0)) await step()
  }
  // The gateway and the stages are processes of their own: they must not outlive a soak that is stopped.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void leave().then(() => process.exit(1)))
  try {
    const soaked = await soak(owner, options)
    const checks = checksOf(soaked.run, { strict: flags.strict })
    say(`\n${endingsTable(soaked)}\n\n${timesLine(soaked)}\n\n${checksTable(checks)}`)
    for (const odd of soaked.oddities) say(odd)
    for (const complaint of soaked.run.complaints.slice(0, 20)) say(complaint)
    if (flags.samples !== undefined) writeFileSync(flags.samples, samplesOf(soaked.run))
    if (flags.write)
      writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'soak.md'), page(options, soaked, checks))
    if (failed(checks)) process.exitCode = 1
  } finally {
    await leave()
  }
}

await main()

/**
 * The sixteen faults of the public Failover Bench against a gateway of its own, on every endpoint.
 * usage: npm run failoverbench -- [--fast] [--endpoints chat-stream,responses] [--only S08,S14] [--write]
 * Exit code 1 when a required check fails.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MASTER_KEY, type Owner } from '../support/harness.ts'
import { served } from '../support/process.ts'
import { bench } from './bench.ts'
import { ENDPOINTS } from './endpoints.ts'
import { page } from './page.ts'
import { countOf, endpointTable, matrix, type Report, shortOfPass, summary } from './report.ts'
import { FAST, FULL, scenariosOf } from './scenarios.ts'

const { values: flags } = parseArgs({
  options: {
    fast: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    endpoints: { type: 'string' },
    only: { type: 'string' },
  },
})

const listed = (text: string | undefined): readonly string[] | undefined =>
  text?.split(',').map(name => name.trim())

/** Throws for a name that is none: a typing error must not look like a bench that was passed. */
const chosen = <Thing>(
  all: readonly Thing[],
  names: readonly string[] | undefined,
  nameOf: (thing: Thing) => string,
) => {
  const known = all.map(nameOf)
  for (const name of names ?? [])
    if (!known.includes(name)) throw new Error(`unknown name ${name}: one of ${known.join(', ')}`)
  return all.filter(thing => names === undefined || names.includes(nameOf(thing)))
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const tell = (report: Report): void => {
  const [first] = report.endpoints
  if (first === undefined) return
  say(`\n${first.title}\n\n${endpointTable(report, first)}\n`)
  if (report.endpoints.length > 1)
    say(`every endpoint\n\n${matrix(report)}\nnot a pass elsewhere\n\n${shortOfPass(report) ?? 'nothing'}\n`)
  say(summary(report.results))
}

const main = async (): Promise<void> => {
  const undo: (() => Promise<void>)[] = []
  const owner: Owner = { after: step => void undo.unshift(step) }
  const profile = flags.fast ? FAST : FULL
  const endpoints = chosen(ENDPOINTS, listed(flags.endpoints), ({ id }) => id)
  const only = listed(flags.only)
  chosen(scenariosOf(profile), only, ({ id }) => id)
  const leave = async (): Promise<void> => {
    for (const step of undo.splice(0)) await step()
  }
  // The gateway is a process of its own: it must not outlive a bench that is stopped.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void leave().then(() => process.exit(1)))
  try {
    const began = performance.now()
    const report = await bench(owner, {
      profile,
      endpoints,
      ...(only === undefined ? {} : { only }),
      start: async config => ({ url: (await served(owner, { config })).url, key: MASTER_KEY }),
    })
    tell(report)
    const seconds = (performance.now() - began) / 1000
    say(`${report.results.length} cells in ${seconds.toFixed(0)} s`)
    const publishable = !flags.fast && only === undefined && endpoints.length === ENDPOINTS.length
    if (flags.write && !publishable) say('nothing written: the page takes whole runs with the full times')
    if (flags.write && publishable)
      writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'failover-bench.md'), page(report, seconds))
    if (countOf(report.results, 'fail') > 0) process.exitCode = 1
  } finally {
    await leave()
  }
}

await main()

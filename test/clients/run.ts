import { mkdir } from 'node:fs/promises'
import { hostname, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Owner, temporaryDirectory } from '../support/harness.ts'
import { AGENTS, type Agent } from './agents.ts'
import { type House, startHouse } from './house.ts'
import { installed } from './install.ts'
import { playRow, type Verdict } from './judge.ts'
import { keepRequests } from './keep.ts'
import { endAll } from './programs.ts'
import { ROWS, type Row } from './rows.ts'

/**
 * `npm run clients`: the unmodified agents against the gateway and two stages. `-- --only Codex` takes one of them,
 * `--row compaction` the rows with that word, `--packages <folder>` a folder with both packages, `--loud` prints what
 * they said, `--keep` writes what they sent to test/fixtures/clients. Exits 1 when a row fails.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    row: { type: 'string', default: '' },
    packages: { type: 'string' },
    keep: { type: 'boolean', default: false },
    loud: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const tell = (agent: Agent, row: Row, verdict: Verdict, seconds: number): void => {
  const { complaints, asked } = verdict
  const mark = complaints.length === 0 ? 'pass' : 'FAIL'
  say(
    `${mark}  ${agent.name.padEnd(12)}${row.name.padEnd(77)}${asked.join(' + ').padEnd(9)}${seconds.toFixed(1)} s`,
  )
  for (const complaint of complaints) say(`      ${complaint}`)
  if (values.loud) say(verdict.said)
}

const keep = (agent: Agent, what: string, { sent }: Verdict, [folder, url]: readonly [string, string]) =>
  keepRequests(`${agent.file}-${what}.json`, sent, [
    [folder, '/home/player'],
    [folder.replaceAll(/[^A-Za-z0-9]/g, '-'), '-home-player'],
    [url, 'http://127.0.0.1:4000'],
    [release(), '6.1.0'],
    [hostname(), 'theatre'],
  ])

const playAll = async (owner: Owner, house: House, packages: string): Promise<number> => {
  let failed = 0
  for (const agent of AGENTS.filter(({ name }) => name.includes(values.only)))
    for (const row of ROWS.filter(({ name }) => name.includes(values.row))) {
      const folder = await temporaryDirectory(owner)
      const [home, work] = [join(folder, 'home'), join(folder, 'work')]
      await Promise.all([mkdir(home), mkdir(work)])
      const { tap, key } = house
      const desk = { packages, home, work, url: tap.url, key, group: '', compacts: false }
      const begun = performance.now()
      const verdict = await playRow(agent, row, house, desk)
      if (verdict.complaints.length > 0) failed++
      else if (values.keep && row.keep !== undefined) await keep(agent, row.keep, verdict, [folder, tap.url])
      tell(agent, row, verdict, (performance.now() - begun) / 1000)
    }
  return failed
}

const main = async (): Promise<number> => {
  await using undo = new AsyncDisposableStack()
  const owner: Owner = { after: fn => undo.defer(fn) }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      endAll()
      void undo.disposeAsync().finally(() => process.exit(1))
    })
  const packages = values.packages ?? (await installed(say))
  return await playAll(owner, await startHouse(owner), packages)
}

const failed = await main()
say(failed === 0 ? 'every row has passed' : `${failed} ${failed === 1 ? 'row has' : 'rows have'} failed`)
process.exitCode = failed === 0 ? 0 : 1

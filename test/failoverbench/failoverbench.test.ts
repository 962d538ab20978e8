import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MASTER_KEY } from '../support/harness.ts'
import { served } from '../support/process.ts'
import { bench, cellsOf } from './bench.ts'
import { type Manners, startCareless } from './careless.ts'
import { CHAT_STREAM, ENDPOINTS } from './endpoints.ts'
import { endpointTable, matrix, type Report } from './report.ts'
import { FAST, scenariosOf } from './scenarios.ts'
import type { Verdict } from './verdict.ts'

/** What the gateway does not do yet, and the least that is accepted until it does. Everything else is a pass. */
const NOT_YET: Readonly<Record<string, Verdict>> = {
  S07: 'partial',
  S08: 'safe',
  S09: 'safe',
  S10: 'safe',
  S14: 'safe',
}

const ORDER: readonly Verdict[] = ['fail', 'safe', 'partial', 'pass']

const verdicts = ({ results }: Report): Readonly<Record<string, Verdict>> =>
  Object.fromEntries(results.map(({ cell, verdict }) => [cell.scenario.id, verdict]))

test('the sixteen faults of the public bench, with short times: no required check fails, nothing gets worse', async t => {
  const report = await bench(t, {
    profile: FAST,
    endpoints: [CHAT_STREAM],
    start: async config => ({ url: (await served(t, { config })).url, key: MASTER_KEY }),
  })
  assert.equal(report.results.length, 16)
  for (const { cell, verdict, reason } of report.results) {
    const least = NOT_YET[cell.scenario.id] ?? 'pass'
    assert.ok(
      ORDER.indexOf(verdict) >= ORDER.indexOf(least),
      `${cell.scenario.id}: ${verdict} (${reason}), expected ${least}\n${endpointTable(report, CHAT_STREAM)}`,
    )
  }
})

const against = (t: TestContext, manners: Manners, only: readonly string[]): Promise<Report> =>
  bench(t, {
    profile: FAST,
    endpoints: [CHAT_STREAM],
    only,
    start: (_config, wallUrl) => startCareless(t, wallUrl, manners),
  })

test('a gateway that ends broken answers as if they were whole fails where it should', async t => {
  const only = ['S03', 'S08', 'S09', 'S10', 'S11', 'S13', 'S14', 'S16']
  const report = await against(t, { retries: 0 }, only)
  assert.deepEqual(verdicts(report), {
    S03: 'safe',
    S08: 'fail',
    S09: 'fail',
    S10: 'safe',
    S11: 'pass',
    S13: 'pass',
    S14: 'fail',
    S16: 'safe',
  })
})

test('a gateway that asks again and again without a pause fails where it should', async t => {
  const report = await against(t, { retries: 9 }, ['S01', 'S02', 'S03', 'S04', 'S12', 'S13'])
  assert.deepEqual(verdicts(report), {
    S01: 'partial',
    S02: 'fail',
    S03: 'pass',
    S04: 'fail',
    S12: 'fail',
    S13: 'fail',
  })
})

test('a gateway that writes its own members into a request fails on answers that are whole', async t => {
  const report = await against(t, { retries: 2, adds: 'metadata' }, ['S03'])
  assert.deepEqual(verdicts(report), { S03: 'fail' })
  assert.match(report.results[0]?.reason ?? '', /nothing_added \(added: metadata\)/)
})

test('no cell of the table is empty: what cannot be has its reason', () => {
  const scenarios = scenariosOf(FAST)
  const { cells, absent } = cellsOf(scenarios, ENDPOINTS)
  const seen = { calls: [], primary: [], fallback: [], fallbackModel: '', alive: true, downMs: 0 }
  const results = cells.map(cell => ({
    cell,
    verdict: 'pass' as const,
    reason: '',
    findings: [],
    seconds: 0,
    seen: { ...seen, tellsUsage: true, incremental: true },
  }))
  const report: Report = { scenarios, endpoints: ENDPOINTS, absent, results }
  const rows = matrix(report)
    .split('\n')
    .slice(2, 2 + ENDPOINTS.length)
  for (const row of rows)
    for (const cell of row.split('|').slice(2, -1)) assert.match(cell, /^ (?:pass|n\/a \d) *$/, row)
  assert.equal(cells.length + absent.length, 16 * ENDPOINTS.length)
})

test('every model of a run has a name of its own', () => {
  const names = cellsOf(scenariosOf(FAST), ENDPOINTS).cells.flatMap(cell => [cell.primary, cell.fallback])
  assert.equal(new Set(names).size, names.length)
})

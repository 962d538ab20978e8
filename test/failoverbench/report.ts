import type { Cell, Result } from './drive.ts'
import type { Endpoint } from './endpoint.ts'
import type { Scenario } from './scenarios.ts'
import type { Verdict } from './verdict.ts'

/** A cell that cannot be: the fault does not exist on this endpoint. */
export type Absent = { readonly scenario: Scenario; readonly endpoint: Endpoint; readonly reason: string }

export type Report = {
  readonly results: readonly Result[]
  readonly absent: readonly Absent[]
  readonly scenarios: readonly Scenario[]
  readonly endpoints: readonly Endpoint[]
}

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const clean = (row: readonly string[]) => row.map(cell => cell.replaceAll('|', '\\|'))
  const all = [head, ...rows].map(clean)
  const widths = head.map((_, at) => Math.max(3, ...all.map(row => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`
  return [line(all[0] ?? []), rule, ...all.slice(1).map(line)].join('\n')
}

const attemptsOf = ({ seen }: Result): string => `${seen.primary.length} + ${seen.fallback.length}`

const gotOf = ({ seen }: Result): string => {
  const { calls } = seen
  if (calls.length === 1) return calls[0]?.told ?? ''
  const whole = calls.filter(({ complete }) => complete).length
  return `${whole} of ${calls.length} whole answers`
}

const rowOf = (result: Result): readonly string[] => [
  result.cell.scenario.id,
  result.cell.scenario.title,
  gotOf(result),
  attemptsOf(result),
  result.seconds.toFixed(1),
  result.verdict,
  result.reason,
]

/** One endpoint's rows: what happened, in full. */
export const endpointTable = ({ results }: Report, endpoint: Endpoint): string =>
  table(
    ['id', 'fault', 'what the client got', 'attempts', 'seconds', 'verdict', 'why'],
    results.filter(({ cell }) => cell.endpoint === endpoint).map(rowOf),
  )

const mark = (report: Report, scenario: Scenario, endpoint: Endpoint): string => {
  const is = (one: Pick<Cell, 'scenario' | 'endpoint'>) =>
    one.scenario.id === scenario.id && one.endpoint === endpoint
  const result = report.results.find(({ cell }) => is(cell))
  if (result !== undefined) return result.verdict === 'fail' ? 'FAIL' : result.verdict
  const absent = report.absent.find(is)
  return absent === undefined ? '' : `n/a ${reasonsOf(report).indexOf(absent.reason) + 1}`
}

const reasonsOf = ({ absent }: Report): readonly string[] => [...new Set(absent.map(({ reason }) => reason))]

/** Every scenario on every endpoint, one word a cell; `n/a` has its reason below. */
export const matrix = (report: Report): string => {
  const { scenarios, endpoints } = report
  const rows = endpoints.map(endpoint => [
    endpoint.title,
    ...scenarios.map(scenario => mark(report, scenario, endpoint)),
  ])
  const notes = reasonsOf(report).map((reason, at) => `${at + 1}. ${reason}`)
  return `${table(['', ...scenarios.map(({ id }) => id)], rows)}\n\nn/a, because:\n\n${notes.join('\n')}\n`
}

/** What is not a pass, on every endpoint but the first, in full; undefined when there is nothing. */
export const shortOfPass = ({ results, endpoints }: Report): string | undefined => {
  const short = results.filter(({ verdict, cell }) => verdict !== 'pass' && cell.endpoint !== endpoints[0])
  if (short.length === 0) return undefined
  return table(
    ['endpoint', 'id', 'what the client got', 'attempts', 'seconds', 'verdict', 'why'],
    short.map(result => {
      const [id = '', , ...rest] = rowOf(result)
      return [result.cell.endpoint.title, id, ...rest]
    }),
  )
}

export const countOf = (results: readonly Result[], verdict: Verdict): number =>
  results.filter(result => result.verdict === verdict).length

export const summary = (results: readonly Result[]): string =>
  (['pass', 'partial', 'safe', 'fail'] as const)
    .map(verdict => `${countOf(results, verdict)} ${verdict}`)
    .join(', ')

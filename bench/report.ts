import { cpus, release, totalmem } from 'node:os'
import type { Case, CaseName } from './cases.ts'
import { LATENCY_CONNECTIONS } from './cases.ts'
import { canPin, type Memory } from './processes.ts'

export type Sample = {
  /** A request's CPU time where the server is at its limit. */
  readonly cpuMicroseconds: number
  /** The same at the case's rate, which all servers carry; NaN: this one does not, or the case has no rate. */
  readonly pacedMicroseconds: number
  readonly requestsPerSecond: number
  /** Milliseconds more than the upstream alone; for a stream, until the first byte of the body. */
  readonly addedP50: number
  readonly addedP99: number
}

export type Measured = {
  readonly name: string
  readonly title: string
  readonly version: string
  readonly readyMs: number
  readonly idle: Memory
  readonly samples: Map<CaseName, readonly Sample[]>
}

export type Report = {
  readonly measured: readonly (Measured & { readonly loaded: Memory })[]
  readonly skipped: readonly string[]
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly seconds: number
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

const medianOf = (measured: Measured | undefined, name: CaseName, member: keyof Sample): number =>
  median((measured?.samples.get(name) ?? []).map(sample => sample[member]))

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map(row => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

const whole = (value: number): string => (Number.isFinite(value) ? String(Math.round(value)) : '–')
const milliseconds = (value: number): string =>
  Number.isFinite(value) ? value.toFixed(value < 10 ? 2 : 1) : '–'

/** Median of what each round says: within a round both had the same machine. */
const ratioOf = (
  one: Measured | undefined,
  other: Measured | undefined,
  name: CaseName,
  member: keyof Sample,
): number => {
  const floors = other?.samples.get(name) ?? []
  const values = one?.samples.get(name) ?? []
  const ratios = values.map((sample, at) => sample[member] / (floors[at]?.[member] ?? Number.NaN))
  return median(ratios.filter(Number.isFinite))
}
const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : '–')

const caseTable = ({ measured }: Report, one: Case): string => {
  const bare = measured.find(server => server.name === 'bare')
  const cells = (server: Measured, member: keyof Sample): string[] => {
    return [whole(medianOf(server, one.name, member)), times(ratioOf(server, bare, one.name, member))]
  }
  const rows = measured.map(server => {
    return [
      server.title,
      ...cells(server, 'cpuMicroseconds'),
      ...(one.rate === undefined ? [] : cells(server, 'pacedMicroseconds')),
      whole(medianOf(server, one.name, 'requestsPerSecond')),
      milliseconds(medianOf(server, one.name, 'addedP50')),
      milliseconds(medianOf(server, one.name, 'addedP99')),
    ]
  })
  const added = one.name === 'stream' ? 'added to first byte' : 'added'
  const paced = one.rate === undefined ? [] : [`CPU µs at ${one.rate}/s`, 'beside bare']
  const head = [
    '',
    'CPU µs a request',
    'beside bare',
    ...paced,
    'requests/s',
    `p50 ${added}, ms`,
    `p99 ${added}, ms`,
  ]
  return `### ${one.title}\n\n${table(head, rows)}\n`
}

const processTable = ({ measured }: Report): string => {
  const rows = measured.map(server => [
    server.title,
    whole(server.readyMs),
    whole(server.idle.residentMb),
    whole(server.loaded.residentMb),
    whole(server.loaded.peakMb),
  ])
  const head = ['', 'ready, ms', 'resident idle, MB', 'resident after load, MB', 'peak, MB']
  return `### Start and memory\n\n${table(head, rows)}\n`
}

type TargetRow = readonly [text: string, value: number, met: boolean, unit: string]

/** What the gateway promises itself, beside what this run says. Empty when the gateway took no part. */
const targetTable = ({ measured }: Report): string => {
  const find = (name: string) => measured.find(server => server.name === name)
  const gateway = find('gateway')
  if (gateway === undefined) return ''
  const same = ratioOf(gateway, find('bare'), '1k', 'pacedMicroseconds')
  const small = ratioOf(gateway, find('bare'), '1k', 'cpuMicroseconds')
  const large = ratioOf(gateway, find('bare'), '2m', 'cpuMicroseconds')
  const portkey = ratioOf(find('portkey'), gateway, '1k', 'cpuMicroseconds')
  const rows: readonly TargetRow[] = [
    ['CPU at 1 KB under the same load, beside the bare proxy: ≤ 2.0 ×', same, same <= 2, ' ×'],
    ['CPU at 1 KB, each at its limit, beside the bare proxy: ≤ 2.0 ×', small, small <= 2, ' ×'],
    ['CPU at 2 MB, beside the bare proxy: ≤ 1.5 ×', large, large <= 1.5, ' ×'],
    ['CPU at 1 KB, Portkey beside it: ≥ 8 ×', portkey, portkey >= 8, ' ×'],
    ['resident after start: < 150 MB', gateway.idle.residentMb, gateway.idle.residentMb < 150, ' MB'],
    ['ready: ≤ 1000 ms', gateway.readyMs, gateway.readyMs <= 1000, ' ms'],
  ]
  const told = rows
    .filter(([, value]) => Number.isFinite(value))
    .map(([text, value, met, unit]) => [
      text,
      unit === ' ×' ? times(value) : `${whole(value)}${unit}`,
      met ? 'met' : 'missed',
    ])
  return `### Targets\n\n${table(['target', 'this run', ''], told)}\n`
}

export const tables = (report: Report): string =>
  [
    ...report.cases.map(one => caseTable(report, one)),
    processTable(report),
    targetTable(report),
    skippedList(report),
  ]
    .filter(text => text !== '')
    .join('\n')

const skippedList = ({ skipped }: Report): string =>
  skipped.length === 0
    ? ''
    : `Not measured:\n\n${skipped.map(text => `- ${text.split('\n')[0]}`).join('\n')}\n`

const machine = (): string => {
  const [first] = cpus()
  return `${cpus().length} cores ${first?.model.trim() ?? ''}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.versions.node}`
}

/** docs/benchmarks.md, whole. */
export const write = (report: Report): string => `# Benchmarks

Made by \`npm run bench -- --write\`; run it on your machine, numbers from another one mean little. Other flags:
\`--quick\`, \`--only gateway,bare,nginx,portkey\`, \`--cases 1k,100k,2m,stream\`, \`--rounds\`, \`--seconds\`.

- Date: ${new Date().toISOString().slice(0, 10)}
- Machine: ${machine()}
- ${report.measured.map(server => `${server.title} ${server.version}`).join('; ')}

## Results

${tables(report)}
## Method

One upstream and one load generator for all, plain sockets on loopback, both in one process that does not sleep while
a load runs. ${
  canPin
    ? 'The server under test has core 0 for itself (taskset), that process core 1.'
    : 'No taskset here: nothing is pinned to a core, so expect more noise.'
} Each cell is the median of ${report.rounds} rounds of ${report.seconds} s; within a round the servers take turns (A B C D, A B C D, …), so that a noisy moment hits all alike. Load and upstream are warmed up first by themselves, then every server, ${report.cases.map(one => `${one.warmUp} s (${one.title})`).join(', ')}.

- **CPU µs a request**: user and system time of the server's processes (\`/proc/<pid>/stat\`, workers included) over the
  run, divided by the requests answered. In the first column each server is at its limit, and a turn of its loop serves
  many connections; at one rate for all (\`CPU µs at 2000/s\`) it sleeps and wakes for nearly every message, as a server
  does in life. On loopback the sender pays for waking a peer that sleeps, a slow server more often than a fast one;
  between machines nobody does, so here nobody has to.
- **beside bare**: the median of the rounds' own ratios. Within a round both had the same machine; from one minute to
  the next a shared one can be twice as slow.
- **requests/s**: closed loop, ${report.cases.map(one => `${one.connections} connections (${one.title})`).join(', ')}. Where a server leaves its core idle, the number shows the limit of upstream and load, not its own.
- **added latency**: the same load with ${LATENCY_CONNECTIONS} connections, minus the same load straight to the upstream.
- **ready**: from spawn to the first 200 through the server, median of ${report.rounds > 1 ? 3 : 1} starts.
- **resident**: VmRSS of all processes of the server, and the sum of their VmHWM as peak.

Every answer is checked to be a 200 with a whole body; one failure ends the run.

What each does for a request: the bare proxy (\`bench/bare-proxy.ts\`) is \`node:http\` in and undici \`dispatch\` out and
looks at nothing; nginx is \`proxy_pass\` with kept-alive upstream connections, one worker, no access log; Portkey's
gateway runs as its npm package does, with the older \`@hono/node-server\` that its streams need, provider and
address in headers; Understudy authenticates by master key, routes within one group that has a fallback, rewrites
the model name, counts tokens and cost, and writes its request log.
`

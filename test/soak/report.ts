import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release } from 'node:os'
import { VERSION } from '../../src/version.ts'
import type { Check } from './checks.ts'
import {
  LIVE_WINDOW_MS,
  LONGEST_LAG_MS,
  SHORTEST_MS,
  SMALLEST_GROWTH_MB,
  SPARE_FILES,
  STEEPEST_LIVE_MB,
  STEEPEST_MB,
} from './checks.ts'
import { PATIENCE_MS } from './house.ts'
import { FAULTY, LEAVING } from './plan.ts'
import type { Soaked, SoakOptions } from './soak.ts'

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

const table = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(header), row(header.map(() => '---')), ...rows.map(row)].join('\n')

const ENDINGS = ['whole', 'told', 'cut', 'left', 'unmarked', 'truncated', 'lost', 'hung'] as const

export const endingsTable = ({ byKind, run }: Soaked): string =>
  table(
    ['request', ...ENDINGS],
    [...[...byKind].toSorted(([a], [b]) => a.localeCompare(b)), ['all', run.endings] as const].map(
      ([kind, counts]) => [kind, ...ENDINGS.map(ending => counts[ending])],
    ),
  )

export const checksTable = (checks: readonly Check[]): string =>
  table(
    ['check', 'verdict', 'found', 'limit'],
    checks.map(({ name, verdict, found, limit }) => [name, verdict, found.replaceAll('|', '/'), limit]),
  )

export const timesLine = ({ times }: Soaked): string => {
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? Number.NaN).toFixed(0)
  return `Whole answers took ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${at(0.9999)} ms at most.`
}

const commit = (): string => {
  try {
    const cwd = import.meta.dirname
    return ` (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd, encoding: 'utf8' }).trim()})`
  } catch {
    return ''
  }
}

/** docs/soak.md, whole. */
export const page = (options: SoakOptions, soaked: Soaked, checks: readonly Check[]): string => `# Soak

Minutes of load in which much goes wrong, and then the question what is left of it. Made by
\`npm run soak -- --write\`; it tells what happened, also where that is no pass.

- Date: ${new Date().toISOString().slice(0, 10)}
- Understudy ${VERSION}${commit()}
- Machine: ${cpus().length} cores ${cpus()[0]?.model.trim() ?? ''}, Linux ${release()}, Node ${process.versions.node}; load average ${loadavg()
  .map(value => value.toFixed(1))
  .join(', ')} at the end
- ${options.minutes} minutes after ${options.warmUp} to warm up, ${options.rate} requests a second, ${options.workers} ${options.workers === 1 ? 'process' : 'workers'}${options.killWorker ? ', one killed half-way' : ''}${options.redis ? ', health shared over a server that is killed' : ''}, seed ${options.seed}

## Result

${checksTable(checks)}

${endingsTable(soaked)}

${timesLine(soaked)}

*whole*: the whole answer. *told*: an error in words. *cut*: the connection broke inside the answer, which no client takes
for an end. *left*: the client went. *unmarked*: too few bytes of plain sound, a format in which nobody in between can
tell an end from a cut. *truncated*: it looked whole and was not. *lost*: the connection ended without a byte.
*hung*: nothing for ${PATIENCE_MS / 1000} s.

## Method

Two simulated providers and the gateway are processes of their own on loopback. Each provider fails on ${FAULTY} % of its
hits: statuses, cut streams, resets, stalls, malformed events, error events, empty answers, web pages, wrong lengths.
${LEAVING} % of the clients want to leave, and most of them do before they have their answer: with half of the body sent, while they wait, at the head, at the first bytes. One in a
hundred sends 4 MB and reads 4 MB slowly. Every request asks one of the endpoints above by chance, two retries and a
fallback group behind it. What is drawn hangs on the seed alone; when things meet does not.

The gateway is asked each second what it holds ([SIGUSR2](operation.md#signals)). *Gauges are zero*: calls, attempts,
waiting, extra attempts, sleeping, probes and bytes of bodies, after the load. *Memory is level*: what is resident has
a slope, by Theil and Sen, of at most ${STEEPEST_MB} MB a minute, or grows by at most ${SMALLEST_GROWTH_MB} MB in all, from the end of the warm-up to the
end of the load (a kilobyte left behind by each request would be 6 MB a minute at 100 a second, shared by the workers);
a time shorter than ${SHORTEST_MS / 1000} s is not judged. In the first minutes memory fills up to what garbage is allowed to take,
and goes up and down by some 20 MB from then on. *What lives is level*: the slope of heap and buffers together, each time the least of ${LIVE_WINDOW_MS / 1000} s,
when garbage has just been collected, is at most ${STEEPEST_LIVE_MB} MB a minute, with the same allowance. *Descriptors are back*: at most
${SPARE_FILES} more than before the load. *The event loop is on time*: p99 of its lateness below ${LONGEST_LAG_MS} ms, from the load's beginning
to its end; judged with \`--strict\`, on a machine on which nothing else runs. *In the log*: one line for each
request that was answered.

\`--minutes\`, \`--warm-up\`, \`--rate\`, \`--workers\`, \`--seed\` change the run; \`--kill-worker\` ends one of several workers by
\`kill -9\` half-way after the warm-up: what it had inside is lost then, and the others serve on. \`--redis\` shares health over
a \`redis-server\` of its own, kills it at a third of the time after the warm-up and starts it again at two thirds. \`--samples\` keeps what was seen
each second.
`

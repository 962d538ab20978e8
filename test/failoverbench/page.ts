import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { VERSION } from '../../src/version.ts'
import type { Check } from './checks.ts'
import { baseline } from './config.ts'
import { countOf, endpointTable, matrix, type Report, shortOfPass, summary, table } from './report.ts'
import { FULL, type Scenario } from './scenarios.ts'

const commit = (): string => {
  try {
    const cwd = import.meta.dirname
    return ` (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd, encoding: 'utf8' }).trim()})`
  } catch {
    return ''
  }
}

const machine = (): string =>
  `${cpus().length} cores ${cpus()[0]?.model.trim() ?? ''}, Linux ${release()}, Node ${process.versions.node}`

const idsOf = (checks: readonly Check[], rank: Check['rank']): string =>
  checks
    .filter(check => check.rank === rank && check.own !== true)
    .map(({ id }) => `\`${id}\``)
    .join(', ')

const scenarioTable = (scenarios: readonly Scenario[]): string =>
  table(
    ['id', 'primary', 'fault', 'required', 'advisory'],
    scenarios.map(({ id, model, title, checks }) => [
      id,
      `\`${model}\``,
      title,
      idsOf(checks, 'required'),
      idsOf(checks, 'advisory'),
    ]),
  )

const headline = ({ results, endpoints: [first] }: Report): string => {
  const own = results.filter(({ cell }) => cell.endpoint === first)
  return `${countOf(own, 'pass')} of ${own.length} on the endpoint of the public bench (${summary(own)}); over every endpoint ${summary(results)}.`
}

const others = (report: Report): string => {
  const rows = shortOfPass(report)
  return rows === undefined ? '' : `### What is not a pass on the other endpoints\n\n${rows}\n`
}

/** docs/failover-bench.md, whole. */
export const page = (report: Report, seconds: number): string => {
  const [first] = report.endpoints
  return `# Failover Bench

[Failover Bench](https://github.com/failoverbench/failoverbench) is a public yardstick: a provider that breaks on
purpose in sixteen ways, and rules for what a gateway should make of each. This page is the same sixteen faults, run
by Understudy's own runner against its own fault server, on every endpoint and not only on streamed chat. It is made
by \`npm run failoverbench -- --write\` (this run: ${Math.round(seconds)} s) and tells what happened, also where that is no pass. It
is not a result of the public bench, which scores released versions itself.

- Date: ${new Date().toISOString().slice(0, 10)}
- Understudy ${VERSION}${commit()}
- Machine: ${machine()}
- Catalogue: methodology 0.1, September 2026

## Result

${headline(report)}

### ${first?.title}, the endpoint of the public bench

*attempts*: at the primary + at the fallback.

${first === undefined ? '' : endpointTable(report, first)}

### Every endpoint

${matrix(report)}
${others(report)}
## Method

**Fault server.** Plain sockets on loopback. The model's name picks the fault; the server logs when each attempt
arrives, what it did, and which members its body had. Every healthy answer is the same sixty words, 15 ms apart:
text, base64 as a picture or as sound, or a vector with one number for each word. Complete means all of them, in
order, and the dialect's own mark of a whole answer. A place such as "after 40 of 60 tokens" is a share: on an
endpoint with three pieces it is two of them, and on one that answers with a whole body it is two thirds of its bytes.

**Gateway.** A process of its own, started from a file made for the run. Baseline of the catalogue, and nothing else
that is not the gateway's default:

\`\`\`yaml
router_settings: { ${Object.entries(baseline(FULL))
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} }
\`\`\`

Every scenario on every endpoint has a primary and one fallback of its own (\`fallbacks\` and
\`context_window_fallbacks\` name it), so all of them run at the same time and none reaches another's health, budget
or limits. The fallback \`fb-ok\` is declared with \`model_info.supports_assistant_prefill: true\` and goes on from an
assistant message at the end of a request, or from a prompt that ends with the beginning of the answer;
\`fb-ok-noprefill\` is declared with nothing and refuses both with a 400. Embeddings cross only between deployments of
one model, so both are declared to be one (\`base_model\`).

**Client.** Reads as the official client libraries do: an event that is not JSON is an error, an error event is an
error, the proper end of a body without an error is a success, whatever it holds. Where an answer has no place for
the model's name (pictures, sound, compaction), the header \`x-litellm-model-group\` is read.

**Verdict.** *pass*: rescued, every check holds. *partial*: rescued, an advisory check fails, or a refusal was
answered by going round it. *safe*: not rescued, but a clear error in time, and every required check holds. *fail*: a
required check fails, a call does not end, or a cut answer looks whole. Rescued means the whole answer, and for S13
the provider's refusal. The command ends with code 1 if any cell fails.

${scenarioTable(report.scenarios)}

One required check is ours and holds for every cell: \`nothing_added\`, no attempt has a top-level member that the
client did not write. \`alive_after\` asks the cell's fallback on the cell's endpoint.

**Where this is not the public bench.** Its checks are the catalogue's; server, runner and texts are ours. The public
client skips an event that is not JSON, this one does not. The public bench runs one scenario after the other with one
\`fb-ok\` for all. \`ttft_limit\` is judged only where an answer is handed over as it is made.

**A race in S09.** The provider is silent for as long as the baseline's limit, so either may come first: a gateway has
to be quick enough after both, a timeout and a body that breaks off after 30 s. Which one it was shows in the attempts,
and may be the other one in the next run.

The same with a tenth of the waiting, for development: \`npm run failoverbench -- --fast\`; \`npm test\` runs the first
endpoint so. \`--endpoints\` and \`--only\` choose.
`
}

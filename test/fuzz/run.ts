import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'

/**
 * The generated suites again and again, each time with another seed and with more cases:
 *   npm run fuzz -- --minutes 5 [--only http] [--seed 7] [--factor 10]
 * A failure prints its seed; FUZZ_SEED=<seed> FUZZ_FACTOR=<factor> node --test <file> plays it again.
 * Ends with 1 when anything failed.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    seed: { type: 'string' },
    factor: { type: 'string', default: '10' },
  },
})

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder)
  .filter(name => name.endsWith('.test.ts') && name.includes(values.only))
  .map(name => new URL(name, folder).pathname)

type Run = { readonly ok: boolean; readonly output: string }

const run = (file: string, seed: number): Promise<Run> =>
  new Promise(resolve => {
    const env = { ...process.env, FUZZ_SEED: String(seed), FUZZ_FACTOR: values.factor }
    const child = spawn(process.execPath, ['--test', '--test-reporter=spec', file], { env })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', bytes => (output += bytes))
    child.on('close', code => resolve({ ok: code === 0, output }))
  })

const late = performance.now() + Number(values.minutes) * 60_000
let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
let failures = 0
let runs = 0
do {
  for (const file of files) {
    const startedAt = performance.now()
    const { ok, output } = await run(file, seed)
    runs += 1
    const name = file.slice(folder.pathname.length)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} seed ${seed}, ${seconds} s`)
    if (ok) continue
    failures += 1
    console.log(output.slice(output.indexOf('failing tests')))
  }
  seed += 1
} while (performance.now() < late)
console.log(`${runs} runs, ${failures} failed.`)
process.exitCode = failures === 0 ? 0 : 1

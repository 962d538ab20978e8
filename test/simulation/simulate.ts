import { parseArgs } from 'node:util'
import { INVARIANTS, NOT_SEEN, NOT_YET } from './invariants.ts'
import { exploreTogether } from './parallel.ts'
import { compare, TWINS } from './twins.ts'

/** `npm run simulate -- --schedules 100000 --seed 1`: longer than the tests, and from another seed. */
const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    /** Judge what does not hold yet as well. */
    strict: { type: 'boolean', default: false },
    /** Stop after so many findings. */
    most: { type: 'string', default: '5' },
    list: { type: 'boolean', default: false },
  },
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (values.list) {
  for (const { name, sentence } of [...INVARIANTS, ...TWINS])
    say(`${NOT_YET.has(name) ? 'not yet  ' : 'holds    '}${name}: ${sentence}`)
  for (const { what, because } of NOT_SEEN) say(`not seen ${what} (${because})`)
  process.exit(0)
}

const first = Number(values.seed)
const schedules = Number(values.schedules)
const started = performance.now()
const took = (): string => `${((performance.now() - started) / 1000).toFixed(0)} s`

say(`${schedules} schedules from seed ${first}`)
const { requests, attempts, findings } = await exploreTogether({
  first,
  schedules,
  most: Number(values.most),
  strict: values.strict,
  progress: done => {
    if (done % 5000 === 0) say(`this thread: ${done} after ${took()}`)
  },
})
for (const { seed, violation, script } of findings)
  say(`\nseed ${seed}: ${violation.invariant} at ${violation.at} ms: ${violation.text}\n${script}`)

let apart = 0
for (const twin of TWINS)
  for (let seed = first; seed < first + schedules / 20 && apart === 0; seed++) {
    const [difference] = await compare(twin, seed)
    if (difference === undefined) continue
    apart += 1
    say(`\nseed ${seed}: ${twin.name}\n${difference}`)
  }
say(`\n${requests} requests, ${attempts} attempts, ${findings.length + apart} findings in ${took()}`)
process.exitCode = findings.length + apart === 0 ? 0 : 1

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '../../src/listen/state.ts'
import { type Check, checksOf, failed, type Run, type Sample, type Series } from './checks.ts'
import { median, slopeOf } from './figures.ts'

const MB = 1024 * 1024

const IDLE: State = {
  pid: 7,
  inside: 0,
  inFlight: 0,
  waiting: 0,
  extraAttempts: 0,
  sleeping: 0,
  probes: 0,
  bodyBytes: 0,
  residentBytes: 120 * MB,
  heapBytes: 40 * MB,
  externalBytes: 4 * MB,
  lagMs: { p50: 0.2, p99: 4, max: 30 },
}

const sample = (at: number, state: Partial<State> = {}, files = 30): Sample => ({
  at,
  state: { ...IDLE, ...state },
  files,
})

const SECONDS = Array.from({ length: 300 }, (_, second) => second)
/** Up and down by 10 MB, as a heap does between collections. */
const saw = (second: number): number => ((second * 7) % 20) - 10

const levelAt = (perMinute: number, seconds = SECONDS): readonly Sample[] =>
  seconds.map(second =>
    sample(second * 1000, { residentBytes: (150 + saw(second) + (perMinute * second) / 60) * MB }, 60),
  )

const series = (more: Partial<Series> = {}): Series => ({
  pid: 7,
  whole: true,
  before: [sample(-1000)],
  during: levelAt(0),
  after: [sample(310_000, { inside: 3 }, 60), sample(330_000)],
  ...more,
})

const ENDINGS = { whole: 900, told: 40, cut: 30, left: 150, unmarked: 2, truncated: 0, lost: 0, hung: 0 }

const run = (more: Partial<Run> = {}): Run => ({
  series: [series()],
  warmAt: 60_000,
  endings: ENDINGS,
  unsent: 0,
  log: { missing: 0, double: 0 },
  killed: false,
  complaints: [],
  ...more,
})

const failures = (given: Run, strict = true): readonly string[] =>
  checksOf(given, { strict })
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ name }) => name)

const named = (given: Run, part: string): Check | undefined =>
  checksOf(given, { strict: true }).find(({ name }) => name.includes(part))

test('a quiet run passes every check', () => {
  assert.deepEqual(failures(run()), [])
  assert.equal(failed(checksOf(run(), { strict: true })), false)
})

test('a leak of a kilobyte for each of a hundred requests a second fails, under the saw of the heap', () => {
  assert.deepEqual(failures(run({ series: [series({ during: levelAt(6) })] })), ['memory is level (7)'])
})

test('what fills up while the process warms up is no leak', () => {
  const filling = SECONDS.slice(0, 60).map(second =>
    sample(second * 1000, { residentBytes: 2 * second * MB }),
  )
  const during = [...filling, ...levelAt(0, SECONDS.slice(60))]
  assert.deepEqual(failures(run({ series: [series({ during })] })), [])
  assert.deepEqual(failures(run({ series: [series({ during: levelAt(60, SECONDS.slice(0, 130)) })] })), [
    'memory is level (7)',
  ])
})

test('what lives on after each collection fails, long before it shows in what is resident', () => {
  const lives = (perMinute: number): readonly Sample[] =>
    SECONDS.map(second => {
      const garbage = (second * 7) % 60
      const kept = (perMinute * second) / 60
      return sample(second * 1000, {
        heapBytes: (40 + garbage + kept / 2) * MB,
        externalBytes: (4 + garbage + kept / 2) * MB,
      })
    })
  assert.deepEqual(failures(run({ series: [series({ during: lives(0) })] })), [])
  assert.deepEqual(failures(run({ series: [series({ during: lives(3) })] })), ['what lives is level (7)'])
})

test('memory that shrinks, or grows by less than the noise, is level', () => {
  assert.deepEqual(failures(run({ series: [series({ during: levelAt(-9) })] })), [])
  assert.deepEqual(failures(run({ series: [series({ during: levelAt(2) })] })), [])
})

test('a run too short to judge memory by says so', () => {
  const short = run({ series: [series({ during: levelAt(60, SECONDS.slice(0, 30)) })] })
  assert.deepEqual(failures(short), [])
  assert.equal(named(short, 'memory')?.verdict, 'told')
})

for (const gauge of [
  'inside',
  'inFlight',
  'waiting',
  'extraAttempts',
  'sleeping',
  'probes',
  'bodyBytes',
] as const)
  test(`a stuck gauge fails: ${gauge}`, () => {
    const stuck = run({ series: [series({ after: [sample(330_000, { [gauge]: 1 })] })] })
    assert.deepEqual(failures(stuck), ['gauges are zero (7)'])
    assert.match(named(stuck, 'gauges')?.found ?? '', new RegExp(`${gauge} 1`))
  })

test('a gauge of a process that came late counts, its baseline does not', () => {
  const late = series({ pid: 8, whole: false, before: [], after: [sample(330_000, { probes: 1 }, 99)] })
  assert.deepEqual(failures(run({ series: [series(), late] })), ['gauges are zero (8)'])
})

test('a descriptor that stays open fails', () => {
  assert.deepEqual(failures(run({ series: [series({ after: [sample(330_000, {}, 33)] })] })), [
    'descriptors are back (7)',
  ])
})

test('a process that could not be read fails, it does not pass by silence', () => {
  assert.deepEqual(failures(run({ series: [] })), ['there is somebody to look at'])
  const mute = run({ series: [series({ during: SECONDS.map(second => sample(second, { lagMs: null })) })] })
  assert.deepEqual(failures(mute), ['the event loop is on time (7)'])
  assert.deepEqual(failures(run({ series: [series({ after: [] })] })), ['descriptors are back (7)'])
})

test('a late event loop fails where nothing else runs, and is told elsewhere', () => {
  const lagMs = { p50: 1, p99: 51, max: 400 }
  const late = run({ series: [series({ during: SECONDS.map(second => sample(second * 1000, { lagMs })) })] })
  assert.deepEqual(failures(late), ['the event loop is on time (7)'])
  assert.deepEqual(failures(late, false), [])
})

test('a request that hangs, an answer that only looks whole, and silence fail', () => {
  const ends = (more: Partial<Run['endings']>): readonly string[] =>
    failures(run({ endings: { ...ENDINGS, ...more } }))
  assert.deepEqual(ends({ hung: 1 }), ['every request ends in time'])
  assert.deepEqual(ends({ truncated: 1 }), ['no cut answer looks whole'])
  assert.deepEqual(ends({ lost: 1 }), ['no connection ends without a word'])
  assert.deepEqual(ends({ whole: 0 }), ['requests were sent and answered'])
})

test('a request that is missing in the log or stands there twice fails; a killed process may miss some', () => {
  assert.deepEqual(failures(run({ log: { missing: 1, double: 0 } })), [
    'every answered request is in the log',
  ])
  assert.deepEqual(failures(run({ log: { missing: 0, double: 1 } })), ['no request is in the log twice'])
  assert.deepEqual(failures(run({ log: { missing: 9, double: 0 }, killed: true })), [])
  assert.deepEqual(failures(run({ log: { missing: 9, double: 1 }, killed: true })), [
    'no request is in the log twice',
  ])
})

test('load that was not sent, and a process that complains, fail', () => {
  assert.deepEqual(failures(run({ unsent: 1 })), ['everything due was sent'])
  assert.deepEqual(failures(run({ complaints: ['TypeError: x'] })), ['no process complains'])
})

test('the slope is that of most points, whatever a few of them are', () => {
  const points = SECONDS.map(at => ({ at, value: at % 5 === 0 ? 9999 : 3 * at }))
  assert.ok(Math.abs(slopeOf(points) - 3) < 0.1)
  assert.equal(median([3, 1, 2, 10]), 2.5)
  assert.ok(Number.isNaN(slopeOf([])))
})

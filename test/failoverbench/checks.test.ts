import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHAT_STREAM } from './endpoints.ts'
import type { Call, Observation } from './observation.ts'
import { FULL, type Scenario, scenariosOf } from './scenarios.ts'
import { judge } from './verdict.ts'
import type { Arrival } from './wall.ts'

const arrival = (at: number, more: Partial<Arrival> = {}): Arrival => ({
  at,
  did: 'whole',
  answered: false,
  refusedPrefill: false,
  foreign: [],
  ...more,
})

const arrivals = (...times: readonly number[]): readonly Arrival[] => times.map(at => arrival(at))

const WHOLE: Call = {
  sentAt: 0,
  seconds: 1,
  outcome: 'answer',
  complete: true,
  told: 'the whole answer',
  model: 'fb-ok',
  usage: true,
}
const CUT: Call = { ...WHOLE, complete: false, told: '40 of 60 words, then the end of a success' }
const REFUSED: Call = { ...WHOLE, outcome: 'error', complete: false, told: 'HTTP 400', usage: false }
const HUNG: Call = {
  ...WHOLE,
  outcome: 'hang',
  complete: false,
  told: 'nothing more, and no end',
  seconds: 200,
}

const SEEN: Observation = {
  calls: [WHOLE],
  primary: arrivals(0),
  fallback: arrivals(10),
  fallbackModel: 'fb-ok',
  alive: true,
  tellsUsage: true,
  incremental: true,
  downMs: 0,
}

const outage = (count: number): readonly Call[] =>
  Array.from({ length: count }, (_, number) => ({ ...WHOLE, sentAt: number * 4000 }))

const FLAP: Observation = {
  ...SEEN,
  calls: outage(20),
  primary: [...arrivals(0, 20_000, 40_000), arrival(64_000, { answered: true })],
  downMs: 60_000,
}

/** What a gateway without fault makes of each scenario. */
const GOOD: Readonly<Record<string, Partial<Observation>>> = {
  S01: { primary: arrivals(0, 2010), fallback: [] },
  S02: { primary: arrivals(0, 400, 1200) },
  S03: { primary: arrivals(0, 300), fallback: [] },
  S05: { primary: arrivals(0, 300), fallback: [] },
  S11: { fallback: [] },
  S13: { calls: [REFUSED], fallback: [] },
  S15: FLAP,
}

/** For each check of each scenario: the least that has to go wrong to turn it red. */
const BAD: Readonly<Record<string, Readonly<Record<string, Partial<Observation>>>>> = {
  S01: {
    retried: { primary: arrivals(0) },
    retry_after_honoured: { primary: arrivals(0, 1799) },
    no_hammer: { primary: arrivals(0, 700, 1499) },
  },
  S02: {
    no_hammer: { primary: arrivals(0, 500, 1000, 1500, 2999) },
    bounded_attempts: { primary: arrivals(0, 3000, 6000, 9000, 12_000, 15_000, 18_000) },
    no_hang: { calls: [HUNG] },
  },
  S03: { no_hang: { calls: [HUNG] }, same_provider_retry: { primary: arrivals(0) } },
  S04: {
    bounded_attempts: { primary: arrivals(0, 1, 2, 3, 4, 5, 6) },
    no_hang: { calls: [HUNG] },
  },
  S05: { no_hang: { calls: [HUNG] } },
  S06: {
    within_budget: { calls: [{ ...WHOLE, seconds: 100.1 }] },
    no_hang: { calls: [HUNG] },
    silent_route_not_retried: { primary: arrivals(0, 30_000) },
  },
  S07: { no_hang: { calls: [HUNG] }, ttft_limit: { calls: [{ ...WHOLE, seconds: 20.9 }] } },
  S08: { no_truncated_success: { calls: [CUT] }, no_hang: { calls: [HUNG] } },
  S09: {
    bounded: { calls: [{ ...WHOLE, seconds: 45.1 }] },
    no_truncated_success: { calls: [CUT] },
    alive_after: { alive: false },
    no_hang: { calls: [HUNG] },
  },
  S10: {
    alive_after: { alive: false },
    no_garbage: { calls: [CUT] },
    no_hang: { calls: [HUNG] },
    recovered_in_place: { calls: [REFUSED] },
  },
  S11: {
    prompt_finalise: { calls: [{ ...WHOLE, seconds: 8.1 }] },
    usage_reported: { calls: [{ ...WHOLE, usage: false }] },
  },
  S12: { no_same_model_retry: { primary: arrivals(0, 500) }, no_hang: { calls: [HUNG] } },
  S13: {
    no_same_model_retry: { primary: arrivals(0, 500) },
    no_hang: { calls: [HUNG] },
    fallback_attempted: { fallback: [] },
  },
  S14: {
    no_prefill_masking: { calls: [REFUSED], fallback: [arrival(10, { refusedPrefill: true })] },
    no_truncated_success: { calls: [CUT] },
  },
  S15: {
    no_hang: { calls: [...outage(19), HUNG] },
    served_during_outage: { calls: [REFUSED, ...outage(20).slice(1)] },
    recovered: { primary: [...arrivals(0), arrival(90_001, { answered: true })] },
    probe_discipline: { primary: [...arrivals(...outage(16).map(({ sentAt }) => sentAt)), ...FLAP.primary] },
  },
  S16: {
    reports_fallback_model: { calls: [{ ...WHOLE, model: 'fb-s16-503-persistent' }] },
    usage_present: { calls: [{ ...WHOLE, usage: false }] },
    bounded_attempts: { primary: arrivals(0, 1, 2, 3, 4, 5, 6) },
  },
}

const seenIn = ({ id }: Scenario, more: Partial<Observation> = {}): Observation => ({
  ...SEEN,
  ...GOOD[id],
  ...more,
})

const LEAKED: Partial<Observation> = { fallback: [arrival(10, { foreign: ['metadata'] })] }

for (const scenario of scenariosOf(FULL)) {
  const judged = (more: Partial<Observation>) =>
    judge(scenario.ideal, scenario.checks, seenIn(scenario, more))

  test(`${scenario.id} passes a gateway without fault`, () => {
    const { verdict, reason } = judged({})
    assert.equal(verdict, 'pass', reason)
  })

  const bad: (typeof BAD)[string] = { ...BAD[scenario.id], nothing_added: LEAKED }

  test(`${scenario.id} has a way to fail for each of its checks`, () => {
    assert.deepEqual(Object.keys(bad).sort(), scenario.checks.map(({ id }) => id).sort())
  })

  for (const check of scenario.checks)
    test(`${scenario.id} sees red at ${check.id}, and it weighs what it should`, () => {
      const { verdict, findings } = judged(bad[check.id] ?? {})
      assert.equal(findings.find(found => found.check.id === check.id)?.ok, false)
      const worst = findings.filter(({ ok }) => ok === false).map(found => found.check.rank)
      if (worst.includes('required')) assert.equal(verdict, 'fail')
      else assert.notEqual(verdict, 'fail')
      if (check.rank === 'required') assert.equal(verdict, 'fail')
    })
}

const find = (id: string): Scenario => scenariosOf(FULL).find(scenario => scenario.id === id)!

test('an advisory check alone makes a rescued call partial', () => {
  const scenario = find('S01')
  const seen = seenIn(scenario, { primary: arrivals(0, 400) })
  assert.equal(judge(scenario.ideal, scenario.checks, seen).verdict, 'partial')
})

test('an answer that comes whole may be slow, and a format without usage tells none', () => {
  const slow = { ...WHOLE, seconds: 20.9, usage: false }
  for (const [id, more] of [
    ['S07', { incremental: false }],
    ['S16', { tellsUsage: false }],
  ] as const) {
    const scenario = find(id)
    const seen = seenIn(scenario, { calls: [slow], ...more })
    assert.equal(judge(scenario.ideal, scenario.checks, seen).verdict, 'pass', id)
  }
})

test('a clear error in time is safe, never a pass', () => {
  const scenario = find('S08')
  assert.equal(judge(scenario.ideal, scenario.checks, seenIn(scenario, { calls: [REFUSED] })).verdict, 'safe')
})

test('one lost call of twenty is no pass', () => {
  const scenario = find('S15')
  const calls = [...outage(19), { ...REFUSED, sentAt: 76_000 }]
  assert.equal(judge(scenario.ideal, scenario.checks, seenIn(scenario, { calls })).verdict, 'safe')
})

test('going round a refusal is partial', () => {
  const scenario = find('S13')
  const seen = seenIn(scenario, { calls: [WHOLE], fallback: arrivals(10) })
  assert.equal(judge(scenario.ideal, scenario.checks, seen).verdict, 'partial')
})

test('a cut answer that looks whole fails every scenario, also those without a check for it', () => {
  for (const scenario of scenariosOf(FULL)) {
    const { verdict } = judge(scenario.ideal, scenario.checks, seenIn(scenario, { calls: [CUT] }))
    assert.equal(verdict, 'fail', scenario.id)
  }
})

test('sixteen scenarios with the names of the catalogue, and every one can be on the endpoint of the catalogue', () => {
  const all = scenariosOf(FULL)
  assert.deepEqual(
    all.map(({ id }) => id),
    Array.from({ length: 16 }, (_, at) => `S${String(at + 1).padStart(2, '0')}`),
  )
  for (const scenario of all) {
    assert.match(scenario.model, new RegExp(`^fb-${scenario.id.toLowerCase()}-`))
    assert.equal(scenario.cannot(CHAT_STREAM), undefined)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILOVER_MUTANTS } from './failover-mutants.ts'
import { generate } from './generate.ts'
import { HEDGE_MUTANTS } from './hedge-mutants.ts'
import { INVARIANTS } from './invariants.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { run } from './run.ts'
import type { Scenario } from './scenario.ts'
import { TWIN_MUTANTS } from './twin-mutants.ts'
import { compare, TWINS } from './twins.ts'

/** Within so many schedules a broken part must have been noticed. */
const MOST = 400

function* schedules(): Generator<Scenario> {
  for (let seed = 1; seed <= MOST; seed++) yield generate(seed)
}

const options = ({ sabotage, forge }: Mutant) => ({
  ...(sabotage === undefined ? {} : { sabotage }),
  ...(forge === undefined ? {} : { forge }),
})

for (const mutant of [...MUTANTS, ...HEDGE_MUTANTS, ...FAILOVER_MUTANTS])
  test(`noticed: ${mutant.breaks} (${mutant.noticedBy})`, async () => {
    const invariants = INVARIANTS.filter(({ name }) => name === mutant.noticedBy)
    assert.equal(invariants.length, 1, 'there is such an invariant')
    const scenarios = mutant.scenario === undefined ? schedules() : [mutant.scenario]
    for (const scenario of scenarios)
      if ((await run(scenario, { invariants, ...options(mutant) })).violations.length > 0) return
    assert.fail('nobody noticed')
  })

for (const mutant of TWIN_MUTANTS)
  test(`noticed: ${mutant.breaks} (${mutant.noticedBy})`, async () => {
    const twin = TWINS.find(({ name }) => name === mutant.noticedBy)
    assert.ok(twin, 'there is such a comparison')
    for (let seed = 1; seed <= MOST; seed++)
      if ((await compare(twin, seed, options(mutant))).length > 0) return
    assert.fail('nobody noticed')
  })

test('every invariant has a mutant that it notices', () => {
  const noticed = new Set([...MUTANTS, ...HEDGE_MUTANTS, ...TWIN_MUTANTS].map(({ noticedBy }) => noticedBy))
  const without = [...INVARIANTS, ...TWINS].filter(({ name }) => !noticed.has(name)).map(({ name }) => name)
  assert.deepEqual(without, [])
})

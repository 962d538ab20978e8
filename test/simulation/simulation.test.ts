import assert from 'node:assert/strict'
import { test } from 'node:test'
import { smallest } from './explore.ts'
import { FOUND } from './found.ts'
import { generate } from './generate.ts'
import { INVARIANTS, NOT_SEEN, NOT_YET } from './invariants.ts'
import { MUTANTS } from './mutants.ts'
import { exploreTogether } from './parallel.ts'
import { printed } from './print.ts'
import { run } from './run.ts'
import { actsOf } from './scenario.ts'
import { compare, TWINS } from './twins.ts'

const SCHEDULES = 5000
const TWIN_SCHEDULES = 150

test(`${SCHEDULES} schedules keep every invariant`, async t => {
  const { requests, attempts, findings } = await exploreTogether({
    first: 1,
    schedules: SCHEDULES,
    strict: false,
  })
  t.diagnostic(`${requests} requests, ${attempts} attempts`)
  const told = findings.map(
    ({ seed, violation, script }) =>
      `seed ${seed}, ${violation.invariant} at ${violation.at} ms: ${violation.text}\nthe smallest script that shows it:\n${script}`,
  )
  assert.equal(findings.length, 0, told.join('\n\n'))
  // A generator that has nobody fail over proves nothing.
  assert.ok(attempts > requests * 1.1, 'many requests take several attempts')
})

for (const twin of TWINS)
  test(`${TWIN_SCHEDULES} pairs: ${twin.sentence}`, async () => {
    for (let seed = 1; seed <= TWIN_SCHEDULES; seed++)
      assert.deepEqual(await compare(twin, seed), [], `seed ${seed}`)
  })

test('a seed replays exactly', async () => {
  for (const seed of [3, 14, 159, 2653]) {
    const once = (await run(generate(seed))).hash()
    // Whatever was played in between.
    await run(generate(seed + 1))
    assert.equal((await run(generate(seed))).hash(), once, `seed ${seed}`)
    assert.notEqual((await run(generate(seed + 1))).hash(), once)
  }
})

test('invariants have names and sentences of their own, and what is not judged or not seen says why', () => {
  const names = INVARIANTS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { name, sentence } of INVARIANTS) assert.match(sentence, /^[A-Z].+\.$/, name)
  for (const [name, because] of NOT_YET) {
    assert.ok(names.includes(name), `${name} is an invariant`)
    assert.notEqual(because, '')
  }
  for (const { what, because } of NOT_SEEN) assert.ok(what !== '' && because !== '')
})

for (const { name, guards, scenario, pending } of FOUND)
  test(`found${pending === undefined ? '' : ', not mended yet'}: ${name}`, async () => {
    const invariants = INVARIANTS.filter(invariant => invariant.name === guards)
    assert.equal(invariants.length, 1)
    const { violations } = await run(scenario, { invariants })
    if (pending === undefined) assert.deepEqual(violations, [])
    else assert.notEqual(violations.length, 0, 'it holds now: take `pending` out')
  })

test('a failing schedule is made small, and what is left still fails', async () => {
  const mutant = MUTANTS.find(({ noticedBy }) => noticedBy === 'restsOnlyGrow')
  assert.ok(mutant?.sabotage)
  const invariants = INVARIANTS.filter(({ name }) => name === mutant.noticedBy)
  const options = { invariants, sabotage: mutant.sabotage }
  for (let seed = 1; ; seed++) {
    const scenario = generate(seed)
    const [violation] = (await run(scenario, options)).violations
    if (violation === undefined) continue
    const shrunk = await smallest(scenario, violation, { sabotage: mutant.sabotage })
    assert.ok((await run(shrunk.scenario, options)).violations.length > 0)
    assert.ok(shrunk.scenario.clients.length <= 2, JSON.stringify(shrunk.scenario.clients))
    assert.ok(actsOf(shrunk.scenario).length <= 3)
    const script = printed(shrunk.scenario, violation)
    // What is printed is the scenario itself: it can be pasted and played.
    const pasted: { readonly scenario: unknown } = new Function(`return ${script.trim().replace(/,$/, '')}`)()
    assert.deepEqual(pasted.scenario, shrunk.scenario)
    return
  }
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Deployment, RouterSettings } from '../config/config.ts'
import { domainOf, type How, select } from './select.ts'
import { pickedId, testBench, testDeployment, testFailure, testRoute, testWish } from './testing.ts'
import type { Choice, Wish } from './wish.ts'

/** Who may be asked while something rests, where none of LiteLLM's cooldown keys is written. */

const d = (id: string, parts: Omit<Parameters<typeof testDeployment>[0], 'id'> = {}) =>
  testDeployment({ id, ...parts })
const server = testFailure('transient')
const open = new AbortController().signal

const scene = (deployments: readonly Deployment[], router: Partial<RouterSettings> = {}) => {
  const bench = testBench({ deployments, router })
  const desk = () => ({ config: bench.config, board: bench.board, clock: bench.clock, dice: bench.dice })
  const choose = (how: How = {}, wish: Partial<Wish> = {}): Choice =>
    select(testWish(deployments, wish), new Set(), desk(), how)
  /** Everybody who is picked in many rounds. */
  const picks = (how: How = {}, wish: Partial<Wish> = {}): readonly string[] => {
    const found = new Set<string>()
    for (let round = 0; round < 60; round += 1) {
      const choice = choose(how, wish)
      if (choice.kind === 'nothing') return []
      found.add(pickedId(choice))
    }
    return [...found].toSorted()
  }
  const soften = (...ids: readonly string[]) => {
    for (const id of ids) for (let count = 0; count < 3; count += 1) bench.attempt(id, server)
  }
  return { ...bench, choose, picks, soften }
}

const elsewhere: How = { hasFallback: () => true }
const nothing = (choice: Choice) => {
  if (choice.kind === 'picked') assert.fail(`picked ${choice.candidate.deployment.id}`)
  return choice
}

describe('panic', () => {
  test('half of the group is enough: soft rests hold', () => {
    const { soften, picks } = scene([d('a'), d('b')])
    soften('a')
    assert.deepEqual(picks(), ['b'])
    const four = scene([d('a'), d('b'), d('c'), d('e')])
    four.soften('a', 'b')
    assert.deepEqual(four.picks(), ['c', 'e'])
  })

  test('less than half and no fallback: soft rests are set aside; with a fallback they hold', () => {
    const { soften, picks, choose } = scene([d('a'), d('b'), d('c')])
    soften('a', 'b')
    assert.deepEqual(picks(), ['a', 'b', 'c'])
    assert.deepEqual(picks(elsewhere), ['c'])
    soften('c')
    assert.deepEqual(picks(), ['a', 'b', 'c'])
    const choice = nothing(choose(elsewhere))
    assert.deepEqual([choice.reason, choice.status], ['cooling', 429])
  })

  test('hard rests and rate limits are never set aside', () => {
    const { soften, attempt, picks, choose } = scene([d('soft'), d('hard'), d('limited')])
    soften('soft')
    attempt('hard', testFailure('credential'))
    attempt('limited', testFailure('rate_limit'))
    assert.deepEqual(picks(), ['soft'])
    const firm = scene([d('hard'), d('limited')])
    firm.attempt('hard', testFailure('quota'))
    firm.attempt('limited', testFailure('rate_limit', { retryAfterMs: 37_000 }))
    const choice = nothing(firm.choose())
    assert.deepEqual([choice.reason, choice.retryAfterMs], ['cooling', 37_000])
    assert.match(choice.message, /All deployments .*cooldown_list=\['limited', 'hard'\]/)
    assert.equal(nothing(choose(elsewhere)).reason, 'cooling')
  })

  test('what a provider asked for holds under a soft rest as well', () => {
    const { attempt, choose } = scene([d('a'), d('b')])
    const waiting = testFailure('overloaded', { retryAfterMs: 90_000 })
    for (const id of ['a', 'b']) for (let count = 0; count < 3; count += 1) attempt(id, waiting)
    assert.equal(nothing(choose({ patienceMs: 60_000 })).retryAfterMs, 90_000)
  })

  test('rests by LiteLLM’s rules are never set aside', () => {
    const { attempt, choose } = scene([d('a'), d('b')], { allowedFails: 0 })
    attempt('a', server)
    attempt('b', server)
    assert.equal(nothing(choose()).reason, 'cooling')
  })

  test('the share can be written; 0: rests are never set aside', () => {
    const failover = testBench({ deployments: [] }).config.router.failover
    const never = scene([d('a'), d('b'), d('c')], { failover: { ...failover, panicShare: 0 } })
    never.soften('a', 'b')
    assert.deepEqual(never.picks(), ['c'])
    never.soften('c')
    assert.equal(nothing(never.choose()).reason, 'cooling')
    const soon = scene([d('a'), d('b')], { failover: { ...failover, panicShare: 0.6 } })
    soon.soften('a')
    assert.deepEqual(soon.picks(), ['a', 'b'])
  })

  test('the levels of an order are one group: the next level is asked before a rest is set aside', () => {
    const { soften, choose, picks } = scene([d('first', { order: 1 }), d('second', { order: 2 })])
    soften('first')
    assert.equal(nothing(choose({ atOrder: 1 })).reason, 'cooling')
    assert.equal(pickedId(choose({ atOrder: 2 })), 'second')
    assert.deepEqual(picks(), ['second'])
    soften('second')
    assert.equal(pickedId(choose({ atOrder: 1 })), 'first')
  })

  test('who could never serve the call does not count among those that are left', () => {
    const paid = ['a', 'b'].map(id => d(id, { tags: ['paid'] }))
    const free = ['c', 'e', 'f', 'g'].map(id => d(id, { tags: ['free'] }))
    const { soften, attempt, picks, choose } = scene([...paid, ...free], { enableTagFiltering: true })
    soften('a', 'b')
    assert.deepEqual(picks({}, { tags: ['paid'] }), ['a', 'b'])
    assert.deepEqual(picks({}, { tags: ['free'] }), ['c', 'e', 'f', 'g'])
    // Nor is anybody told to come back when it does.
    for (const id of ['a', 'b']) attempt(id, testFailure('credential'))
    soften('c')
    assert.equal(nothing(choose({}, { tags: ['paid'] })).retryAfterMs, 300_000)
  })

  test('state that only one deployment can read: its soft rest does not refuse the call, a hard one does', () => {
    const owner = d('owner', { boundary: 'account 1' })
    const pin = { deploymentId: 'owner', boundary: 'account 1', because: 'previous_response_id' }
    const { soften, attempt, choose } = scene([owner, d('other'), d('another')])
    soften('owner')
    assert.equal(pickedId(choose({}, { pin })), 'owner')
    attempt('owner', testFailure('credential'))
    assert.equal(nothing(choose({}, { pin })).status, 503)
    // What only asks for a pause is a rate limit, whatever it was told with.
    const busy = scene([owner, d('other')])
    busy.attempt('owner', testFailure('overloaded', { retryAfterMs: 9000 }))
    assert.equal(nothing(busy.choose({ patienceMs: 5000 }, { pin })).status, 429)
  })
})

describe('half open', () => {
  const halfOpen = async (deployments: readonly Deployment[], ...ids: readonly string[]) => {
    const made = scene(deployments)
    made.soften(...ids)
    await made.advance(5600)
    const probe = (id: string) => {
      const deployment = deployments.find(one => one.id === id)
      if (deployment === undefined) throw new Error(id)
      const lease = made.board.admit(deployment, 'main', open)
      if (lease instanceof Promise) throw new Error('no slot')
      return lease
    }
    return { ...made, probe }
  }

  test('the first one to come is the probe; the others go to the siblings until it is back', async () => {
    const { picks, probe } = await halfOpen([d('a'), d('b')], 'a')
    assert.deepEqual(picks(), ['a', 'b'])
    const lease = probe('a')
    assert.deepEqual(picks(), ['b'])
    lease.settle({ kind: 'neutral' })
    assert.deepEqual(picks(), ['a', 'b'])
  })

  test('invariant 20: when nobody else is left, others may come beside the probe; with a fallback they go there', async () => {
    const { picks, probe, choose } = await halfOpen([d('a'), d('b')], 'a', 'b')
    probe('a')
    probe('b')
    assert.deepEqual(picks(), ['a', 'b'])
    assert.equal(nothing(choose(elsewhere)).reason, 'cooling')
  })

  test('and so they may where rests are never set aside: a probe is no rest any more', async () => {
    const failover = { ...testBench({ deployments: [] }).config.router.failover, panicShare: 0 }
    const { soften, picks, advance, board } = scene([d('a'), d('b')], { failover })
    soften('a', 'b')
    assert.deepEqual(picks(), [])
    await advance(5500)
    for (const id of ['a', 'b']) void board.admit(d(id), 'main', open)
    assert.deepEqual(picks(), ['a', 'b'])
    assert.deepEqual(picks(elsewhere), [])
  })

  test('a lone deployment after a hard rest is not locked by its own probe', async () => {
    const { attempt, advance, board, choose } = scene([d('a')])
    attempt('a', testFailure('credential'))
    assert.equal(nothing(choose()).retryAfterMs, 300_000)
    await advance(300_000)
    board.admit(d('a'), 'main', open)
    assert.equal(pickedId(choose()), 'a')
  })
})

describe('patience', () => {
  test('a bound within it is waited for, one beyond it is as good as a rest, for targets by id too', () => {
    const { attempt, choose } = scene([d('a')])
    attempt('a', testFailure('rate_limit', { retryAfterMs: 9000 }))
    assert.equal(pickedId(choose({ patienceMs: 9000 })), 'a')
    for (const ignoreCooldown of [false, true]) {
      const choice = nothing(choose({ patienceMs: 8999 }, { ignoreCooldown }))
      assert.deepEqual([choice.reason, choice.status, choice.retryAfterMs], ['cooling', 429, 9000])
      assert.match(choice.message, /Try again in 9 seconds\. All deployments .*cooldown_list=\['a'\]/)
    }
  })

  test('of several that have to be waited for, the one that is back first', () => {
    const lone = (id: string) => d(id, { group: id, domain: `domain of ${id}` })
    const { attempt, picks } = scene([lone('a'), lone('b'), lone('c')])
    attempt('a', testFailure('rate_limit', { retryAfterMs: 9000 }))
    attempt('b', testFailure('rate_limit', { retryAfterMs: 4000 }))
    attempt('c', testFailure('rate_limit', { retryAfterMs: 6000 }))
    assert.deepEqual(picks(), ['b'])
  })
})

test('the domain of a request: address, credential and model; objects have no model', () => {
  const domain = JSON.stringify(['https://x', 'key', 'm'])
  const boundary = JSON.stringify(['https://x', 'key'])
  const plain = d('a', { domain, boundary, litellmModel: 'test/m' })
  const wild = d('w', { domain: JSON.stringify(['https://x', 'key', '*']), boundary, litellmModel: 'test/*' })
  const chat = { route: testRoute('chat.completions') }
  assert.equal(domainOf({ deployment: plain, model: 'm' }, chat), domain)
  assert.equal(domainOf({ deployment: wild, model: 'm' }, chat), domain)
  assert.notEqual(domainOf({ deployment: wild, model: 'n' }, chat), domain)
  for (const name of ['files.list', 'responses.get'])
    assert.equal(domainOf({ deployment: plain, model: 'm' }, { route: testRoute(name) }), boundary)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Deployment, PreCallCheck, RouterSettings } from '../config/config.ts'
import { type How, orderLevels, rememberServed, select } from './select.ts'
import {
  candidatesOf,
  pickedId,
  testBench,
  testDeployment,
  testFailure,
  testRoute,
  testWish,
} from './testing.ts'
import type { Choice, Wish } from './wish.ts'

const d = (id: string, parts: Omit<Parameters<typeof testDeployment>[0], 'id'> = {}) =>
  testDeployment({ id, ...parts })

const scene = (deployments: readonly Deployment[], router: Partial<RouterSettings> = {}, seed = 1) => {
  const bench = testBench({ deployments, router }, seed)
  const desk = () => ({ config: bench.config, board: bench.board, clock: bench.clock, dice: bench.dice })
  const choose = (wish: Partial<Wish> = {}, tried: readonly string[] = [], how: How = {}): Choice =>
    select(testWish(deployments, wish), new Set(tried), desk(), how)
  const picks = (rounds: number, wish: Partial<Wish> = {}, tried: readonly string[] = []) => {
    const counts: Record<string, number> = {}
    for (let round = 0; round < rounds; round += 1) {
      const id = pickedId(choose(wish, tried))
      counts[id] = (counts[id] ?? 0) + 1
    }
    return counts
  }
  const served = (id: string, wish: Partial<Wish> = {}) =>
    rememberServed(testWish(deployments, wish), id, desk())
  return { ...bench, desk, choose, picks, served }
}

const nothing = (choice: Choice) => {
  if (choice.kind === 'picked') assert.fail(`picked ${choice.candidate.deployment.id}`)
  return choice
}

describe('tried deployments', () => {
  const heavy = d('heavy', { weight: 200 })
  const light = d('light', { weight: 1 })

  test('M-046 are not drawn again while another is eligible, whatever their weight', () => {
    const { picks } = scene([heavy, light])
    assert.deepEqual(picks(200, {}, ['heavy']), { light: 200 })
  })
  test('M-047 a deployment of weight 0 is the next after the one that refused', () => {
    const { choose } = scene([d('small', { weight: 1 }), d('large', { weight: 0 })])
    assert.equal(pickedId(choose({}, ['small'])), 'large')
  })
  test('all tried: exhausted, unless the caller lets some repeat', () => {
    const { choose } = scene([heavy, light])
    const all = ['heavy', 'light']
    assert.equal(nothing(choose({}, all)).reason, 'exhausted')
    assert.equal(pickedId(choose({}, all, { mayRepeat: new Set(['light']) })), 'light')
    assert.equal(nothing(choose({}, all, { mayRepeat: new Set(['other']) })).reason, 'exhausted')
    assert.equal(pickedId(choose({}, ['heavy'], { mayRepeat: new Set(['heavy']) })), 'light')
  })
})

describe("cooldowns by LiteLLM's rules", () => {
  /** cooldown_time is written. */
  const router = { cooldownMs: 5000 }
  test('a cooling deployment is passed over until its deadline', async () => {
    const { attempt, picks, advance } = scene([d('a'), d('b')], router)
    attempt('a', testFailure('credential'))
    assert.deepEqual(picks(20), { b: 20 })
    await advance(5000)
    assert.deepEqual(Object.keys(picks(50)).sort(), ['a', 'b'])
  })

  test('all cooling: 429 with the true earliest expiry, in the words clients match on', async () => {
    const { attempt, choose, advance } = scene([d('a'), d('b')], router)
    attempt('a', testFailure('rate_limit', { retryAfterMs: 60_000 }))
    attempt('b', testFailure('credential', { retryAfterMs: 37_500 }))
    await advance(600)
    assert.deepEqual(choose(), {
      kind: 'nothing',
      reason: 'cooling',
      status: 429,
      retryAfterMs: 36_900,
      // A refused credential is not mended by waiting: a queue would wait for the other one.
      passesInMs: 59_400,
      message:
        'No deployments available for selected model, Try again in 37 seconds. All deployments for selected model are in cooldown.' +
        " Passed model=main. pre-call-checks=False, cooldown_list=['b', 'a']",
    })
  })

  test('M-040 a rate limit of one deployment takes its whole domain out, in every group', () => {
    const group = [d('a1', { domain: 'one quota' }), d('a2', { domain: 'one quota' }), d('a3')]
    const other = d('b', { domain: 'one quota', group: 'other' })
    const { attempt, picks, choose } = scene([...group, other], router)
    attempt('a1', testFailure('rate_limit', { retryAfterMs: 3000 }))
    assert.deepEqual(picks(30, { candidates: candidatesOf(group) }), { a3: 30 })
    const alone = nothing(choose({ group: 'other', candidates: candidatesOf([other]) }))
    assert.deepEqual([alone.reason, alone.retryAfterMs], ['cooling', 3000])
  })

  test('M-040 a domain that must not be asked yet is asked last, even when nothing cools', async () => {
    const lone = d('lone', { domain: 'shared', group: 'other' })
    const pair = [d('a', { domain: 'shared' }), d('b')]
    const { attempt, picks, choose, advance } = scene([lone, ...pair], router)
    attempt('lone', testFailure('rate_limit', { retryAfterMs: 3000 }))
    assert.deepEqual(picks(30, { candidates: candidatesOf(pair) }), { b: 30 })
    // A lone deployment is still picked: whoever asks waits for board.domainNotBefore.
    assert.equal(pickedId(choose({ candidates: candidatesOf([lone]) })), 'lone')
    await advance(3000)
    assert.deepEqual(Object.keys(picks(50, { candidates: candidatesOf(pair) })).sort(), ['a', 'b'])
  })

  test('a target named by id ignores its cooldown', () => {
    const { attempt, choose } = scene([d('a')], router)
    attempt('a', testFailure('credential'))
    assert.equal(nothing(choose()).reason, 'cooling')
    assert.equal(pickedId(choose({ ignoreCooldown: true })), 'a')
  })
})

describe('order', () => {
  const first = d('first', { order: 1 })
  const second = d('second', { order: 2 })
  const unordered = d('unordered')

  test('levels ascend, and no order comes last', () => {
    const candidates = candidatesOf([unordered, second, first, d('other', { order: 2 })])
    assert.deepEqual(orderLevels(candidates), [1, 2, Number.POSITIVE_INFINITY])
  })
  test('M-068 the second gets nothing while the first is healthy', () => {
    assert.deepEqual(scene([second, unordered, first]).picks(50), { first: 50 })
  })
  test('the lowest order among the untried, then the unordered', () => {
    const { choose } = scene([second, unordered, first])
    assert.equal(pickedId(choose({}, ['first'])), 'second')
    assert.equal(pickedId(choose({}, ['first', 'second'])), 'unordered')
  })
  test('a level asked for is kept to, tried or not', () => {
    const { choose } = scene([first, second])
    assert.equal(pickedId(choose({}, [], { atOrder: 2 })), 'second')
    assert.equal(nothing(choose({}, ['first'], { atOrder: 1 })).reason, 'exhausted')
    assert.equal(pickedId(choose({}, ['first'], { atOrder: 1, mayRepeat: new Set(['first']) })), 'first')
  })
  test('a level that nobody has asks for nothing', () => {
    assert.equal(pickedId(scene([first, second]).choose({}, [], { atOrder: 7 })), 'first')
  })
  test('a cooling level says so', () => {
    const { attempt, choose } = scene([first, second])
    attempt('first', testFailure('credential'))
    const choice = nothing(choose({}, [], { atOrder: 1 }))
    assert.equal(choice.reason, 'cooling')
    assert.doesNotMatch(choice.message, /All deployments/)
    assert.equal(pickedId(choose()), 'second')
  })
  test('M-068 prompt-cache affinity to the failed first does not keep the second from serving', () => {
    const { choose, served } = scene([first, second], { optionalPreCallChecks: new Set(['prompt_caching']) })
    served('first', { cachePrefix: 'p' })
    assert.equal(pickedId(choose({ cachePrefix: 'p' })), 'first')
    assert.equal(pickedId(choose({ cachePrefix: 'p' }, ['first'])), 'second')
    assert.equal(pickedId(choose({ cachePrefix: 'p' }, ['first'], { atOrder: 2 })), 'second')
  })
  test('a session that the backup served goes home when the primary is back', () => {
    const { choose, served } = scene([first, second], {
      optionalPreCallChecks: new Set(['session_affinity']),
    })
    served('second', { sessionId: 's' })
    assert.equal(pickedId(choose({ sessionId: 's' })), 'first')
  })
  test('an order level over its limits passes the call on', () => {
    const full = d('full', { order: 1, rpm: 1 })
    const { choose } = scene([full, second], { strategy: 'usage-based-routing-v2' })
    assert.equal(pickedId(choose()), 'second')
  })
})

describe('affinity', () => {
  const deployments = ['a', 'b', 'c', 'd'].map(id => d(id))
  const every: readonly PreCallCheck[] = ['deployment_affinity', 'prompt_caching', 'session_affinity']
  const identity = { sessionId: 's', cachePrefix: 'p' }

  for (const order of [every, every.toReversed()]) {
    test(`M-097 session, then prompt cache, then key, listed as ${order.join(', ')}`, () => {
      const { choose, board, desk } = scene(deployments, { optionalPreCallChecks: new Set(order) })
      const remember = (id: string, wish: Partial<Wish>) =>
        rememberServed(testWish(deployments, wish), id, desk())
      remember('c', {})
      remember('b', { cachePrefix: 'p' })
      remember('c', {})
      remember('a', { sessionId: 's' })
      remember('c', {})
      for (let round = 0; round < 20; round += 1) {
        assert.equal(pickedId(choose(identity)), 'a')
        assert.equal(pickedId(choose({ cachePrefix: 'p' })), 'b')
        assert.equal(pickedId(choose({})), 'c')
        assert.equal(pickedId(choose(identity, ['a'])), 'b')
      }
      assert.equal(board.recall('unknown'), undefined)
    })
  }
  test('is off unless the check is listed', () => {
    const { picks, served } = scene(deployments)
    served('a', identity)
    assert.ok(Object.keys(picks(100, identity)).length > 1)
  })
  test('never blocks: a remembered deployment that cools or is gone is bypassed', () => {
    const { choose, served, attempt } = scene(deployments, { optionalPreCallChecks: new Set(every) })
    served('a', identity)
    attempt('a', testFailure('credential'))
    assert.notEqual(pickedId(choose(identity)), 'a')
    const others = candidatesOf(deployments.slice(1))
    assert.notEqual(pickedId(choose({ ...identity, candidates: others })), 'a')
  })
  test('expires', async () => {
    const router = {
      optionalPreCallChecks: new Set<PreCallCheck>(['deployment_affinity']),
      affinityTtlMs: 1000,
    }
    const { picks, served, advance } = scene(deployments, router)
    served('a')
    assert.deepEqual(picks(20), { a: 20 })
    await advance(1000)
    assert.ok(Object.keys(picks(100)).length > 1)
  })
  test('two callers with one session id do not share it', () => {
    const { picks, served } = scene(deployments, { optionalPreCallChecks: new Set(['session_affinity']) })
    served('a', { sessionId: 'default', keyHash: 'one' })
    assert.deepEqual(picks(20, { sessionId: 'default', keyHash: 'one' }), { a: 20 })
    assert.ok(Object.keys(picks(100, { sessionId: 'default', keyHash: 'two' })).length > 1)
  })
})

describe('pins', () => {
  const owner = d('owner', { boundary: 'account 1', order: 2 })
  const sibling = d('sibling', { boundary: 'account 1' })
  const stranger = d('stranger', { order: 1 })
  const pin = { deploymentId: 'owner', boundary: 'account 1', because: 'previous_response_id' }

  test('M-097 the owner before order, affinity and weight', () => {
    const { choose, served } = scene([stranger, sibling, owner], {
      optionalPreCallChecks: new Set(['session_affinity']),
    })
    served('stranger', { sessionId: 's' })
    const choice = choose({ pin, sessionId: 's' }, [], { atOrder: 1 })
    assert.equal(pickedId(choice), 'owner')
    assert.equal(choice.kind === 'picked' && choice.because, 'pinned by previous_response_id')
  })
  test('M-098 another deployment with the same boundary serves under another group', () => {
    const { choose } = scene([stranger, sibling])
    assert.equal(pickedId(choose({ pin, group: 'other' })), 'sibling')
  })
  test('the sibling serves while the owner cools or was tried, a stranger never does', () => {
    const { choose, attempt } = scene([stranger, sibling, owner])
    assert.equal(pickedId(choose({ pin }, ['owner'])), 'sibling')
    assert.equal(nothing(choose({ pin }, ['owner', 'sibling'])).reason, 'exhausted')
    attempt('owner', testFailure('credential'))
    assert.equal(pickedId(choose({ pin })), 'sibling')
  })
  test('owner not configured: 400', () => {
    const choice = nothing(scene([stranger]).choose({ pin }))
    assert.deepEqual(
      [choice.reason, choice.status, choice.retryAfterMs],
      ['pinned_owner_unavailable', 400, undefined],
    )
  })
  test('owner resting by a rate limit: 429 with the wait; otherwise 503', () => {
    const limited = scene([stranger, owner])
    limited.attempt('owner', testFailure('rate_limit', { retryAfterMs: 9000 }))
    const wait = nothing(limited.choose({ pin }))
    assert.deepEqual([wait.reason, wait.status, wait.retryAfterMs], ['pinned_owner_unavailable', 429, 9000])
    const refused = scene([stranger, owner])
    refused.attempt('owner', testFailure('credential'))
    assert.equal(nothing(refused.choose({ pin })).status, 503)
  })
})

describe('what is named as the reason', () => {
  test('no candidate at all', () => {
    assert.deepEqual(scene([]).choose(), {
      kind: 'nothing',
      reason: 'unknown',
      status: 400,
      message: 'You passed in model=main. There are no healthy deployments for this model',
      retryAfterMs: undefined,
    })
  })
  test('no deployment of the mode the route needs, cooling or not', () => {
    const { choose, attempt, picks } = scene([
      d('chat', { info: { mode: 'chat' } }),
      d('vector', { info: { mode: 'embedding' } }),
      d('any'),
    ])
    assert.deepEqual(Object.keys(picks(50)).sort(), ['any', 'chat'])
    attempt('vector', testFailure('credential'))
    const only = candidatesOf([d('vector', { info: { mode: 'embedding' } })])
    const choice = nothing(choose({ candidates: only }))
    assert.deepEqual([choice.reason, choice.status], ['unknown', 400])
    assert.equal(
      pickedId(choose({ route: testRoute('embeddings') }, ['any'], { mayRepeat: new Set(['any']) })),
      'any',
    )
  })
  test('a deployment that could never serve is not told to wait for: the tag refusal wins over the cooldown', () => {
    const { choose, attempt } = scene([d('a', { tags: ['paid'] })], { enableTagFiltering: true })
    attempt('a', testFailure('credential'))
    assert.equal(nothing(choose({ tags: ['free'] })).reason, 'tags')
    assert.equal(nothing(choose({ tags: ['paid'] })).reason, 'cooling')
  })
  test('usage-based routing with every deployment at its limit: 429, 60 s', () => {
    const { choose, attempt } = scene([d('a', { rpm: 3 })], { strategy: 'usage-based-routing-v2' })
    attempt('a', 'ok')
    assert.equal(pickedId(choose()), 'a')
    attempt('a', 'ok')
    assert.deepEqual(choose(), {
      kind: 'nothing',
      reason: 'rate_limited',
      status: 429,
      message: 'No deployments available for selected model. Passed model=main',
      retryAfterMs: 60_000,
    })
  })
})

test('every pick is an eligible candidate, and one is found whenever one is eligible', () => {
  const deployment = fc.record({
    order: fc.option(fc.nat(2), { nil: undefined }),
    weight: fc.option(fc.nat(3), { nil: undefined }),
    domain: fc.constantFrom('x', 'y', 'z'),
    fault: fc.option(fc.constantFrom('credential', 'rate_limit', 'transient', 'caller_fault'), {
      nil: undefined,
    }),
    tried: fc.boolean(),
    repeat: fc.boolean(),
  })
  const strategy = fc.constantFrom(
    'simple-shuffle',
    'least-busy',
    'latency-based-routing',
    'cost-based-routing',
  )
  fc.assert(
    fc.property(
      fc.array(deployment, { minLength: 1, maxLength: 6 }),
      strategy,
      fc.nat(),
      (specs, name, seed) => {
        const deployments = specs.map(({ order, weight, domain }, place) =>
          d(`d${place}`, { order, weight, domain }),
        )
        const { choose, attempt, board } = scene(deployments, { strategy: name as 'least-busy' }, seed)
        specs.forEach(({ fault }, place) => {
          if (fault !== undefined)
            attempt(`d${place}`, testFailure(fault as 'transient', { retryAfterMs: 2000 }))
        })
        const domains = new Map(deployments.map(({ id, domain }) => [id, domain]))
        const ids = (which: (spec: (typeof specs)[number]) => boolean) =>
          specs.flatMap((spec, place) => (which(spec) ? [`d${place}`] : []))
        const tried = ids(spec => spec.tried)
        const mayRepeat = new Set(ids(spec => spec.repeat))
        const awake = deployments.filter(({ id }) => board.cooling(id) === undefined).map(({ id }) => id)
        const fresh = awake.filter(id => !tried.includes(id))
        const repeat = awake.filter(id => mayRepeat.has(id))
        // Who would have to be waited for comes after everybody who need not.
        const ready = (id: string) => board.domainNotBefore(domains.get(id) ?? '') === undefined
        const inTurn = [fresh.filter(ready), repeat.filter(ready), [...fresh, ...repeat]]
        const allowed = inTurn.find(ids => ids.length > 0) ?? []
        const choice = choose({}, tried, { mayRepeat })
        if (allowed.length === 0)
          assert.equal(nothing(choice).reason, awake.length === 0 ? 'cooling' : 'exhausted')
        else assert.ok(allowed.includes(pickedId(choice)))
      },
    ),
    { numRuns: 300 },
  )
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Deployment, RouterSettings } from '../config/config.ts'
import { select } from './select.ts'
import { pickedId, testBench, testDeployment, testWish } from './testing.ts'
import type { Choice, Wish } from './wish.ts'

const d = (id: string, parts: Omit<Parameters<typeof testDeployment>[0], 'id'> = {}) =>
  testDeployment({ id, ...parts })

const scene = (deployments: readonly Deployment[], router: Partial<RouterSettings>) => {
  const bench = testBench({ deployments, router })
  const { board, clock, dice, config } = bench
  const choose = (wish: Partial<Wish> = {}): Choice =>
    select(testWish(deployments, wish), new Set(), { board, clock, dice, config })
  const all = (wish: Partial<Wish> = {}) => {
    const seen = new Set<string>()
    for (let round = 0; round < 60; round += 1) seen.add(pickedId(choose(wish)))
    return [...seen].sort()
  }
  return { ...bench, choose, all }
}

const refusal = (choice: Choice) => {
  if (choice.kind === 'picked') assert.fail(`picked ${choice.candidate.deployment.id}`)
  return choice
}

describe('enable_pre_call_checks', () => {
  const checks = { enablePreCallChecks: true }
  const window = (id: string, maxInputTokens: number) => d(id, { info: { maxInputTokens } })
  const long = { promptBytes: 5000, countTokens: () => 900 }

  test('a deployment whose window is too small is left out', () => {
    const { all } = scene([window('small', 899), window('exact', 900), d('unknown')], checks)
    assert.deepEqual(all(long), ['exact', 'unknown'])
  })
  test('the prompt is not counted when its bytes already fit', () => {
    const { all } = scene([window('large', 5000)], checks)
    assert.deepEqual(all({ promptBytes: 5000, countTokens: () => assert.fail('counted') }), ['large'])
  })
  test('none fits: 400 in the words clients match on', () => {
    const { choose } = scene(
      [window('small', 100), d('named', { info: { maxInputTokens: 200, baseModel: 'azure/base' } })],
      checks,
    )
    assert.deepEqual(refusal(choose(long)), {
      kind: 'nothing',
      reason: 'context_window',
      status: 400,
      message:
        'litellm._pre_call_checks: Context Window exceeded for given call. No models have context window large enough for this call.' +
        '\nModel=test/small, Max Input Tokens=100, Got=900\nModel=azure/base, Max Input Tokens=200, Got=900',
      retryAfterMs: undefined,
    })
  })
  test('rpm reached: left out; all of them: 429 until the minute ends', async () => {
    const { all, choose, attempt, advance } = scene([d('a', { rpm: 1 }), d('b', { rpm: 2 })], checks)
    attempt('a', 'ok')
    assert.deepEqual(all(), ['b'])
    attempt('b', 'ok')
    attempt('b', 'ok')
    await advance(15_000)
    assert.deepEqual(refusal(choose()), {
      kind: 'nothing',
      reason: 'rate_limited',
      status: 429,
      message: 'No deployments available for selected model. Passed model=main',
      retryAfterMs: 45_000,
    })
    await advance(45_000)
    assert.deepEqual(all(), ['a', 'b'])
  })
  test('a limit is named before a window', () => {
    const { choose, attempt } = scene([window('small', 100), d('a', { rpm: 1 })], checks)
    attempt('a', 'ok')
    assert.equal(refusal(choose(long)).reason, 'rate_limited')
  })
  test('a region that is not the one allowed, or not known, is left out', () => {
    const { all, choose } = scene(
      [d('eu', { region: 'eu' }), d('us', { region: 'us' }), d('unknown')],
      checks,
    )
    assert.deepEqual(all({ allowedRegion: 'eu' }), ['eu'])
    const none = refusal(choose({ allowedRegion: 'asia' }))
    assert.deepEqual([none.reason, none.status, none.retryAfterMs], ['region', 429, undefined])
    assert.equal(
      none.message,
      'No deployments available for selected model, Try again in 5 seconds. Passed model=main. pre-call-checks=True, cooldown_list=[]',
    )
  })
  test('a provider known to refuse response_format is left out, unless the parameter is dropped', () => {
    const deployments = [d('plain'), d('dropping', { dropParams: true }), d('able')]
    const { board, clock, dice, config } = testBench({ deployments, router: checks })
    const carries = ({ id }: Deployment) => id === 'able'
    const seen = new Set<string>()
    for (let round = 0; round < 60; round += 1) {
      const wish = testWish(deployments, { wantsResponseFormat: true })
      seen.add(pickedId(select(wish, new Set(), { board, clock, dice, config, carries })))
    }
    assert.deepEqual([...seen].sort(), ['able', 'dropping'])
  })
  test('is off by default, and for calls without a prompt', () => {
    assert.deepEqual(scene([window('small', 1)], {}).all(long), ['small'])
    assert.deepEqual(scene([window('small', 1)], checks).all({ ...long, countTokens: undefined }), ['small'])
  })
})

describe('enforce_model_rate_limits', () => {
  const router: Partial<RouterSettings> = { optionalPreCallChecks: new Set(['enforce_model_rate_limits']) }
  test('over rpm: another serves; all over: 429, 60 s, with the limit', () => {
    const { all, choose, attempt } = scene([d('a', { rpm: 2 }), d('b', { rpm: 9 })], router)
    attempt('a', 'ok')
    attempt('a', 'ok')
    assert.deepEqual(all(), ['b'])
    for (let count = 0; count < 9; count += 1) attempt('b', 'ok')
    const choice = refusal(choose())
    assert.deepEqual(
      [choice.reason, choice.status, choice.retryAfterMs, choice.message],
      ['rate_limited', 429, 60_000, 'Model rate limit exceeded. RPM limit=2, current usage=2'],
    )
  })
  test('over tpm', async () => {
    const deployment = d('a', { tpm: 50 })
    const { board, choose } = scene([deployment], router)
    const lease = await board.admit(deployment, 'main', new AbortController().signal)
    const usage = { inputTokens: 40, outputTokens: 10 }
    lease.settle({ kind: 'success', usage, totalMs: 1, firstTokenMs: undefined })
    assert.equal(refusal(choose()).message, 'Model rate limit exceeded. TPM limit=50, current usage=50')
  })
})

describe('tags', () => {
  const on = { enableTagFiltering: true }
  const free = d('free', { tags: ['free', 'shared'] })
  const paid = d('paid', { tags: ['paid', 'shared'] })
  const standard = d('standard', { tags: ['default'] })
  const bare = d('bare')
  const agent = d('agent', { tagRegex: ['^User-Agent: Tool/', '['] })

  const rows: readonly (readonly [
    string,
    readonly Deployment[],
    Partial<Wish>,
    Partial<RouterSettings>,
    readonly string[],
  ])[] = [
    ['off: everything', [free, paid], { tags: ['paid'] }, {}, ['free', 'paid']],
    ['any common tag', [free, paid, bare], { tags: ['paid', 'x'] }, on, ['paid']],
    ['several match', [free, paid, bare], { tags: ['shared'] }, on, ['free', 'paid']],
    [
      'all tags',
      [free, paid],
      { tags: ['paid', 'shared'] },
      { ...on, tagFilteringMatchAny: false },
      ['paid'],
    ],
    ['no tags: the default ones', [free, standard, bare], {}, on, ['standard']],
    ['no tags, no default: all', [free, bare], {}, on, ['bare', 'free']],
    ['a tag nobody knows: the default ones', [free, standard], { tags: ['new'] }, on, ['standard']],
    ['!tag excludes', [free, paid, bare], { tags: ['!paid'] }, on, ['bare', 'free']],
    ['!tag excludes among the default ones', [standard, paid], { tags: ['!paid'] }, on, ['standard']],
    ['&tag requires', [free, paid, bare], { tags: ['&shared', '!paid'] }, on, ['free']],
    ['&tag with a plain tag', [free, paid], { tags: ['&shared', 'paid'] }, on, ['paid']],
    ['a user agent that matches', [agent, standard], { userAgent: 'Tool/1.0' }, on, ['agent']],
    [
      'a user agent that does not: the default ones',
      [agent, standard],
      { userAgent: 'curl' },
      on,
      ['standard'],
    ],
    [
      'model_info.enable_tag_filtering turns it on',
      [d('x', { tags: ['x'], info: { raw: { enable_tag_filtering: true } } }), free],
      { tags: ['free'] },
      {},
      ['free'],
    ],
  ]
  for (const [name, deployments, wish, router, expected] of rows) {
    test(name, () => assert.deepEqual(scene(deployments, router).all(wish), expected))
  }

  const refused: readonly (readonly [
    string,
    readonly Deployment[],
    Partial<Wish>,
    Partial<RouterSettings>,
  ])[] = [
    ['no match and no default', [free, bare], { tags: ['new'] }, on],
    ['&tag that none carries', [free, standard], { tags: ['&eu'] }, on],
    ['!tag that all carry', [free, paid], { tags: ['!shared'] }, on],
    ['a user agent that no expression knows', [agent, bare], { userAgent: 'curl' }, on],
    [
      'strict tags are not got round by a user agent',
      [d('x', { tags: ['x'], tagRegex: ['Tool'] })],
      { tags: ['y'], userAgent: 'Tool' },
      { ...on, tagFilteringMatchAny: false },
    ],
  ]
  for (const [name, deployments, wish, router] of refused) {
    test(`401: ${name}`, () => {
      const choice = refusal(scene(deployments, router).choose(wish))
      assert.deepEqual([choice.reason, choice.status], ['tags', 401])
    })
  }

  test('a tag the group knows is not met by the default deployments when its own is out', () => {
    const { board, clock, dice, config } = testBench({
      deployments: [paid, standard],
      router: { ...on, enablePreCallChecks: true },
    })
    const small = d('paid', { tags: ['paid'], info: { maxInputTokens: 1 } })
    const choice = select(testWish([small, standard], { tags: ['paid'] }), new Set(), {
      board,
      clock,
      dice,
      config,
    })
    assert.equal(refusal(choice).reason, 'tags')
  })

  test('the message names the model and the tags', () => {
    const choice = refusal(scene([free], on).choose({ tags: ['a', "it's"] }))
    assert.equal(
      choice.message,
      "Not allowed to access model due to tags configuration. Passed model=main and tags=['a', \"it's\"]",
    )
  })
})

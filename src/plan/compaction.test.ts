import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../call.ts'
import type { FallbackTable } from '../config/config.ts'
import type { FailureClass } from '../failure.ts'
import type { CompactionWay } from '../providers/provider.ts'
import { ROUTES } from '../routes.ts'
import { bestOf, compactingBy, fitsAnyway, wayOf } from './compaction.ts'
import { makePlan } from './plan.ts'
import { testConfig, testDeployment } from './testing.ts'

const having = (id: string, ways: readonly CompactionWay[] | undefined, more: object = {}) =>
  testDeployment({ id, group: id, info: { compaction: ways, ...more } })
const candidate = (...given: Parameters<typeof having>) => ({ deployment: having(...given), model: 'm' })

test('the client’s own wire goes before the other one, and a summary comes last', () => {
  const cases: readonly (readonly [readonly CompactionWay[] | undefined, CompactionWay, CompactionWay])[] = [
    [['endpoint', 'trigger'], 'endpoint', 'trigger'],
    [['endpoint'], 'endpoint', 'endpoint'],
    [['trigger'], 'trigger', 'trigger'],
    [[], 'summary', 'summary'],
    [undefined, 'summary', 'summary'],
    [['own'], 'summary', 'summary'],
  ]
  for (const [ways, endpoint, trigger] of cases) {
    const asked = candidate('a', ways)
    assert.deepEqual(
      (['endpoint', 'trigger'] as const).map(wire => wayOf(asked, { wire, summarises: false })),
      [endpoint, trigger],
      String(ways),
    )
    assert.equal(wayOf(asked, { wire: 'trigger', summarises: true }), 'summary')
  }
})

test('of several the best kind is asked, and any of it', () => {
  const all = {
    both: ['endpoint', 'trigger'],
    endpoint: ['endpoint'],
    trigger: ['trigger'],
    none: [],
  } as const
  const candidates = Object.entries(all).map(([id, ways]) => ({ deployment: having(id, ways), model: 'm' }))
  const best = (names: readonly string[], wire: 'endpoint' | 'trigger'): readonly string[] =>
    bestOf(
      candidates.filter(one => names.includes(one.deployment.id)),
      { wire, summarises: false },
    ).map(one => one.deployment.id)
  assert.deepEqual(best(['both', 'endpoint', 'trigger', 'none'], 'endpoint'), ['both', 'endpoint'])
  assert.deepEqual(best(['endpoint', 'none'], 'trigger'), ['endpoint'])
  assert.deepEqual(best(['none'], 'trigger'), ['none'])
})

test('a summary fits any window, because its prompt is cut; a native compaction does not', () => {
  const wanted = { wire: 'endpoint', summarises: false } as const
  assert.deepEqual(
    [fitsAnyway(candidate('a', []), wanted), fitsAnyway(candidate('a', ['endpoint']), wanted)],
    [true, false],
  )
  assert.equal(fitsAnyway(candidate('a', []), undefined), false)
  const { window, sees, thinks } = compactingBy(
    candidate('a', [], { maxInputTokens: 8000, supportsVision: true, supportsReasoning: true }),
    wanted,
  )
  assert.deepEqual([window, sees, thinks], [8000, true, true])
})

const target = (group: string) => ({ group, overrides: {}, summarises: true }) as const

const planFor = (more: {
  compactionModels?: FallbackTable
  compaction?: Call['compaction']
  mayUse?: (group: string) => boolean
  onPolicy?: boolean
}) => {
  const config = testConfig({
    deployments: ['lead', 'backup', 'summariser'].map(id => having(id, [])),
    router: {
      fallbacks: new Map([['lead', [{ group: 'backup', overrides: {} }]]]),
      compactionModels: more.compactionModels ?? new Map([['*', [target('summariser')]]]),
      fallbackOnContentPolicy: more.onPolicy ?? false,
    },
  })
  const call = {
    route: ROUTES.find(route => route.name === 'responses.compact'),
    model: 'lead',
    config,
    controls: { disableFallbacks: false },
    compaction: 'compaction' in more ? more.compaction : 'endpoint',
    context: { caller: { mayUse: more.mayUse ?? (() => true) } },
    echoes: new Map(),
  } as unknown as Call
  return makePlan(call)
}

const groupsAfter = (
  plan: ReturnType<typeof planFor>,
  failure: FailureClass,
): readonly string[] | undefined => plan.follow(plan.first, failure).targets?.map(one => one.group)

test('who summarises follows the listed fallbacks of the group that was asked for', () => {
  const plan = planFor({})
  for (const failure of [
    'transient',
    'unsupported',
    'caller_fault',
    'context_window',
    'no_deployment',
  ] as const)
    assert.deepEqual(groupsAfter(plan, failure), ['backup', 'summariser'], failure)
  for (const failure of ['client_gone', 'timeout_total', 'gateway_bug', 'content_policy'] as const)
    assert.deepEqual(groupsAfter(plan, failure), undefined, failure)
  assert.deepEqual(groupsAfter(planFor({ onPolicy: true }), 'content_policy'), ['backup', 'summariser'])
  const backup = plan.stopFor({ group: 'backup', overrides: {} })
  assert.ok(!('skipped' in backup))
  assert.deepEqual(plan.follow(backup, 'transient').targets, undefined, 'and no other group')
})

test('it is chosen by the group, and nothing but a compaction is sent there', () => {
  const only = planFor({ compactionModels: new Map([['backup', [target('summariser')]]]) })
  assert.deepEqual(groupsAfter(only, 'transient'), ['backup'])
  assert.deepEqual(groupsAfter(planFor({ compaction: undefined }), 'transient'), ['backup'])
})

test('it is no way around what the key may use, and is asked for a summary', () => {
  const refused = planFor({ mayUse: group => group !== 'summariser' }).stopFor(target('summariser'))
  assert.deepEqual(refused, { skipped: 'the key may not use summariser' })
  const stop = planFor({}).stopFor(target('summariser'))
  assert.ok(!('skipped' in stop) && stop.summarises === true)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FallbackTable } from '../config/config.ts'
import { fallbacksFor, resolveGroup } from './resolve.ts'
import { testConfig, testDeployment } from './testing.ts'

const deployment = (id: string, group: string, litellmModel: string, blocked = false) =>
  testDeployment({ id, group, litellmModel, info: { blocked } })

const config = testConfig({
  deployments: [
    deployment('a1', 'smart', 'openai/gpt-4.1'),
    deployment('a2', 'smart', 'azure/smart-eu'),
    deployment('a3', 'smart', 'azure/paused', true),
    deployment('b1', 'paused', 'openai/gpt-4', true),
    deployment('w1', 'openai/*', 'openai/*'),
    deployment('w2', 'team/*/*-x', 'azure/prod-*-*'),
    deployment('w3', 'anthropic/*', 'anthropic/claude-fixed'),
    deployment('w4', 'two/*/*', 'two/*'),
  ],
  aliases: { quick: 'smart', 'a1-alias': 'a1', best: 'openai/o9', nowhere: 'missing' },
})

const served = (name: string, from = config) =>
  resolveGroup(name, from)?.candidates.map(({ deployment: { id }, model }) => `${id} ${model}`)

describe('names', () => {
  test('a group, in file order, without its blocked deployments', () => {
    assert.deepEqual(served('smart'), ['a1 gpt-4.1', 'a2 smart-eu'])
    assert.equal(resolveGroup('smart', config)?.group, 'smart')
  })
  test('a deployment id names one deployment and its group', () => {
    const found = resolveGroup('a2', config)
    assert.deepEqual(served('a2'), ['a2 smart-eu'])
    assert.deepEqual([found?.group, found?.byId, found?.viaAlias], ['smart', true, undefined])
  })
  test('an alias names its target and is remembered', () => {
    const found = resolveGroup('quick', config)
    assert.deepEqual(served('quick'), ['a1 gpt-4.1', 'a2 smart-eu'])
    assert.deepEqual([found?.group, found?.viaAlias, found?.byId], ['smart', 'quick', false])
  })
  test('an alias may point at what a wildcard serves, but not at a deployment id or nothing', () => {
    assert.deepEqual(served('best'), ['w1 o9'])
    assert.equal(resolveGroup('a1-alias', config), undefined)
    assert.equal(resolveGroup('nowhere', config), undefined)
  })
  test('a known name whose deployments are all blocked is known, and empty', () => {
    assert.deepEqual(resolveGroup('paused', config)?.candidates, [])
    assert.deepEqual(resolveGroup('b1', config)?.candidates, [])
  })
  test('the id wins over a group of the same name', () => {
    const twin = testConfig({ deployments: [deployment('x', 'y', 't/x'), deployment('y', 'z', 't/y')] })
    assert.deepEqual(served('y', twin), ['y y'])
  })
  test('the exact litellm_params.model comes last', () => {
    const plain = testConfig({ deployments: [deployment('a1', 'smart', 'openai/gpt-4.1')] })
    assert.deepEqual(served('openai/gpt-4.1', plain), ['a1 gpt-4.1'])
    assert.deepEqual(served('openai/gpt-4.1'), ['w1 gpt-4.1'])
  })
  test('an unknown name', () => assert.equal(resolveGroup('unheard-of', config), undefined))
})

describe('wildcards', () => {
  test('the captured piece fills the target, and the requested name is the group', () => {
    assert.deepEqual(served('openai/gpt-5/mini'), ['w1 gpt-5/mini'])
    assert.equal(resolveGroup('openai/gpt-5', config)?.group, 'openai/gpt-5')
  })
  test('several pieces fill several places in order', () => {
    assert.deepEqual(served('team/red/llm-x'), ['w2 prod-red-llm'])
  })
  test('no place in the target: it is used as it is', () =>
    assert.deepEqual(served('anthropic/any'), ['w3 claude-fixed']))
  test('more pieces than places: the whole requested name', () => {
    assert.deepEqual(served('two/b/c'), ['w4 b/c'])
  })
  test('matched from the start, with no end anchor', () => {
    assert.deepEqual(served('team/red/llm-x-2024'), ['w2 prod-red-llm'])
    assert.equal(resolveGroup('my/openai/gpt-5', config), undefined)
  })
  test('a piece is text: $& in a name has no meaning', () =>
    assert.deepEqual(served('openai/$&$1'), ['w1 $&$1']))
  test('the more specific pattern wins, whatever the order in the file', () => {
    const both = testConfig({
      deployments: [
        deployment('wide', 'openai/*', 'openai/*'),
        deployment('narrow', 'openai/gpt-4*', 'azure/four-*'),
      ],
    })
    assert.deepEqual(served('openai/gpt-4o', both), ['narrow four-o'])
    assert.deepEqual(served('openai/o3', both), ['wide o3'])
  })
  test('a bare name is also looked up with the provider its name belongs to', () => {
    assert.deepEqual(served('gpt-4o'), ['w1 gpt-4o'])
    assert.deepEqual(served('claude-x'), ['w3 claude-fixed'])
  })
  test('the group * takes every other name, after the patterns', () => {
    const open = testConfig({
      deployments: [deployment('rest', '*', 'openrouter/*'), deployment('w', 'openai/*', 'openai/*')],
    })
    assert.deepEqual(served('anything/at-all', open), ['rest anything/at-all'])
    assert.deepEqual(served('openai/o3', open), ['w o3'])
  })
  test('a name of absurd length is neither matched nor remembered', () => {
    assert.equal(resolveGroup(`openai/${'x'.repeat(100_000)}`, config), undefined)
  })
})

test('M-143 thousands of different names do not push out correctness, and a second look-up is the same object', () => {
  const first = resolveGroup('smart', config)
  assert.equal(resolveGroup('smart', config), first)
  for (let count = 0; count < 3000; count += 1) resolveGroup(`openai/m${count}`, config)
  assert.deepEqual(served('smart'), ['a1 gpt-4.1', 'a2 smart-eu'])
  assert.equal(resolveGroup('unheard-of', config), undefined)
})

describe('fallback look-up', () => {
  const table = (entries: Readonly<Record<string, string>>): FallbackTable =>
    new Map(Object.entries(entries).map(([source, group]) => [source, [{ group, overrides: {} }]]))
  const to = (entries: Readonly<Record<string, string>>, requested: string, group = requested) =>
    fallbacksFor(table(entries), requested, group, config)?.map(target => target.group)

  const rows: readonly (readonly [
    string,
    Readonly<Record<string, string>>,
    string,
    string,
    string | undefined,
  ])[] = [
    ['the group', { smart: 'b' }, 'smart', 'smart', 'b'],
    ['the real group when an alias was asked for', { smart: 'b' }, 'quick', 'smart', 'b'],
    ['the alias before its group', { smart: 'b', quick: 'c' }, 'quick', 'smart', 'c'],
    ['the group when a deployment was asked for by id', { smart: 'b' }, 'a2', 'smart', 'b'],
    ['the name without its provider prefix', { 'gpt-5': 'b' }, 'openai/gpt-5', 'openai/gpt-5', 'b'],
    ['but not without just any prefix', { 'gpt-5': 'b' }, 'myteam/gpt-5', 'myteam/gpt-5', undefined],
    ['the name with its provider prefix', { 'openai/smart': 'b' }, 'smart', 'smart', 'b'],
    ['M-136 an instance of a wildcard', { 'openai/x': 'openai/y' }, 'openai/x', 'openai/x', 'openai/y'],
    ['M-136 a wildcard source', { 'anthropic/*': 'openai/y' }, 'anthropic/c', 'anthropic/c', 'openai/y'],
    ['M-136 the longer wildcard source', { 'a/*': 'x', 'a/b*': 'y' }, 'a/bc', 'a/bc', 'y'],
    ['M-136 * as the default', { '*': 'd' }, 'smart', 'smart', 'd'],
    ['an exact entry before a wildcard', { 'openai/*': 'x', 'openai/z': 'y' }, 'openai/z', 'openai/z', 'y'],
    ['a wildcard before the default', { '*': 'd', 'openai/*': 'x' }, 'openai/z', 'openai/z', 'x'],
    ['the wildcard that serves a bare name', { 'openai/*': 'x' }, 'gpt-5', 'gpt-5', 'x'],
    ['the bare name with its provider', { 'openai/gpt-5': 'y', 'openai/*': 'x' }, 'gpt-5', 'gpt-5', 'y'],
    [
      'but no wildcard of a provider for a group of its own name',
      { 'openai/*': 'x' },
      'smart',
      'smart',
      undefined,
    ],
    ['no entry', { other: 'b' }, 'smart', 'smart', undefined],
  ]
  for (const [name, entries, requested, group, expected] of rows) {
    test(name, () =>
      assert.deepEqual(to(entries, requested, group), expected === undefined ? undefined : [expected]),
    )
  }
  test('no list at all', () => assert.equal(fallbacksFor(undefined, 'smart', 'smart', config), undefined))
})

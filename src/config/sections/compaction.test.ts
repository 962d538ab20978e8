import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, lines, loadText, models } from '../load.fixture.ts'

const LIST = models('a', 'b', 'c', '"open/*"')

const table = async (written: string): Promise<unknown> => {
  const { router } = await accepted(`${LIST}router_settings: {compaction_model: ${written}}`)
  return router.compactionModels && [...router.compactionModels]
}

const summariser = (group: string) => [{ group, overrides: {}, summarises: true }]

test('one group for everybody, or one for each', async () => {
  assert.deepEqual(await table('b'), [['*', summariser('b')]])
  assert.deepEqual(await table('{a: b, "*": open/x, c: c}'), [
    ['a', summariser('b')],
    ['*', summariser('open/x')],
    ['c', summariser('c')],
  ])
  assert.equal(await table('null'), undefined)
})

test('what can never be asked is told with its place', async () => {
  const told = async (written: string, level: 'error' | 'warning'): Promise<string> => {
    const { notices } = await loadText(`${models('a', 'b')}router_settings: {compaction_model: ${written}}`)
    return lines(notices, level).join('\n')
  }
  assert.match(await told('[a]', 'error'), /must be the name of a group, or a map/)
  assert.match(await told('nobody', 'error'), /nothing serves nobody/)
  assert.match(await told('{a: nobody}', 'error'), /compaction_model\.a.*nothing serves nobody/)
  assert.match(await told('{a: ""}', 'error'), /must be the name of a group/)
  assert.match(await told('{nobody: a}', 'warning'), /no group is called nobody/)
})

test('copies are kept for all, for some, or not at all', async () => {
  const shadows = async (written: string): Promise<unknown> => {
    const { router } = await accepted(`${LIST}router_settings: {${written}}`)
    const { groups, ttlMs } = router.compactionShadows ?? {}
    return groups && [[...groups], ttlMs]
  }
  assert.deepEqual(await shadows('compaction_shadow: true'), [['*'], 604_800_000])
  assert.deepEqual(await shadows('compaction_shadow: [a, b], compaction_shadow_ttl: 60'), [
    ['a', 'b'],
    60_000,
  ])
  assert.equal(await shadows('compaction_shadow: false'), undefined)
  assert.equal(await shadows('compaction_shadow: []'), undefined)
  assert.equal(await shadows('compaction_shadow_ttl: 60'), undefined)
  const wrong = await loadText(`${models('a')}router_settings: {compaction_shadow: [nobody]}`)
  assert.match(lines(wrong.notices, 'error').join(), /compaction_shadow\[0\].*must be the name of a group/)
  const shape = await loadText(`${models('a')}router_settings: {compaction_shadow: {a: b}}`)
  assert.match(lines(shape.notices, 'error').join(), /must be true, false or a list of groups/)
})

test('which compaction a deployment has is one of five words', async () => {
  const deployment = (word: string): string =>
    `model_list: [{model_name: a, litellm_params: {model: openai/x, api_key: k}, model_info: {compaction: ${word}}}]`
  const ways = async (word: string): Promise<unknown> =>
    (await accepted(deployment(word))).deployments[0]?.info.compaction
  assert.deepEqual(await Promise.all(['both', 'endpoint', 'trigger', 'own', 'none'].map(ways)), [
    ['endpoint', 'trigger'],
    ['endpoint'],
    ['trigger'],
    ['own'],
    [],
  ])
  assert.match(lines((await loadText(deployment('native'))).notices, 'error').join(), /must be one of both/)
})

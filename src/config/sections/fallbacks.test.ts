import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, lines, loadText, models } from '../load.fixture.ts'

const LIST = models('a', 'b', 'c', '"open/*"')

const table = async (settings: string): Promise<unknown> => {
  const { router } = await accepted(`${LIST}${settings}`)
  return router.fallbacks && JSON.parse(JSON.stringify([...router.fallbacks]))
}
const errors = async (settings: string): Promise<string[]> =>
  lines((await loadText(`${LIST}${settings}`)).notices, 'error')

const target = (group: string, overrides: object = {}) => ({ group, overrides })

test('M-142 every legal shape of fallbacks means the same', async () => {
  const shapes = [
    'router_settings: {fallbacks: [{a: [b]}]}',
    'router_settings: {fallbacks: [{a: b}]}',
    'router_settings: {fallbacks: [{a: [{model: b}]}]}',
    'router_settings: {fallbacks: [{a: {model: b}}]}',
    'litellm_settings: {fallbacks: [{a: [b]}]}',
    'router_settings:\n  fallbacks:\n    - a:\n      - b\n',
    'router_settings:\r\n  fallbacks:\r\n    - a: [" b "]\r\n',
    'x: &f [{a: [b]}]\nrouter_settings: {fallbacks: *f}',
  ]
  for (const shape of shapes) assert.deepEqual(await table(shape), [['a', [target('b')]]], shape)
})

test('order, overrides, wildcards, ids and the default entry are kept', async () => {
  const settings = `router_settings:
  fallbacks:
    - a: [b, {model: c, api_base: "https://other.test", temperature: 0}, open/x, "open/*"]
    - "open/*": [a]
    - "*": [c]
`
  assert.deepEqual(await table(settings), [
    [
      'a',
      [
        target('b'),
        target('c', { api_base: 'https://other.test', temperature: 0 }),
        target('open/x'),
        target('open/*'),
      ],
    ],
    ['open/*', [target('a')]],
    ['*', [target('c')]],
  ])
  assert.deepEqual(await table('router_settings: {fallbacks: [{a: [openai/b]}]}'), [
    ['a', [target('openai/b')]],
  ])
})

test('what an entry says for its own hop is checked, and a key without effect there is named', async () => {
  const said = (values: string) =>
    loadText(`${LIST}router_settings: {fallbacks: [{a: [{model: b, ${values}}]}]}`)
  for (const key of ['timeout', 'request_timeout', 'stream_timeout'])
    assert.match(
      lines((await said(`${key}: soon`)).notices, 'error').join(),
      new RegExp(
        `config.yaml:\\d+:\\d+ \\| router_settings.fallbacks\\[0\\].a\\[0\\].${key} \\| must be a number of seconds`,
      ),
    )
  assert.match(
    lines((await said('num_retries: -1')).notices, 'error').join(),
    /num_retries \| must be 0 or more/,
  )
  const fine = await said('timeout: "5", num_retries: 0, temperature: 1')
  assert.deepEqual([lines(fine.notices, 'error'), lines(fine.notices, 'later')], [[], []])
  assert.match(
    lines((await said('mock_response: hello')).notices, 'later').join(),
    /a\[0\].mock_response \| This key has no effect in a fallback entry\./,
  )
  assert.match(
    lines((await said('stream: true')).notices, 'later').join(),
    /a\[0\].stream \| The request decides\./,
  )
})

test('M-142 an illegal shape is an error at its own line and column', async () => {
  const cases: readonly (readonly [settings: string, start: string])[] = [
    [
      'router_settings:\n  fallbacks: {a: [b]}\n',
      "error | config.yaml:11:3 | router_settings.fallbacks | must be a list of one-key maps: write '- a: [b]'",
    ],
    [
      'router_settings:\n  fallbacks: a\n',
      'error | config.yaml:11:3 | router_settings.fallbacks | must be a list',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a: [b]\n      b: [c]\n',
      'error | config.yaml:13:7 | router_settings.fallbacks[0] | must be a map with exactly one key',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a\n',
      'error | config.yaml:12:7 | router_settings.fallbacks[0] | must be a map',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a: [[b]]\n',
      'error | config.yaml:12:11 | router_settings.fallbacks[0].a[0] | must be a group name',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a: [3]\n',
      'error | config.yaml:12:11 | router_settings.fallbacks[0].a[0] | must be a group name',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a: [{temperature: 1}]\n',
      'error | config.yaml:12:11 | router_settings.fallbacks[0].a[0] | must be a group name',
    ],
    [
      'router_settings:\n  fallbacks:\n    - a: [b, typo]\n',
      'error | config.yaml:12:14 | router_settings.fallbacks[0].a[1] | nothing serves typo',
    ],
    [
      'litellm_settings:\n  context_window_fallbacks:\n    - a: [bb]\n',
      'error | config.yaml:12:11 | litellm_settings.context_window_fallbacks[0].a[0] | nothing serves bb: add it to model_list. Did you mean b?',
    ],
    [
      'litellm_settings:\n  default_fallbacks: [nope]\n',
      'error | config.yaml:11:23 | litellm_settings.default_fallbacks[0] | nothing serves nope',
    ],
  ]
  for (const [settings, start] of cases) {
    const [first] = await errors(settings)
    assert.ok(first?.startsWith(start), `${settings}\n${first}`)
  }
})

test('default_fallbacks become the entry *, unless there is one', async () => {
  assert.deepEqual(await table('litellm_settings: {default_fallbacks: [b]}'), [['*', [target('b')]]])
  assert.deepEqual(await table('router_settings: {default_fallbacks: b, fallbacks: [{a: [c]}]}'), [
    ['a', [target('c')]],
    ['*', [target('b')]],
  ])
  const { notices, config } = await loadText(
    `${LIST}router_settings: {default_fallbacks: [b], fallbacks: [{"*": [c]}]}`,
  )
  assert.deepEqual(config?.router.defaultFallbacks, ['b'])
  assert.match(lines(notices, 'warning').join(), /has an entry '\*', which wins/)
})

test('the typed lists are read, and absent is told from configured', async () => {
  const none = (await accepted(LIST)).router
  assert.equal(none.fallbacks, undefined)
  assert.equal(none.contextWindowFallbacks, undefined)
  assert.equal(none.contentPolicyFallbacks, undefined)
  assert.equal((await accepted(`${LIST}router_settings: {fallbacks: []}`)).router.fallbacks, undefined)
  const some = (
    await accepted(
      `${LIST}router_settings: {context_window_fallbacks: [{a: [b]}], content_policy_fallbacks: [{a: [c]}]}`,
    )
  ).router
  assert.deepEqual(some.contextWindowFallbacks?.get('a')?.[0]?.group, 'b')
  assert.deepEqual(some.contentPolicyFallbacks?.get('a')?.[0]?.group, 'c')
})

test('router_settings wins over litellm_settings, list by list', async () => {
  const settings = `router_settings: {fallbacks: [{a: [b]}]}
litellm_settings: {fallbacks: [{a: [c]}], context_window_fallbacks: [{a: [c]}]}
`
  assert.deepEqual(await table(settings), [['a', [target('b')]]])
  assert.equal(
    (await accepted(`${LIST}${settings}`)).router.contextWindowFallbacks?.get('a')?.[0]?.group,
    'c',
  )
})

test('circles are legal; falling back to oneself and unknown sources are warned about', async () => {
  const circle = await loadText(`${LIST}router_settings: {fallbacks: [{a: [b]}, {b: [a]}]}`)
  assert.deepEqual(lines(circle.notices, 'warning'), [])
  const odd = await loadText(
    `${models('a', 'b', 'c')}router_settings: {fallbacks: [{a: [a, b]}, {bb: [a]}, {a: [c]}]}`,
  )
  const said = lines(odd.notices, 'warning').join('\n')
  assert.match(said, /a falls back to itself/)
  assert.match(said, /no group is called bb.*Did you mean b\?/)
  assert.match(said, /a has an entry already/)
  assert.equal(odd.config?.router.fallbacks?.get('a')?.[1]?.group, 'b')
})

test('a source may be an alias, a prefixless name, or a name a wildcard serves', async () => {
  const settings = `router_settings:
  model_group_alias: {z: a}
  fallbacks: [{z: [b]}, {x-model: [b]}, {"open/y": [c]}]
`
  assert.deepEqual(lines((await loadText(`${LIST}${settings}`)).notices, 'warning'), [])
})

test('M-035 a dict fallback cannot move its group to another address: the report says so and how to', async () => {
  const settings =
    'router_settings: {fallbacks: [{a: [{model: b, api_base: "https://other.test", seed: 1}]}]}'
  const { notices } = await loadText(`${LIST}${settings}`)
  const [said, ...more] = lines(notices, 'later').filter(line => line.includes('fallbacks'))
  assert.match(
    said ?? '',
    /router_settings\.fallbacks\[0\]\.a\[0\]\.api_base .*give b another entry in model_list/,
  )
  assert.deepEqual(more, [])
})

test('a bare name that a provider’s wildcard serves may be a target and an alias, as it may be asked for', async () => {
  const list = models('a', '"openai/*"')
  const settings =
    'router_settings: {fallbacks: [{a: [gpt-4o]}, {gpt-4.1: [a]}], model_group_alias: {fast: gpt-4o-mini}}'
  const { router, aliases } = await accepted(`${list}${settings}`)
  assert.deepEqual(
    router.fallbacks?.get('a')?.map(({ group }) => group),
    ['gpt-4o'],
  )
  assert.equal(aliases.get('fast')?.group, 'gpt-4o-mini')
  const wrong = lines(
    (await loadText(`${list}router_settings: {fallbacks: [{a: [claude-x]}]}`)).notices,
    'error',
  )
  assert.match(wrong.join(), /nothing serves claude-x/)
})

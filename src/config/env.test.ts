import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, fakeProvider, lines, loadText, STRONG_KEY } from './load.fixture.ts'
import { Secret } from './secret.ts'

const REFERENCE = 'os.environ/'

/** Every string in a value, Maps, Sets and secrets included. */
const strings = (value: unknown, seen = new Set<unknown>()): string[] => {
  if (typeof value === 'string') return [value]
  if (value instanceof Secret) return [value.reveal()]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  if (value instanceof Map) return [...value].flatMap(pair => strings(pair, seen))
  const parts = value instanceof Set ? [...value] : Object.entries(value).flat()
  return parts.flatMap(part => strings(part, seen))
}

const FULL = `
environment_variables:
  FROM_FILE: os.environ/INNER
  PLAIN: from-file
credential_list:
  - credential_name: shared
    credential_values: {api_key: os.environ/CREDENTIAL, api_base: os.environ/BASE}
model_list:
  - model_name: a
    litellm_params:
      model: os.environ/MODEL
      api_key: " os.environ/KEY  "
      api_base: os.environ/BASE
      rpm: os.environ/RPM
      extra_headers: {x-one: os.environ/HEADER, authorization: Bearer os.environ/KEY}
      extra_body: {deep: [{er: os.environ/DEEP}]}
      stop: [os.environ/STOP, os.environ/UNSET_STOP]
      region_knob: os.environ/KNOB
    model_info: {base_model: os.environ/MODEL, note: os.environ/FROM_FILE}
  - model_name: b
    litellm_params: {model: openai/b, litellm_credential_name: shared}
router_settings:
  num_retries: os.environ/RETRIES
  enable_pre_call_checks: os.environ/CHECKS
  fallbacks: [{a: [os.environ/TARGET]}]
  model_group_alias: {c: os.environ/TARGET}
litellm_settings:
  drop_params: os.environ/CHECKS
general_settings:
  master_key: os.environ/MASTER
  pass_through_endpoints:
    - {path: /x, target: os.environ/BASE, auth: true, headers: {authorization: bearer os.environ/KEY}}
`
const ENV = {
  INNER: 'inner',
  CREDENTIAL: 'credential-value',
  BASE: 'https://upstream.test/v1',
  MODEL: 'openai/gpt',
  KEY: 'sk-upstream',
  RPM: '10',
  HEADER: 'one',
  DEEP: 'deep',
  STOP: 'END',
  KNOB: 'eu',
  RETRIES: '0',
  CHECKS: 'True',
  TARGET: 'b',
  MASTER: STRONG_KEY,
}

test('M-140 a reference is resolved at every depth, and none survives anywhere', async () => {
  const openai = fakeProvider('openai', ['region_knob'])
  const config = await accepted(FULL, { env: ENV, providers: [openai] })
  const [a, b] = config.deployments
  assert.equal(a?.upstreamModel, 'gpt')
  assert.equal(a?.rpm, 10)
  assert.deepEqual(a?.extraHeaders, [
    ['x-one', 'one'],
    ['authorization', 'Bearer sk-upstream'],
  ])
  assert.deepEqual(JSON.parse(JSON.stringify(a?.extraBody)), { deep: [{ er: 'deep' }] })
  assert.deepEqual(a?.defaults.stop, ['END'])
  assert.equal(a?.info.baseModel, 'openai/gpt')
  assert.equal(openai.asked[0]?.apiKey?.reveal(), 'sk-upstream')
  assert.equal(openai.asked[0]?.extra.region_knob, 'eu')
  assert.equal(openai.asked[0]?.env.FROM_FILE, 'inner')
  assert.equal(openai.asked[0]?.env.PLAIN, 'from-file')
  assert.equal(openai.asked[1]?.apiKey?.reveal(), 'credential-value')
  assert.equal(b?.connection.baseUrl, 'https://upstream.test/v1')
  assert.equal(config.router.numRetries, 0)
  assert.equal(config.router.enablePreCallChecks, true)
  assert.equal(config.litellm.dropParams, true)
  assert.deepEqual(config.aliases.get('c'), { group: 'b', hidden: false })
  assert.equal(config.general.masterKey?.reveal(), STRONG_KEY)
  assert.deepEqual(config.general.passThroughEndpoints[0]?.headers, [['authorization', 'bearer sk-upstream']])
  const { router, litellm, general, aliases, deployments } = config
  const used = deployments.map(each => ({ ...each, shown: {}, info: { ...each.info, raw: {} } }))
  const given = openai.asked.map(asked => ({ ...asked, env: {} }))
  const left = strings({ router, litellm, general, aliases, used, given }).filter(text =>
    text.includes(REFERENCE),
  )
  assert.deepEqual(left, [])
})

test('what a page may show names the variable and never the value', async () => {
  const config = await accepted(FULL, { env: ENV, providers: [fakeProvider('openai', ['region_knob'])] })
  const shown = JSON.stringify(config.deployments.map(each => [each.shown, each.info.raw]))
  for (const secret of ['sk-upstream', 'credential-value', 'inner'])
    assert.ok(!shown.includes(secret), secret)
  assert.equal(config.deployments[0]?.shown.api_base, 'os.environ/BASE')
  assert.ok(!shown.includes('api_key"'))
})

test('a variable that is not set counts as not written, and the line is named', async () => {
  const source = `model_list:
  - model_name: a
    litellm_params:
      model: openai/a
      api_key: os.environ/NOT_THERE
      timeout: os.environ/EMPTY
`
  const openai = fakeProvider('openai')
  const { config, notices } = await loadText(source, { env: { EMPTY: ' ' }, providers: [openai] })
  assert.equal(openai.asked[0]?.apiKey, undefined)
  assert.equal(config?.deployments[0]?.timeoutMs, undefined)
  assert.deepEqual(lines(notices, 'warning').slice(0, 2), [
    'warning | config.yaml:5:16 | model_list[0].litellm_params.api_key | environment variable NOT_THERE is not set, so this counts as not written',
    'warning | config.yaml:6:16 | model_list[0].litellm_params.timeout | environment variable EMPTY is empty, so this counts as not written',
  ])
})

test('a key that is named but unset is not replaced by a general one at a foreign address', async () => {
  const openai = fakeProvider('openai')
  const source = `model_list:
  - {model_name: a, litellm_params: {model: openai/a, api_base: "https://other.test", api_key: os.environ/NOT_THERE}}
  - {model_name: b, litellm_params: {model: openai/b, api_base: "https://other.test"}}
router_settings: {default_litellm_params: {api_key: sk-default}}
`
  await loadText(source, { env: { OPENAI_API_KEY: 'sk-general', OTHER: 'x' }, providers: [openai] })
  assert.equal(openai.asked[0]?.apiKey, undefined)
  assert.equal(openai.asked[0]?.env.OPENAI_API_KEY, undefined)
  assert.equal(openai.asked[0]?.env.OTHER, 'x')
  assert.equal(openai.asked[1]?.env.OPENAI_API_KEY, 'sk-general')
  assert.equal(openai.asked[1]?.apiKey?.reveal(), 'sk-default')
})

test('a reference inside a longer text is an error, except in a header', async () => {
  const source =
    'model_list: [{model_name: a, litellm_params: {model: openai/a, api_base: "https://os.environ/HOST/v1"}}]\n'
  const { config, notices } = await loadText(source)
  assert.equal(config, undefined)
  assert.match(
    lines(notices, 'error')[0] ?? '',
    /config.yaml:1:\d+ \| model_list\[0\].litellm_params.api_base \| .*only as the whole value/,
  )
})

test('a variable may lead to another one, but not in a circle and not to a literal', async () => {
  const source = (name: string): string =>
    `model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: os.environ/${name}}}]\n`
  const env = { A: 'os.environ/B', B: 'value', C: 'os.environ/D', D: 'os.environ/C', E: 'x os.environ/B' }
  for (const [name, expected] of [
    ['A', 'value'],
    ['C', undefined],
    ['E', undefined],
  ] as const) {
    const openai = fakeProvider('openai')
    await loadText(source(name), { env, providers: [openai] })
    assert.equal(openai.asked[0]?.apiKey?.reveal(), expected, name)
  }
})

test('environment_variables do not touch the given environment', async () => {
  const env = Object.freeze({ KEPT: '1' })
  const openai = fakeProvider('openai')
  await accepted(
    'environment_variables: {KEPT: 2, NEW: 3}\nmodel_list: [{model_name: a, litellm_params: {model: openai/a}}]\n',
    {
      env,
      providers: [openai],
    },
  )
  assert.deepEqual(env, { KEPT: '1' })
  assert.equal(openai.asked[0]?.env.KEPT, '2')
  assert.equal(openai.asked[0]?.env.NEW, '3')
})

test('no notice holds a secret, not even when a provider puts it into its message', async () => {
  const source = `model_list:
  - {model_name: a, litellm_params: {model: openai/a, api_key: sk-in-file-12345, rpm: sk-wrong-place}}
  - {model_name: b, litellm_params: {model: loud/b, api_key: os.environ/KEY}}
general_settings: {master_key: sk-master-in-file}
`
  const loud = fakeProvider('loud', [], ({ apiKey }) => {
    throw new Error(`cannot use ${apiKey?.reveal()}`)
  })
  const { notices } = await loadText(source, {
    env: { KEY: 'sk-from-env-12345' },
    providers: [fakeProvider('openai'), loud],
  })
  const said = lines(notices).join('\n')
  assert.match(said, /cannot use \[secret\]/)
  for (const secret of ['sk-in-file-12345', 'sk-from-env-12345', 'sk-wrong-place', 'sk-master-in-file'])
    assert.ok(!said.includes(secret), secret)
})

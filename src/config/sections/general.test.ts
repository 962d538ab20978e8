import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, lines, loadText, models, STRONG_KEY } from '../load.fixture.ts'

const LIST = models('a')
const NO_KEY = { LITELLM_MASTER_KEY: undefined }
const general = async (settings: string, env: Record<string, string | undefined> = {}) =>
  (await accepted(`${LIST}general_settings: {${settings}}`, { env })).general
const said = async (
  settings: string,
  env: Record<string, string | undefined> = {},
  level?: 'error' | 'warning',
) => lines((await loadText(`${LIST}general_settings: {${settings}}`, { env })).notices, level).join('\n')

test('the master key comes from the file, then from the environment', async () => {
  assert.equal((await general('master_key: sk-from-the-file')).masterKey?.reveal(), 'sk-from-the-file')
  assert.equal((await general('')).masterKey?.reveal(), STRONG_KEY)
  assert.equal((await general('master_key: null')).masterKey?.reveal(), STRONG_KEY)
  const other = { ...NO_KEY, UNDERSTUDY_MASTER_KEY: 'sk-other-0123456789' }
  assert.equal((await general('', other)).masterKey?.reveal(), 'sk-other-0123456789')
  assert.equal(
    (await general('', { ...other, LITELLM_MASTER_KEY: '' })).masterKey?.reveal(),
    'sk-other-0123456789',
  )
})

test('M-139 a key that is named but missing is an error, never no authentication', async () => {
  const key = 'master_key: os.environ/NOT_THERE'
  assert.match(
    await said(key, {}, 'error'),
    /config.yaml:4:32 \| general_settings.master_key \| environment variable NOT_THERE is not set/,
  )
  const permitted = `${key}, dangerously_permit_weak_or_unset_master_key: true`
  assert.match(await said(permitted, {}, 'error'), /NOT_THERE is not set/)
})

test('an empty or well-known key is an error unless it is permitted in so many words', async () => {
  const cases: readonly (readonly [settings: string, env: Record<string, string | undefined>])[] = [
    ['master_key: sk-1234', {}],
    ['master_key: " sk-1234 "', {}],
    ['master_key: ""', {}],
    ['master_key: os.environ/K', { K: 'sk-1234' }],
    ['master_key: os.environ/K', { K: '' }],
    ['', { LITELLM_MASTER_KEY: 'sk-1234' }],
    ['', { LITELLM_MASTER_KEY: '' }],
  ]
  for (const [settings, env] of cases) {
    assert.match(
      await said(settings, env, 'error'),
      /general_settings.master_key \| .* is (?:empty|the one of every tutorial|not set)/,
      settings,
    )
    const permit = `${settings === '' ? '' : `${settings}, `}dangerously_permit_weak_or_unset_master_key: true`
    const warned = await said(permit, env, 'warning')
    assert.match(warned, /anybody can use and administer this gateway/, permit)
    const byVariable = { ...env, LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'True' }
    assert.equal(await said(settings, byVariable, 'error'), '')
  }
  assert.match(await said('master_key: 12345678901234', {}, 'error'), /must be text: put the key in quotes/)
  assert.match(await said('master_key: sk-short', {}, 'warning'), /shorter than 12/)
})

test('no key at all is told, not refused', async () => {
  const { config, notices } = await loadText(LIST, { env: NO_KEY })
  assert.equal(config?.general.masterKey, undefined)
  assert.match(lines(notices, 'differs').join(), /no master key is set: one is made/)
})

test('the salt key is kept apart from the master key', async () => {
  assert.equal((await general('', { LITELLM_SALT_KEY: 'salt' })).saltKey?.reveal(), 'salt')
  assert.equal((await general('', { LITELLM_SALT_KEY: '' })).saltKey, undefined)
  const { previousSaltKeys } = await general('', { UNDERSTUDY_PREVIOUS_SALT_KEYS: ' older, old ' })
  assert.deepEqual(
    previousSaltKeys.map(key => key.reveal()),
    ['older', 'old'],
  )
  assert.deepEqual((await general('', { UNDERSTUDY_PREVIOUS_SALT_KEYS: '' })).previousSaltKeys, [])
})

test('settings are read; 0 and false are kept', async () => {
  const own =
    await general(`completion_model: a, litellm_key_header_name: X-My-Key, enforce_fallback_model_access: false,
    max_request_size_mb: 0.5, max_response_size_mb: 1, store_max_size_mb: 2, max_in_flight_requests_per_worker: 0, pass_through_request_timeout: 0,
    client_head_timeout_seconds: 1.5, client_request_timeout_seconds: 0, client_stall_timeout_seconds: 2,
    public_routes: [/x], include_call_id_in_error_body: true, dangerously_allow_mock_testing_request_params: yes,
    disable_responses_id_security: true, allow_unmanaged_response_ids: true, forward_client_headers_to_llm_api: true,
    forward_openai_org_id: true, always_include_stream_usage: true`)
  assert.deepEqual(
    { ...own, masterKey: undefined },
    {
      masterKey: undefined,
      saltKey: undefined,
      previousSaltKeys: [],
      keyHeaderName: 'x-my-key',
      completionModel: 'a',
      allowMockTesting: true,
      disableResponsesIdSecurity: true,
      allowUnmanagedResponseIds: true,
      includeCallIdInErrorBody: true,
      forwardClientHeaders: true,
      forwardOpenaiOrgId: true,
      alwaysIncludeStreamUsage: true,
      enforceFallbackModelAccess: false,
      maxRequestBytes: 524_288,
      maxResponseBytes: 1_048_576,
      storeMaxBytes: 2_097_152,
      maxInFlight: 0,
      clientHeadMs: 1500,
      clientRequestMs: 0,
      clientStallMs: 2000,
      passThroughTimeoutMs: 0,
      passThroughEndpoints: [],
      publicRoutes: ['/x'],
      cors: { origins: undefined, credentials: false },
    },
  )
  assert.match(await said('completion_model: b'), /error .*completion_model \| nothing serves b/)
})

test('pass-through endpoints ask for a key unless told otherwise, and are checked', async () => {
  const own = await general(
    'pass_through_endpoints: [{path: /x/, target: "https://t.test/v1", headers: {A: 1, B: os.environ/NONE}}, {path: /y, target: "http://t.test", auth: false, forward_headers: true, include_subpath: true}]',
  )
  assert.deepEqual(own.passThroughEndpoints, [
    {
      path: '/x',
      target: 'https://t.test/v1',
      headers: [['a', '1']],
      auth: true,
      forwardHeaders: false,
      includeSubpath: false,
    },
    {
      path: '/y',
      target: 'http://t.test',
      headers: [],
      auth: false,
      forwardHeaders: true,
      includeSubpath: true,
    },
  ])
  const cases: readonly (readonly [endpoint: string, expected: RegExp])[] = [
    [
      '{path: x, target: "https://t.test"}',
      /4:46 \| .*pass_through_endpoints\[0\].path \| must start with '\/'/,
    ],
    ['{path: /x, target: /relative}', /\.target \| must be an absolute http or https URL/],
    ['{path: /x, target: "ftp://t.test"}', /\.target \| must be an absolute http or https URL/],
    ['{path: /x}', /\.target \| must be text/],
    [
      '{path: /x, target: "https://t.test"}, {path: /x/, target: "https://t.test"}',
      /an endpoint above has this path/,
    ],
    ['{path: /x, target: "https://t.test", headers: {"a\\r\\nb": c}}', /is no header name/],
  ]
  for (const [endpoint, expected] of cases)
    assert.match(await said(`pass_through_endpoints: [${endpoint}]`, {}, 'error'), expected)
})

test('Python cannot run here, and the file says so instead of starting without it', async () => {
  const cases: readonly (readonly [source: string, key: string])[] = [
    ['general_settings: {custom_auth: module.auth}', 'general_settings.custom_auth'],
    ['general_settings: {custom_key_generate: module.make}', 'general_settings.custom_key_generate'],
    ['general_settings: {custom_sso: module.sso}', 'general_settings.custom_sso'],
    ['general_settings: {custom_handler: module.handler}', 'general_settings.custom_handler'],
    [
      'litellm_settings: {custom_provider_map: [{provider: p, custom_handler: m.h}]}',
      'litellm_settings.custom_provider_map',
    ],
    ['litellm_settings: {callbacks: module.handler}', 'litellm_settings.callbacks[0]'],
    ['litellm_settings: {success_callback: [langfuse, a.b.handler]}', 'litellm_settings.success_callback[1]'],
    [
      'guardrails: [{guardrail_name: g, litellm_params: {guardrail: module.Class, mode: pre_call}}]',
      'guardrails[0].litellm_params.guardrail',
    ],
  ]
  for (const [source, key] of cases) {
    const { config, notices } = await loadText(`${LIST}${source}\n`)
    assert.equal(config, undefined, source)
    const error = lines(notices, 'error')[0] ?? ''
    assert.match(error, /error \| config.yaml:4:\d+ \| .*Understudy cannot run/)
    assert.ok(error.includes(`| ${key} |`), error)
  }
  assert.ok((await loadText(`${LIST}general_settings: {custom_auth: null}`)).config)
})

test('callbacks by name are later, a misspelt one is noticed', async () => {
  const { notices } = await loadText(`${LIST}litellm_settings: {callbacks: [prometeus, otel]}`)
  assert.match(lines(notices, 'later').join(), /litellm_settings.callbacks \| No callback runs yet/)
  assert.match(lines(notices, 'warning').join(), /no callback is called prometeus. Did you mean prometheus\?/)
})

test('origins of browsers come from the file, then from the environment of LiteLLM', async () => {
  const any = { origins: undefined, credentials: false }
  const ENV = 'LITELLM_CORS_ORIGINS'
  assert.deepEqual((await general('', { [ENV]: '' })).cors, any)
  assert.deepEqual((await general('', { [ENV]: '*' })).cors, any)
  assert.deepEqual((await general('', { [ENV]: 'https://a.test, https://B.test:8443/,' })).cors, {
    origins: ['https://a.test', 'https://b.test:8443'],
    credentials: true,
  })
  assert.deepEqual(
    (await general('cors_allow_origins: https://c.test', { [ENV]: 'https://a.test' })).cors.origins,
    ['https://c.test'],
  )
  assert.deepEqual((await general('cors_allow_origins: []')).cors.origins, [])
  const none = { LITELLM_CORS_ALLOW_CREDENTIALS: 'false' }
  assert.equal((await general('cors_allow_origins: https://c.test', none)).cors.credentials, false)
  assert.match(
    await said('cors_allow_origins: [https://c.test, c.test/app]', {}, 'error'),
    /config.yaml:4:\d+ \| general_settings.cors_allow_origins \| 'c.test\/app' is no origin/,
  )
  assert.match(
    await said('cors_allow_credentials: true', {}, 'warning'),
    /cors_allow_credentials \| has no effect while every origin is allowed/,
  )
  assert.deepEqual((await general('cors_allow_credentials: true')).cors, any)
})

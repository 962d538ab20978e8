import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config.ts'
import { accepted, fakeProvider, lines, loadText } from '../load.fixture.ts'
import { compilePattern } from './patterns.ts'

const entry = (params: string, more = ''): string =>
  `model_list: [{model_name: a, litellm_params: {${params}}${more}}]\n`
const first = async (params: string, more = '', world = {}) => {
  const { deployments } = await accepted(entry(params, more), world)
  const [deployment] = deployments
  if (deployment === undefined) throw new Error('no deployment')
  return deployment
}
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('the provider comes from custom_llm_provider, the prefix, the address, or a well-known name', async () => {
  const providers = ['openai', 'anthropic', 'groq', 'azure'].map(name => fakeProvider(name))
  const cases: readonly (readonly [params: string, provider: string, model: string])[] = [
    ['model: openai/gpt', 'openai', 'gpt'],
    ['model: openai/meta/llama', 'openai', 'meta/llama'],
    ['model: gpt-x, custom_llm_provider: azure', 'azure', 'gpt-x'],
    ['model: openai/gpt, custom_llm_provider: azure', 'azure', 'openai/gpt'],
    ['model: azure/gpt, custom_llm_provider: azure', 'azure', 'gpt'],
    ['model: llama-3, api_base: "https://api.groq.com/openai/v1"', 'groq', 'llama-3'],
    ['model: meta/llama-3, api_base: "https://api.groq.com/openai/v1"', 'groq', 'meta/llama-3'],
    ['model: openai/llama, api_base: "https://api.groq.com/openai/v1"', 'openai', 'llama'],
    ...[
      'gpt-4.1',
      'o1',
      'o3-mini',
      'o4-mini',
      'text-embedding-3-small',
      'dall-e-3',
      'gpt-image-1',
      'whisper-1',
      'tts-1',
      'chatgpt-4o-latest',
      'omni-moderation-latest',
      'text-moderation-latest',
    ].map(name => [`model: ${name}`, 'openai', name] as const),
    ['model: claude-opus', 'anthropic', 'claude-opus'],
  ]
  for (const [params, provider, model] of cases) {
    const deployment = await first(params, '', { providers })
    assert.deepEqual([deployment.provider.name, deployment.upstreamModel], [provider, model], params)
  }
})

test('a provider that cannot be found is an error that says how to write it', async () => {
  const cases: readonly (readonly [params: string, expected: RegExp])[] = [
    ['model: llama', /LLM Provider NOT provided for model llama\. Write the provider before the name/],
    ['model: opnai/gpt', /LLM Provider NOT provided for model opnai\/gpt\. Did you mean openai\?/],
    ['model: snowflake/x', /provider snowflake is not supported yet\. Supported: anthropic, openai\./],
    ['model: x, custom_llm_provider: opena', /there is no provider opena\. Did you mean openai\?/],
    [
      'model: "*"',
      /LLM Provider NOT provided: model '\*' would choose it per request\. Write model_name: "\*"/,
    ],
    ['model: openai/', /the model's name is missing after 'openai\/'/],
    ['model: constructor/x', /LLM Provider NOT provided/],
  ]
  for (const [params, expected] of cases) {
    const { config, notices } = await loadText(entry(params))
    assert.equal(config, undefined)
    assert.match(lines(notices, 'error').join(), expected)
    assert.match(lines(notices, 'error').join(), /config.yaml:1:47 \| model_list\[0\].litellm_params.model/)
  }
})

test('an invalid deployment is left out with a warning while its group has another', async () => {
  const source = `model_list:
  - {model_name: a, litellm_params: {model: snowflake/x}}
  - {model_name: a, litellm_params: {model: openai/x}}
  - {model_name: b, litellm_params: {model: loud/x}}
`
  const loud = fakeProvider('loud', [], () => {
    throw new Error('api_base is missing: set it')
  })
  const providers = [fakeProvider('openai'), loud]
  const { notices } = await loadText(source, { providers })
  assert.deepEqual(lines(notices, 'warning').length, 1)
  assert.match(
    lines(notices, 'warning')[0] ?? '',
    /config.yaml:2:38 .*snowflake is not supported yet.*left out/,
  )
  assert.deepEqual(lines(notices, 'error'), [
    'error | config.yaml:4:37 | model_list[2].litellm_params | provider loud cannot connect: api_base is missing: set it. It cannot be left out: no other deployment of b is left',
  ])
  const some = await accepted(source.split('\n').slice(0, 3).join('\n'), { providers })
  assert.deepEqual(
    some.deployments.map(each => each.upstreamModel),
    ['x'],
  )
  const strict = await loadText(`${source}router_settings: {ignore_invalid_deployments: false}`, {
    providers,
  })
  assert.equal(lines(strict.notices, 'error').length, 2)
})

test('the shape of an entry is checked at its place', async () => {
  const cases: readonly (readonly [source: string, expected: string])[] = [
    ['model_list: {a: b}', 'error | config.yaml:1:1 | model_list | must be a list'],
    ['model_list:\n  - text\n', 'error | config.yaml:2:5 | model_list[0] | must be a map'],
    [
      'model_list:\n  - litellm_params: {model: openai/a}\n',
      'error | config.yaml:2:5 | model_list[0].model_name | model_name is missing',
    ],
    [
      'model_list:\n  - model_name: a\n',
      'error | config.yaml:2:5 | model_list[0].litellm_params | must be a map',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {api_key: x}\n',
      'error | config.yaml:3:21 | model_list[0].litellm_params.model | must be text',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, rpm: x}\n',
      'error | config.yaml:3:39 | model_list[0].litellm_params.rpm | must be a whole number',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a}\n    model_info: []\n',
      'error | config.yaml:4:17 | model_list[0].model_info | must be a map',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a}\n    model_info: {allowed_fails_policy: {X: 1}}\n',
      'error | config.yaml:4:41 | model_list[0].model_info.allowed_fails_policy.X | unknown field',
    ],
    [
      'model_list:\n  - model_name: "*****"\n    litellm_params: {model: openai/a}\n',
      "error | config.yaml:2:5 | model_list[0].model_name | more than 4 '*'",
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, extra_headers: {"x y": 1}}\n',
      'error | config.yaml:3:55 | model_list[0].litellm_params.extra_headers.x y | is no header name',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, extra_headers: {x: "a\\nb"}}\n',
      'error | config.yaml:3:55 | model_list[0].litellm_params.extra_headers.x | holds a character',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, extra_headers: {Host: a}}\n',
      'error | config.yaml:3:55 | model_list[0].litellm_params.extra_headers.Host | host is set by the gateway',
    ],
    [
      'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, tag_regex: "("}\n',
      'error | config.yaml:3:39 | model_list[0].litellm_params.tag_regex | is not a regular expression',
    ],
  ]
  for (const [source, expected] of cases) {
    const { config, notices } = await loadText(source)
    assert.equal(config, undefined, source)
    assert.ok(lines(notices, 'error')[0]?.startsWith(expected), `${source}\n${lines(notices, 'error')}`)
  }
})

test("litellm_params are split into the gateway's own, the provider's, and request defaults", async () => {
  const openai = fakeProvider('openai', ['region_knob'])
  const deployment = await first(
    `model: openai/x, api_base: "https://u.test", api_version: 2024-02-01, organization: org, rpm: 0, tpm: 5, order: 0, weight: 0,
    max_parallel_requests: 0, timeout: 0, stream_timeout: 1.5, num_retries: 0, cooldown_time: 0, drop_params: false,
    additional_drop_params: ["tools[*].strict", "metadata.trace"], allowed_openai_params: [seed], extra_body: {a: null},
    extra_headers: {X-One: 1}, region_name: eu, tags: [t], tag_regex: "^x", mock_response: hi, temperature: 0, seed: null,
    stop: None, region_knob: k, tools: [{type: function}], aws_region_name: us, input_cost_per_token: 0`,
    '',
    { providers: [openai] },
  )
  const { rpm, tpm, order, weight, maxParallelRequests, timeoutMs, streamTimeoutMs, numRetries, cooldownMs } =
    deployment
  assert.deepEqual([rpm, tpm, order, weight, maxParallelRequests], [0, 5, 0, 0, 0])
  assert.deepEqual([timeoutMs, streamTimeoutMs, numRetries, cooldownMs], [0, 1500, 0, 0])
  assert.deepEqual([deployment.dropParams, deployment.region, deployment.mockResponse], [false, 'eu', 'hi'])
  assert.deepEqual(deployment.additionalDropParams, [
    ['tools', '*', 'strict'],
    ['metadata', 'trace'],
  ])
  assert.deepEqual(json(deployment.defaults), { temperature: 0, tools: [{ type: 'function' }] })
  assert.deepEqual(json(deployment.extraBody), { a: null })
  assert.deepEqual(deployment.extraHeaders, [['x-one', '1']])
  assert.deepEqual([deployment.inputCostPerToken, deployment.outputCostPerToken], [0, undefined])
  assert.deepEqual([openai.asked[0]?.apiVersion, openai.asked[0]?.organization], ['2024-02-01', 'org'])
  assert.equal(openai.asked[0]?.extra.region_knob, 'k')
  const { notices } = await loadText(entry('model: openai/x, aws_region_name: us'), { providers: [openai] })
  assert.match(lines(notices, 'warning').join(), /provider openai does not take aws_region_name/)
})

test('what LiteLLM keeps for itself is sent to nobody, and reported with its place', async () => {
  const params = `model: openai/x, api_key: k, temperature: 0.5, ssl_verify: false, s3_bucket_name: b, base_model: gpt-4,
    retry_policy: {DefaultRetries: 1}, fallbacks: [a], input_cost_per_token_above_200k_tokens: 0.1, no-log: true,
    langfuse_host: h, cache_read_input_audio_token_cost: 1, supports_system_message: false, own_parameter: 1`
  const { config, notices } = await loadText(entry(params))
  assert.deepEqual(json(config?.deployments[0]?.defaults), { temperature: 0.5, own_parameter: 1 })
  const said = lines(notices)
  for (const key of [
    'ssl_verify',
    's3_bucket_name',
    'base_model',
    'retry_policy',
    'fallbacks',
    'input_cost_per_token_above_200k_tokens',
    'no-log',
    'langfuse_host',
    'cache_read_input_audio_token_cost',
    'supports_system_message',
  ])
    assert.match(
      said.find(line => line.includes(`litellm_params.${key} |`)) ?? key,
      /^(?:later|differs) \| config.yaml:[123]:\d+ \|/,
    )
})

test('credentials and default_litellm_params fill what the entry leaves out', async () => {
  const openai = fakeProvider('openai')
  const source = `credential_list:
  - {credential_name: one, credential_values: {api_key: sk-one, api_base: "https://one.test"}}
model_list:
  - {model_name: a, litellm_params: {model: openai/a, litellm_credential_name: one, api_base: "https://own.test"}}
  - {model_name: b, litellm_params: {model: openai/b, timeout: 0}}
  - {model_name: c, litellm_params: {model: openai/c, api_key: None}}
router_settings: {default_litellm_params: {api_key: sk-default, timeout: 9, temperature: 1}}
`
  const config = await accepted(source, { providers: [openai] })
  assert.deepEqual(
    openai.asked.map(each => each.apiKey?.reveal()),
    ['sk-one', 'sk-default', 'sk-default'],
  )
  assert.deepEqual(
    openai.asked.map(each => each.apiBase),
    ['https://own.test', undefined, undefined],
  )
  assert.deepEqual(
    config.deployments.map(each => each.timeoutMs),
    [9000, 0, 9000],
  )
  assert.equal(config.deployments[0]?.defaults.temperature, 1)
  const { notices } = await loadText(
    source.replace('litellm_credential_name: one', 'litellm_credential_name: two'),
  )
  assert.match(
    lines(notices, 'error').join(),
    /credential_list has no credential of this name \(it has: one\)/,
  )
})

const ids = (config: Config): string[] => config.deployments.map(each => each.id)

test('ids: stable over restarts, key order and instances; different when anything differs', async () => {
  const base = await first('model: openai/x, api_key: os.environ/K, rpm: 1', '', { env: { K: 'one' } })
  assert.match(base.id, /^[0-9a-f]{64}$/)
  assert.equal(
    (await first('rpm: 1, api_key: one, model: openai/x', ', model_info: {mode: chat}')).id,
    base.id,
  )
  const others = await Promise.all([
    first('model: openai/x, api_key: os.environ/K, rpm: 1', '', { env: { K: 'two' } }),
    first('model: openai/x, api_key: one, rpm: 2'),
    first('model: openai/y, api_key: one, rpm: 1'),
  ])
  assert.equal(new Set([base.id, ...others.map(each => each.id)]).size, 4)
  assert.equal((await first('model: openai/x', ', model_info: {id: mine}')).id, 'mine')
})

test('two identical entries are told apart by a suffix, with a warning', async () => {
  const one = '  - {model_name: a, litellm_params: {model: openai/x}}\n'
  const { config, notices } = await loadText(`model_list:\n${one}${one}${one}`)
  if (config === undefined) throw new Error('not accepted')
  const [id] = ids(config)
  assert.deepEqual(ids(config), [id, `${id}-2`, `${id}-3`])
  assert.equal(config.byId.get(`${id}-2`)?.info.id, `${id}-2`)
  assert.match(
    lines(notices, 'warning').join('\n'),
    /config.yaml:3:5 \| model_list\[1\] \| same id as the entry in config.yaml:2/,
  )
})

test('domain and boundary tell credentials, organisations, addresses and models apart', async () => {
  const x = await first('model: openai/x, api_key: one')
  const y = await first('model: openai/y, api_key: one')
  const other = await first('model: openai/x, api_key: two')
  const far = await first('model: openai/x, api_key: one, api_base: "https://far.test"')
  const branch = await first('model: openai/x, api_key: one, organization: org-branch')
  assert.equal(x.boundary, y.boundary)
  assert.equal(new Set([x.boundary, other.boundary, far.boundary, branch.boundary]).size, 4)
  assert.equal(new Set([x.domain, y.domain, other.domain, far.domain, branch.domain]).size, 5)
  assert.ok(!x.domain.includes('one'))
})

test('a missing credential is a warning that carries the mend of the provider', async () => {
  const openai = fakeProvider('openai', [], () => ({ missing: 'no API key: set litellm_params.api_key' }))
  const { config, notices } = await loadText(entry('model: openai/x'), { providers: [openai] })
  assert.ok(config)
  assert.match(
    lines(notices, 'warning').join(),
    /no API key: set litellm_params.api_key; calls to this deployment fail/,
  )
})

test('what is decided elsewhere is named where it is written all the same', async () => {
  const { notices } = await loadText(
    entry(
      'model: openai/x, extra_body: {stream: true, model: y, seed: 1}, additional_drop_params: [user, stream]',
    ),
  )
  assert.deepEqual(
    lines(notices, 'later').map(line => line.split(' | ').slice(2).join(' | ')),
    [
      'model_list[0].litellm_params.extra_body.stream | The request decides.',
      'model_list[0].litellm_params.extra_body.model | litellm_params.model decides.',
      'model_list[0].litellm_params.additional_drop_params[1] | The request decides.',
    ],
  )
})

test('model_info is read, free keys are kept and secrets are not shown', async () => {
  const { info } = await first(
    'model: openai/x, dimensions: 256',
    ', model_info: {mode: embedding, base_model: b, access_groups: [g], max_input_tokens: 0, allowed_fails: 0, cooldown_time: 2, blocked: true, supports_vision: true, mine: 1, api_key: sk-x}',
  )
  assert.deepEqual(
    { ...info, raw: Object.keys(info.raw) },
    {
      id: info.id,
      mode: 'embedding',
      baseModel: 'b',
      accessGroups: ['g'],
      maxInputTokens: 0,
      supportsAssistantPrefill: false,
      supportsReasoning: false,
      supportsVision: true,
      compaction: undefined,
      allowedFails: 0,
      allowedFailsPolicy: undefined,
      cooldownMs: 2000,
      blocked: true,
      dimensions: undefined,
      raw: [
        'mode',
        'base_model',
        'access_groups',
        'max_input_tokens',
        'allowed_fails',
        'cooldown_time',
        'blocked',
        'supports_vision',
        'mine',
      ],
    },
  )
})

test('shown parameters hold no credential, wherever it is written', async () => {
  const { shown } = await first(
    `model: openai/x, api_key: SECRET, api_base: "https://SECRET:SECRET@u.test/v1?key=SECRET", aws_secret_access_key: SECRET,
    aws_access_key_id: SECRET, client_secret: SECRET, vertex_credentials: {private: SECRET}, azure_ad_token: SECRET, max_tokens: 5,
    extra_headers: {authorization: SECRET, x-api-key: SECRET, x-plain: yes}, extra_body: {auth: {token: SECRET}}`,
  )
  assert.ok(!JSON.stringify(shown).includes('SECRET'), JSON.stringify(shown))
  assert.equal(shown.max_tokens, 5)
  assert.equal(shown.api_base, 'https://u.test/v1')
})

test('wildcards are anchored at the start only, and the most specific is asked first', async () => {
  const names = ['"*"', 'openai/*', '"openai/gpt-*"', '"*/gpt-4"']
  const source = `model_list:\n${names.map(name => `  - {model_name: ${name}, litellm_params: {model: openai/*}}\n`).join('')}  - {model_name: plain, litellm_params: {model: openai/x}}\n`
  const config = await accepted(source)
  assert.deepEqual([...config.groups.keys()], ['plain'])
  assert.deepEqual(
    config.patterns.map(each => each.deployments[0]?.group),
    ['openai/gpt-*', '*/gpt-4', 'openai/*', '*'],
  )
  assert.deepEqual(compilePattern('a.*/b*').exec('a.x/byz')?.slice(1), ['x', 'yz'])
  assert.equal(compilePattern('a.*').test('abc'), false)
  assert.equal(compilePattern('*/gpt-4').test('x/gpt-4-turbo'), true)
  assert.equal(compilePattern('gpt-4*').test('my-gpt-4'), false)
})

test('a star that nothing can fill is warned about', async () => {
  const { notices } = await loadText(entry('model: openai/*'))
  assert.match(lines(notices, 'warning').join(), /model_name a has no '\*' to fill the one in openai\/\*/)
})

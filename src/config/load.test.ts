import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { accepted, fakeProvider, lines, loadText, models } from './load.fixture.ts'
import { nearest } from './report.ts'
import { Secret } from './secret.ts'

const EXAMPLE = readFileSync(new URL('../../config.example.yaml', import.meta.url), 'utf8')
const PROVIDERS = [
  fakeProvider('openai'),
  fakeProvider('azure'),
  fakeProvider('bedrock', ['aws_region_name']),
]

test('the Config is frozen all the way down; only secrets, providers and connections are their own masters', async () => {
  const config = await accepted(EXAMPLE, { providers: PROVIDERS })
  const own = new Set<unknown>(config.deployments.flatMap(each => [each.provider, each.connection]))
  const loose: string[] = []
  const walk = (value: unknown, path: string, seen: Set<unknown>): void => {
    if (
      typeof value !== 'object' ||
      value === null ||
      seen.has(value) ||
      own.has(value) ||
      value instanceof Secret
    )
      return
    seen.add(value)
    if (!Object.isFrozen(value)) loose.push(path)
    const parts = value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value)
    for (const [key, each] of parts) walk(each, `${path}.${String(key)}`, seen)
  }
  walk(config, 'config', new Set())
  assert.deepEqual(loose, [])
  assert.throws(() => (config.groups as Map<string, never>).set('x', [] as never), /immutable/)
  assert.throws(() => (config.router.optionalPreCallChecks as Set<string>).add('x'), /immutable/)
})

test('an unknown key is named with its line and what was probably meant', async () => {
  const source = `${models('a')}router_setings: {}
router_settings:
  num_retrys: 1
  cooldown: 3
litellm_settings: {drop_param: true}
general_settings: {master_keys: x}
`
  const { notices } = await loadText(source)
  assert.deepEqual(lines(notices, 'warning'), [
    'warning | config.yaml:4:1 | router_setings | unknown key: it has no effect. Did you mean router_settings?',
    'warning | config.yaml:6:3 | router_settings.num_retrys | unknown key: it has no effect. Did you mean num_retries?',
    'warning | config.yaml:7:3 | router_settings.cooldown | unknown key: it has no effect.',
    'warning | config.yaml:8:20 | litellm_settings.drop_param | unknown key: it has no effect. Did you mean drop_params?',
    'warning | config.yaml:9:20 | general_settings.master_keys | unknown key: it has no effect. Did you mean master_key?',
  ])
})

test('unknown deployment keys: parameters pass, typos are noticed, free model_info is welcome', async () => {
  const source = `model_list:
  - model_name: a
    litellm_params: {model: openai/a, top_p: 1, reasoning_effort: low, tempreature: 1, brand_new: 1}
    model_info: {team: red, max_input_token: 5}
`
  const { config, notices } = await loadText(source)
  const warnings = lines(notices, 'warning')
  assert.equal(warnings.length, 3)
  assert.match(
    warnings.join('\n'),
    /tempreature is not known here: it is sent to the provider.*Did you mean temperature\?/,
  )
  assert.match(
    warnings.join('\n'),
    /brand_new is not known here: it is sent to the provider as a request parameter\.$/m,
  )
  assert.match(
    warnings.join('\n'),
    /max_input_token has no meaning of its own. Did you mean max_input_tokens\?/,
  )
  assert.deepEqual(Object.keys(config?.deployments[0]?.defaults ?? {}), [
    'top_p',
    'reasoning_effort',
    'tempreature',
    'brand_new',
  ])
})

test('a key that is not honoured is reported, unless it asks for what happens anyway', async () => {
  const settings = (value: string): string => `${models('a')}litellm_settings: {${value}}\n`
  const later = async (value: string) => lines((await loadText(settings(value))).notices).length
  assert.equal(await later('cache: true'), 1)
  for (const value of [
    'cache: false',
    'cache: null',
    'callbacks: []',
    'max_budget: 0',
    'json_logs: true',
    'ssl_verify: true',
  ])
    assert.equal(await later(value), 0, value)
  assert.equal(await later('ssl_verify: false'), 1)
  assert.equal(await later('max_budget: 5'), 1)
})

test('environment variables without effect in this version are named', async () => {
  const { notices } = await loadText(models('a'), {
    env: { DATABASE_URL: 'postgres://secret', REDIS_HOST: '' },
  })
  assert.equal(lines(notices, 'later').length, 1)
  assert.match(lines(notices, 'later')[0] ?? '', /later \| - \| DATABASE_URL/)
  assert.ok(!lines(notices).join().includes('postgres'))
})

test('the differences on purpose that meet this file are told, and only those', async () => {
  const said = async (settings: string) =>
    lines((await loadText(`${models('a', 'b')}${settings}`)).notices, 'differs').join('\n')
  assert.equal(await said(''), '')
  const generic = await said('router_settings:\n  fallbacks: [{a: [b]}]\n')
  assert.match(
    generic,
    /config.yaml:7:3 \| router_settings.fallbacks \| these do not route around a content-policy refusal/,
  )
  assert.match(generic, /each target is checked against the key's models/)
  assert.match(generic, /'model' in the answer names the group that served/)
  const allowed =
    'router_settings: {fallbacks: [{a: [b]}], fallback_on_content_policy: true}\ngeneral_settings: {enforce_fallback_model_access: false}\n'
  assert.doesNotMatch(await said(allowed), /content-policy|is checked against/)
  const alias = await said('router_settings: {model_group_alias: {z: a}, fallbacks: [{a: [b]}]}')
  assert.match(
    alias,
    /router_settings.fallbacks\[0\].a \| this entry also holds when a is asked for by its alias z/,
  )
  assert.match(
    await said('litellm_settings: {default_fallbacks: [b]}'),
    /config.yaml:6:20 \| default_fallbacks \|/,
  )
})

test('an embeddings fallback that can never be followed is named', async () => {
  const embedding = (name: string, model: string, info = ''): string =>
    `  - {model_name: ${name}, litellm_params: {model: openai/${model}}, model_info: {mode: embedding${info}}}\n`
  const said = async (list: string) =>
    lines(
      (await loadText(`model_list:\n${list}router_settings:\n  fallbacks:\n    - a: [b]\n`)).notices,
      'differs',
    ).join('\n')
  assert.match(
    await said(embedding('a', 'small') + embedding('b', 'large')),
    /config.yaml:6:7 \| router_settings.fallbacks\[0\].a \| a → b is never followed: vectors/,
  )
  assert.match(
    await said(embedding('a', 'x', ', dimensions: 1') + embedding('b', 'x', ', dimensions: 2')),
    /never followed/,
  )
  assert.doesNotMatch(await said(embedding('a', 'x') + embedding('b', 'x')), /never followed/)
  assert.doesNotMatch(
    await said(embedding('a', 'x', ', base_model: m') + embedding('b', 'y', ', base_model: m')),
    /never followed/,
  )
})

test('an embeddings fallback to vectors of another length is named, whoever says the length', async () => {
  const embedding = (name: string, more: string): string =>
    `  - {model_name: ${name}, litellm_params: {model: openai/x${more}}, model_info: {mode: embedding}}\n`
  const said = async (a: string, b: string, target = 'b') => {
    const list = embedding('a', a) + embedding('b', b)
    const fallbacks = `router_settings:\n  fallbacks:\n    - a: [${target}]\n`
    return lines((await loadText(`model_list:\n${list}${fallbacks}`)).notices, 'differs').join('\n')
  }
  assert.match(
    await said(', dimensions: 256', ''),
    /a → b is only followed where the request says dimensions: vectors/,
  )
  assert.match(await said('', ', dimensions: 256'), /only followed where/)
  assert.match(await said(', dimensions: 256', ', dimensions: 512'), /only followed where/)
  assert.match(await said(', extra_body: {dimensions: 256}', ''), /never followed/)
  assert.doesNotMatch(await said(', dimensions: 256', ', dimensions: 256'), /followed/)
  assert.doesNotMatch(await said(', dimensions: 256', '', '{model: b, dimensions: 256}'), /followed/)
})

test('a group whose deployments make vectors that do not mix is named', async () => {
  const said = async (second: string, info = '') =>
    lines(
      (
        await loadText(`model_list:
  - {model_name: a, litellm_params: {model: openai/small}, model_info: {mode: embedding${info}}}
  - {model_name: a, litellm_params: {model: openai/${second}}, model_info: {mode: embedding${info}}}
`)
      ).notices,
      'warning',
    ).join('\n')
  assert.match(
    await said('large'),
    /config.yaml:3:5 \| model_list \| a mixes the vectors of small and large\. Give both/,
  )
  assert.match(await said('small, dimensions: 2'), /a mixes the vectors of small and small/)
  assert.doesNotMatch(await said('small'), /mixes/)
  assert.doesNotMatch(await said('large', ', base_model: m'), /mixes/)
})

test('a section of the wrong kind is an error, an empty one is not', async () => {
  for (const name of ['router_settings', 'litellm_settings', 'general_settings']) {
    assert.deepEqual(lines((await loadText(`${models('a')}${name}: []\n`)).notices, 'error'), [
      `error | config.yaml:4:1 | ${name} | must be a map: indent its keys below it, without a dash`,
    ])
    assert.ok((await loadText(`${models('a')}${name}:\n`)).config)
  }
  for (const source of ['environment_variables: [a]', 'credential_list: {a: b}', 'credential_list: [{a: b}]'])
    assert.equal((await loadText(`${models('a')}${source}\n`)).config, undefined, source)
})

test('whatever a file holds, loading ends with a report and never throws', async () => {
  const pieces = EXAMPLE.split(/(?<=\n)/)
  const mutation = fc.record({
    at: fc.nat(pieces.length - 1),
    text: fc.oneof(
      fc.string(),
      fc.constantFrom('', 'x: [', '- ', '\t', '{}\n', 'null\n', '? ', '&a *a\n', '<<: 1\n', '!!set\n'),
    ),
    keep: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async mutations => {
      const edited = [...pieces]
      for (const { at, text, keep } of mutations) edited[at] = keep ? text + (edited[at] ?? '') : text
      const { config, notices } = await loadText(edited.join(''), { providers: PROVIDERS })
      assert.equal(
        config === undefined,
        notices.some(notice => notice.level === 'error'),
      )
      assert.ok(!notices.some(notice => notice.text.includes('bug')))
    }),
    { numRuns: 150 },
  )
})

test('a guess is close, and never a guess out of nothing', () => {
  assert.equal(nearest('fallback', ['fallbacks', 'callbacks']), 'fallbacks')
  assert.equal(nearest('retires', ['retries']), 'retries')
  assert.equal(nearest('x', ['a', 'b']), undefined)
  assert.equal(nearest('completely', ['different']), undefined)
  assert.equal(nearest('x'.repeat(5000), ['x']), undefined)
})

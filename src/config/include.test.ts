import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, loadWorld } from './load.fixture.ts'

test('included files extend lists, fill sections, and lose against the main file', async () => {
  const files = {
    'config.yaml': `include: [models/one.yaml, models/two.yaml]
model_list: [{model_name: a, litellm_params: {model: openai/a}}]
router_settings: {num_retries: 0}
`,
    'models/one.yaml': `include: nested.yaml
model_list:
  - {model_name: b, litellm_params: {model: openai/b, rpm: x}}
router_settings: {num_retries: 9, timeout: 5}
`,
    'models/two.yaml':
      'model_list: [{model_name: c, litellm_params: {model: openai/c}}]\nlitellm_settings: {drop_params: true}\n',
    'models/nested.yaml': 'model_list: [{model_name: d, litellm_params: {model: openai/d}}]\n',
  }
  const wrong = await loadWorld({ files })
  assert.match(
    lines(wrong.notices, 'error').join(),
    /models\/one.yaml:3:55 \| model_list\[1\].litellm_params.rpm/,
  )
  const fixed = { ...files, 'models/one.yaml': files['models/one.yaml'].replace('rpm: x', 'rpm: 1') }
  const { config, notices } = await loadWorld({ files: fixed })
  assert.deepEqual([...(config?.groups.keys() ?? [])], ['a', 'b', 'd', 'c'])
  assert.deepEqual(
    [config?.router.numRetries, config?.router.timeoutMs, config?.litellm.dropParams],
    [0, 5000, true],
  )
  assert.match(
    lines(notices, 'differs').join('\n'),
    /models\/one.yaml:4:19 \| router_settings.num_retries \| already written in config.yaml:3/,
  )
  assert.deepEqual(config?.files, [
    '/etc/understudy/config.yaml',
    '/etc/understudy/models/one.yaml',
    '/etc/understudy/models/nested.yaml',
    '/etc/understudy/models/two.yaml',
  ])
})

test('circular, missing, repeated and endless includes are named at their line', async () => {
  const list = 'model_list: [{model_name: a, litellm_params: {model: openai/a}}]\n'
  const circle = await loadWorld({
    files: { 'config.yaml': `include: [a.yaml]\n${list}`, 'a.yaml': 'include: [config.yaml]\n' },
  })
  assert.deepEqual(lines(circle.notices, 'error'), [
    'error | a.yaml:1:11 | include[0] | files include each other in a circle: config.yaml → a.yaml → config.yaml',
  ])
  const missing = await loadWorld({ files: { 'config.yaml': `${list}include:\n  - none.yaml\n` } })
  assert.deepEqual(lines(missing.notices, 'error'), [
    'error | config.yaml:3:5 | include[0] | cannot read none.yaml: there is no such file',
  ])
  const twice = await loadWorld({ files: { 'config.yaml': 'include: [a.yaml, ./a.yaml]\n', 'a.yaml': list } })
  assert.equal(twice.config?.deployments.length, 1)
  const many = Object.fromEntries(
    Array.from({ length: 70 }, (_, index) => [`f${index}.yaml`, `include: f${index + 1}.yaml\n${list}`]),
  )
  const endless = await loadWorld({ files: { 'config.yaml': 'include: f0.yaml\n', ...many } })
  assert.match(lines(endless.notices, 'error').join(), /more than 64 included files/)
  const big = await loadWorld({ files: { 'config.yaml': `# ${'x'.repeat(10 * 1024 * 1024)}\n${list}` } })
  assert.match(lines(big.notices, 'error').join(), /larger than 10 MB/)
})

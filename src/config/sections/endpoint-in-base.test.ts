import assert from 'node:assert/strict'
import { test } from 'node:test'
import { providers } from '../../providers/index.ts'
import { accepted, lines, loadText } from '../load.fixture.ts'

const file = (model: string, address: string): string =>
  `model_list:\n- model_name: a\n  litellm_params:\n    model: ${model}\n    api_key: k\n    ${address}\n`
const world = { providers: Object.values(providers) }
const baseOf = async (model: string, address: string): Promise<string | undefined> =>
  (await accepted(file(model, address), world)).deployments[0]?.connection.baseUrl

test('an endpoint at the end of an address is told with its place, and not sent twice', async () => {
  const cases: readonly (readonly [model: string, address: string, base: string])[] = [
    ['openai/m', 'api_base: https://u.test/v1/chat/completions', 'https://u.test/v1'],
    ['openai/m', 'base_url: https://u.test/v1/chat/completions/', 'https://u.test/v1'],
    ['openai/m', 'api_base: https://u.test/v1/completions', 'https://u.test/v1'],
    ['openai/m', 'api_base: https://u.test/v1/responses?key=SECRET', 'https://u.test/v1'],
    ['hosted_vllm/m', 'api_base: https://u.test/v1/embeddings', 'https://u.test/v1'],
    ['hosted_vllm/m', 'api_base: https://u.test/audio/transcriptions', 'https://u.test'],
    ['anthropic/m', 'api_base: https://u.test/v1/messages', 'https://u.test'],
  ]
  for (const [model, address, base] of cases) {
    assert.equal(await baseOf(model, address), base, address)
    const { notices } = await loadText(file(model, address), world)
    const said = lines(notices, 'warning').join('\n')
    const key = address.slice(0, address.indexOf(':'))
    assert.match(
      said,
      new RegExp(`config.yaml:6:\\d+ \\| model_list\\[0\\].litellm_params.${key} \\| ends in /\\S+, which`),
    )
    assert.ok(!said.includes('SECRET'))
  }
})

test('an address that only looks like one, and one whose provider reads endpoints, are as they were', async () => {
  for (const [model, address, base] of [
    ['openai/m', 'api_base: https://u.test/completions/v1', 'https://u.test/completions/v1'],
    ['openai/m', 'api_base: https://u.test/v1', 'https://u.test/v1'],
    [
      'azure/m',
      'api_base: https://u.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21',
      'https://u.openai.azure.com/openai/deployments/d/chat/completions',
    ],
    ['cohere/m', 'api_base: https://u.test/v2/rerank', 'https://u.test/v2/rerank'],
  ] as const) {
    assert.equal(await baseOf(model, address), base)
    const { notices } = await loadText(file(model, address), world)
    assert.deepEqual(lines(notices, 'warning'), [])
  }
})

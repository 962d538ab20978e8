import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import type { Deployment, ModelInfo } from '../config/config.ts'
import type { JsonObject } from '../wire/json.ts'
import { costOf, priceOf } from './price.ts'

type Sketch = {
  provider?: string
  baseUrl?: string
  model: string
  baseModel?: string
  shown?: JsonObject
  raw?: JsonObject
  input?: number
  output?: number
}

/** Only what a price depends on; the rest of a deployment plays no part here. */
const deployment = (sketch: Sketch): Deployment => {
  const info = { baseModel: sketch.baseModel, raw: sketch.raw ?? {} } as Partial<ModelInfo> as ModelInfo
  const part: Partial<Deployment> = {
    provider: { name: sketch.provider ?? 'openai' } as Deployment['provider'],
    connection: { baseUrl: sketch.baseUrl ?? 'http://127.0.0.1:1/v1' } as Deployment['connection'],
    upstreamModel: sketch.model,
    info,
    shown: sketch.shown ?? {},
    inputCostPerToken: sketch.input,
    outputCostPerToken: sketch.output,
  }
  return part as Deployment
}

const near = (actual: number | undefined, expected: number): void => {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`)
}

test("the operator's own numbers win over the price list", () => {
  const price = priceOf(
    deployment({
      model: 'gpt-4.1',
      input: 1e-6,
      raw: { input_cost_per_token: 9, output_cost_per_token: 2e-6 },
    }),
  )
  assert.equal(price?.source, 'settings')
  near(costOf({ inputTokens: 100, outputTokens: 10 }, price), 100e-6 + 20e-6)
})

test('a model that the operator calls free stays free for cached tokens', () => {
  const price = priceOf(deployment({ model: 'gpt-4.1', input: 0, output: 0 }))
  assert.equal(costOf({ inputTokens: 100, outputTokens: 10, cachedInputTokens: 90 }, price), 0)
})

test('cached and cache-written input tokens have their own prices and are not paid twice', () => {
  const price = priceOf(
    deployment({
      model: 'x',
      input: 10e-6,
      output: 20e-6,
      shown: { cache_read_input_token_cost: '1e-6', cache_creation_input_token_cost: 12e-6 },
    }),
  )
  const usage = { inputTokens: 100, outputTokens: 5, cachedInputTokens: 60, cacheWriteTokens: 30 }
  near(costOf(usage, price), 10 * 10e-6 + 60 * 1e-6 + 30 * 12e-6 + 5 * 20e-6)
})

test('the list knows a model by its provider, its address, or its base model', () => {
  const listed = [
    deployment({ model: 'gpt-4.1' }),
    deployment({ provider: 'azure', model: 'my-deployment', baseModel: 'azure/gpt-4.1' }),
    deployment({ provider: 'azure', model: 'my-deployment', baseModel: 'gpt-4.1' }),
    deployment({ provider: 'some_new_name', baseUrl: 'https://api.openai.com/v1', model: 'gpt-4.1' }),
  ]
  for (const one of listed) near(costOf({ inputTokens: 1_000_000, outputTokens: 0 }, priceOf(one)), 2)
})

test('a compatible server is priced by its address, not by the name it borrows', () => {
  const price = priceOf(
    deployment({ baseUrl: 'https://api.groq.com/openai/v1', model: 'llama-3.3-70b-versatile' }),
  )
  assert.equal(price?.source, 'table')
})

test('a wildcard deployment is priced by the model of the call', () => {
  const wildcard = deployment({ model: '*' })
  assert.equal(priceOf(wildcard), undefined)
  near(costOf({ inputTokens: 1_000_000, outputTokens: 0 }, priceOf(wildcard, 'gpt-4.1')), 2)
  near(costOf({ inputTokens: 1_000_000, outputTokens: 0 }, priceOf(wildcard, 'gpt-4.1-mini')), 0.4)
})

test('a long prompt pays the higher tier for every token', () => {
  const price = priceOf(deployment({ provider: 'gemini', model: 'gemini-2.5-pro' }))
  near(costOf({ inputTokens: 200_000, outputTokens: 0 }, price), 0.25)
  near(costOf({ inputTokens: 200_001, outputTokens: 0 }, price), 200_001 * 2.5e-6)
})

test('what is unknown is undefined, never 0', () => {
  const unknown = priceOf(deployment({ provider: 'hosted_vllm', model: 'llama-of-ours' }))
  assert.equal(unknown, undefined)
  assert.equal(costOf({ inputTokens: 1, outputTokens: 1 }, unknown), undefined)
  assert.equal(costOf(undefined, priceOf(deployment({ model: 'gpt-4.1' }))), undefined)
  const inputOnly = priceOf(deployment({ model: 'x', input: 1e-6 }))
  assert.equal(costOf({ inputTokens: 1, outputTokens: 1 }, inputOnly), undefined)
  near(costOf({ inputTokens: 1, outputTokens: 0 }, inputOnly), 1e-6)
  assert.equal(priceOf(deployment({ provider: 'hosted_vllm', model: 'gpt-4.1', baseUrl: '' })), undefined)
})

test('importing the module reads no price list', () => {
  const script = `
    await import(${JSON.stringify(new URL('price.ts', import.meta.url).href)})
    await import(${JSON.stringify(new URL('tokens.ts', import.meta.url).href)})
    const { createRequire } = await import('node:module')
    const cache = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache)
    console.log(cache.filter(path => /genai-prices|gpt-tokenizer/.test(path)).length)`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(child.stdout.trim(), '0', child.stderr)
})

test('the price list knows Claude, and what reading from its cache and writing to it costs', () => {
  const price = priceOf(
    deployment({
      provider: 'anthropic',
      baseUrl: 'https://api.anthropic.com',
      model: 'claude-sonnet-4-5-20250929',
    }),
  )
  const usage = { inputTokens: 1_000, outputTokens: 100, cachedInputTokens: 600, cacheWriteTokens: 300 }
  // Dollars a million: 3 in, 15 out, 0.30 from the cache, 3.75 into it.
  near(costOf(usage, price), 100 * 3e-6 + 100 * 15e-6 + 600 * 0.3e-6 + 300 * 3.75e-6)
  // Behind a relay of one's own it is still the same provider's model.
  const relayed = priceOf(deployment({ provider: 'anthropic', model: 'claude-haiku-4-5' }))
  near(costOf({ inputTokens: 1_000_000, outputTokens: 0 }, relayed), 1)
})

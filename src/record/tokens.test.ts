import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { countPromptTokens, encodingOf } from './tokens.ts'

test('each model is counted with the vocabulary it reads', () => {
  for (const model of [
    'gpt-4',
    'gpt-4-turbo',
    'openai/gpt-4-0613',
    'gpt-3.5-turbo',
    'gpt-35-turbo',
    'text-embedding-3-small',
  ])
    assert.equal(encodingOf(model), 'cl100k_base', model)
  for (const model of ['gpt-4o', 'gpt-4.1-mini', 'chatgpt-4o-latest', 'gpt-5', 'o3', 'claude-sonnet-4', ''])
    assert.equal(encodingOf(model), 'o200k_base', model)
})

test('known texts have their published counts', () => {
  assert.equal(countPromptTokens('', 'gpt-4o'), 0)
  assert.equal(countPromptTokens('hello world', 'gpt-4o'), 2)
  assert.equal(countPromptTokens('tiktoken is great!', 'gpt-4'), 6)
})

test('a control token in the text is counted as text', () => {
  assert.ok(countPromptTokens('what does <|endoftext|> do?', 'gpt-4o') > 5)
})

test('cutting into pieces does not change the count of ordinary text', () => {
  const whole = createRequire(import.meta.url)('gpt-tokenizer/encoding/o200k_base')
  const text = Array.from(
    { length: 4000 },
    (_, n) => `Sentence ${n} of a “long” prompt, naïve café 🙂.\n`,
  ).join(' ')
  const exact = whole.countTokens(text)
  const counted = countPromptTokens(text, 'gpt-4o')
  assert.ok(Math.abs(counted - exact) <= exact * 0.002, `${counted} for ${exact}`)
})

test('M-076 a text without a single space is counted in time that grows with its length', {
  timeout: 20_000,
}, () => {
  // Merged in one piece this would take minutes.
  assert.equal(countPromptTokens('中'.repeat(200_000), 'gpt-4o'), 200_000)
  assert.ok(countPromptTokens(' '.repeat(200_000), 'gpt-4o') < 2000)
})

test('noise is extrapolated instead of counted', { timeout: 20_000 }, () => {
  const noise = Array.from({ length: 400_000 }, (_, n) =>
    String.fromCharCode(0x4e00 + ((n * 7919) % 5003)),
  ).join('')
  const tokens = countPromptTokens(noise, 'gpt-4o')
  assert.ok(tokens > 400_000 && tokens < 1_200_000)
})

test('beyond the exact part the same density goes on', () => {
  const line = 'The quick brown fox jumps over the lazy dog. '
  const one = countPromptTokens(line.repeat(10_000), 'gpt-4o')
  const five = countPromptTokens(line.repeat(50_000), 'gpt-4o')
  assert.ok(Math.abs(five - 5 * one) < one * 0.01)
})

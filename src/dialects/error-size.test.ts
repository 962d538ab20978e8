import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classifyResponse } from '../attempt/classify-response.ts'
import { ERROR_BODIES, signalOf } from './error-bodies.fixture.ts'
import { sizeSaid } from './error-size.ts'

/** By a part of the body: the prompt's tokens, or the total when the text names nothing else. */
const SAID: readonly (readonly [part: string, tokens: number, total?: 'total'])[] = [
  ['your messages resulted in 140000 tokens', 140000],
  ['you requested 9000 tokens (9000 in your prompt; 0 for', 9000],
  ['Your messages resulted in 300000 tokens', 300000],
  ['However, you requested 20000 tokens.', 20000, 'total'],
  ['prompt is too long: 210000 tokens', 210000],
  ['exceed context limit: 174167 + 64000', 174167],
  ['input token count (1200000) exceeds', 1200000],
  ['prompt is too long: 201000 tokens', 201000],
  ['Prompt contains 40000 tokens', 40000],
  ['you requested 70000 tokens (66000 in the messages', 66000],
  ['you requested 19591 tokens (9591 in the messages', 9591],
  ['decoder prompt (length 163840)', 163840],
  ['You requested a total of 202941 tokens', 202941, 'total'],
  ['The input (61709 tokens)', 61709],
  ['Input length (160062 tokens)', 160062],
  ['Given: 9000 inputs tokens', 9000],
  ['The prompt is too long: 140000,', 140000],
  ['(140000 of text input, 10000 in the output)', 140000],
  ['the request contains 200000 tokens', 200000],
  ['keep the first 9000 tokens', 9000],
  ['cannot exceed 4081 - received 5000', 5000],
  ['Current length is 9000 while', 9000],
  ['request input token count: 9000', 9000],
  ['Input token count 9000 exceeds', 9000],
  ['prompt: length: 200001, limit', 200001],
  ['you requested 9001 tokens (9001 in your prompt', 9001],
  ['prompt token count of 80123', 80123],
  ['prompt is too long: 250001 tokens', 250001],
  ['input token count is 1100000', 1100000],
  ['Prompt contains 66385 tokens', 66385],
  ['Prompt contains 131080 tokens', 131080],
  ['Current length is 140000 while', 140000],
  ['you requested 140000 tokens (132000 in the messages', 132000],
  ['your request has 5003 input tokens', 5003],
  ['your request has 9 input tokens', 9],
  ['You passed 4097 input tokens', 4097],
  ['decoder prompt (length 20000)', 20000],
  ['the prompt contains 9000 input tokens', 9000],
  ['you requested 122946 tokens', 122946, 'total'],
  ['The input (8500 tokens)', 8500],
  ['The prompt is too long: 33000,', 33000],
  ['Prompt length 140000 exceeds', 140000],
  ['prompt is too long: 3 tokens', 3],
  ['The input (131100 tokens)', 131100],
  ['exceeds the maximum number of tokens: 70000 >', 70000, 'total'],
  ['Current message (1149677 tokens)', 1149677],
  ['request (2358 tokens) exceeds', 2358],
  ['The prompt (total length 44129)', 44129],
  ['input (596 tokens) is too large', 596],
]

const messageOf = (row: (typeof ERROR_BODIES)[number]): string => classifyResponse(signalOf(row)).message

test('every count that a provider declares is read, in tokens of the prompt where it tells them', () => {
  const rows = ERROR_BODIES.filter(row => row.expected === 'context_window')
  for (const [part, tokens, total] of SAID) {
    const meant = rows.filter(row => row.body.includes(part))
    assert.ok(meant.length > 0, part)
    for (const row of meant)
      assert.deepEqual(sizeSaid(messageOf(row)), { tokens, withCompletion: total === 'total' }, part)
  }
})

test('characters, limits and tokens a minute are not taken for the size of the prompt', () => {
  for (const row of ERROR_BODIES) {
    if (SAID.some(([part]) => row.body.includes(part))) continue
    assert.equal(sizeSaid(messageOf(row)), undefined, row.body)
  }
})

test('thousands may be set apart, and a text that is all digits costs no time', () => {
  assert.deepEqual(sizeSaid('prompt is too long: 1,210,000 tokens > 1,000,000 maximum')?.tokens, 1_210_000)
  const started = performance.now()
  sizeSaid('you requested '.repeat(300) + '9'.repeat(100_000))
  assert.ok(performance.now() - started < 500)
})

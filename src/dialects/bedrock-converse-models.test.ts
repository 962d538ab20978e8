import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Traits, traitsOf } from './bedrock-converse-models.ts'

describe('what a model’s id tells', () => {
  const rows: readonly (readonly [model: string, traits: Partial<Traits>])[] = [
    ['anthropic.claude-v2:1', { family: 'claude', thinking: 'none', sampling: 'both', structured: false }],
    ['anthropic.claude-instant-v1', { family: 'claude', thinking: 'none' }],
    ['anthropic.claude-3-5-sonnet-20241022-v2:0', { thinking: 'none', sampling: 'both', structured: false }],
    ['us.anthropic.claude-3-7-sonnet-20250219-v1:0', { thinking: 'budget', issuer: 'messages' }],
    [
      'us.anthropic.claude-sonnet-4-20250514-v1:0',
      { thinking: 'budget', sampling: 'both', structured: false },
    ],
    ['anthropic.claude-opus-4-1-20250805-v1:0', { thinking: 'budget', sampling: 'one', structured: false }],
    ['anthropic.claude-haiku-4-5-20251001-v1:0', { thinking: 'budget', sampling: 'one', structured: true }],
    ['anthropic.claude-opus-4-6-v1', { thinking: 'budget', structured: true }],
    ['anthropic.claude-opus-4-7', { thinking: 'adaptive', sampling: 'none', structured: true }],
    ['anthropic.claude-sonnet-5-v1:0', { thinking: 'adaptive', structured: true }],
    ['anthropic.claude-next', { thinking: 'adaptive', structured: true }],
    [
      'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0',
      { family: 'claude', thinking: 'none', marks: true },
    ],
    ['amazon.nova-pro-v1:0', { family: 'nova', issuer: 'converse', forced: true, status: true, marks: true }],
    ['openai.gpt-oss-120b-1:0', { family: 'gpt-oss', structured: true, forced: false, marks: false }],
    ['qwen.qwen3-32b-v1:0', { family: 'other', structured: true }],
    ['meta.llama3-1-70b-instruct-v1:0', { family: 'other', structured: false, forced: false, status: false }],
    ['arn:aws:bedrock:us-east-1:1:application-inference-profile/x', { family: 'other', marks: true }],
  ]
  for (const [model, traits] of rows)
    test(model, () => assert.deepEqual({ ...traitsOf(model), ...traits }, traitsOf(model)))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FallbackTable } from '../config/config.ts'
import type { Failure } from '../failure.ts'
import { type DecorateOptions, decorate, errorBody, mockException, pythonRepr } from './error-text.ts'

const tableOf = (lists: Readonly<Record<string, readonly string[]>>): FallbackTable =>
  new Map(
    Object.entries(lists).map(([group, names]) => [
      group,
      names.map(name => ({ group: name, overrides: {} })),
    ]),
  )

const none: DecorateOptions['following'] = { kind: 'generic', targets: undefined, table: undefined }
const said = (more: Partial<DecorateOptions>): string =>
  decorate({
    message: 'litellm.RateLimitError: RateLimitError: OpenAIException - slow',
    exception: 'RateLimitError',
    group: 'gpt-4o',
    following: none,
    nested: undefined,
    nestedOnly: false,
    exposeDebug: true,
    ...more,
  })

test('without any fallback configured: which group it was, and that it has none', () => {
  assert.equal(
    said({}),
    'litellm.RateLimitError: RateLimitError: OpenAIException - slow. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None',
  )
})

test('a list without an entry for the group: said twice, as LiteLLM says it', () => {
  const table = tableOf({ other: ['a', 'b'] })
  const message =
    'litellm.BadRequestError: You passed in model=M. There are no healthy deployments for this model'
  const own = `${message}No fallback model group found for original model_group=M. Fallbacks=[{'other': ['a', 'b']}]`
  assert.equal(
    said({ message, group: 'M', following: { kind: 'generic', targets: undefined, table } }),
    `${own}. Received Model Group=M\nAvailable Model Group Fallbacks=None\nError doing the fallback: ${own}`,
  )
})

test("the newest documented example: the fallback's own text carries the missing entry and no more", () => {
  const table = tableOf({ 'mock-500': ['mock-503'] })
  const nested = said({
    message: 'litellm.ServiceUnavailableError: try again later.',
    exception: 'ServiceUnavailableError',
    group: 'mock-503',
    following: { kind: 'generic', targets: undefined, table },
    nestedOnly: true,
  })
  assert.equal(
    nested,
    "litellm.ServiceUnavailableError: try again later.No fallback model group found for original model_group=mock-503. Fallbacks=[{'mock-500': ['mock-503']}]",
  )
  const targets = table.get('mock-500')
  assert.equal(
    said({
      message: 'litellm.InternalServerError: boom',
      group: 'mock-500',
      following: { kind: 'generic', targets, table },
      nested,
    }),
    `litellm.InternalServerError: boom. Received Model Group=mock-500\nAvailable Model Group Fallbacks=['mock-503']\nError doing the fallback: ${nested}`,
  )
})

test('the reported case: a mock exception, its fallbacks, and the error of the fallback', () => {
  const fallbacks = tableOf({ 'gpt-4.1': ['gpt-4.1-paid'] })
  const failure = mockException('fallbacks', 'gpt-4.1', {
    fallbacks,
    contextWindowFallbacks: undefined,
    contentPolicyFallbacks: undefined,
  })
  const text = said({
    message: failure.message,
    exception: failure.exception,
    group: 'gpt-4.1',
    following: { kind: 'generic', targets: fallbacks.get('gpt-4.1'), table: fallbacks },
    nested: "litellm.BadRequestError: OpenAIException - Unknown parameter: 'metadata'.",
  })
  assert.equal(
    text.replace(/\s+/g, ' '),
    "litellm.InternalServerError: This is a mock exception for model=gpt-4.1, to trigger a fallback. Fallbacks=[{'gpt-4.1': ['gpt-4.1-paid']}]. Received Model Group=gpt-4.1 Available Model Group Fallbacks=['gpt-4.1-paid'] Error doing the fallback: litellm.BadRequestError: OpenAIException - Unknown parameter: 'metadata'.",
  )
})

test('a typed failure without a typed list says which setting would have helped', () => {
  const general = tableOf({ 'gpt-4o': ['big'] })
  const text = said({
    message: 'm',
    exception: 'ContextWindowExceededError',
    following: { kind: 'context_window', targets: general.get('gpt-4o'), table: general },
    nested: 'n',
    general,
  })
  assert.equal(
    text,
    "m\nmodel=gpt-4o. context_window_fallbacks=None. fallbacks=[{'gpt-4o': ['big']}].\n\nSet 'context_window_fallback' - https://docs.litellm.ai/docs/routing#fallbacks. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=['big']\nError doing the fallback: n",
  )
  const refused = said({
    message: 'm',
    exception: 'ContentPolicyViolationError',
    following: { kind: 'none', targets: undefined, table: undefined },
    general,
  })
  assert.match(
    refused,
    /^m\nmodel=gpt-4o\. content_policy_fallback=None\. fallbacks=.*\n\nSet 'content_policy_fallback'/,
  )
  assert.doesNotMatch(refused, /Error doing the fallback/)
})

test('a typed list of its own gets no hint, and no word of a missing general entry', () => {
  const own = tableOf({ other: ['big'] })
  const text = said({
    message: 'm',
    exception: 'ContextWindowExceededError',
    following: { kind: 'context_window', targets: undefined, table: own },
    general: tableOf({ a: ['b'] }),
  })
  assert.equal(
    text,
    'm. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None\nError doing the fallback: m',
  )
})

test('a failure that may not fall back is told as it is, and so is every one when the account is switched off', () => {
  assert.equal(said({ message: 'm', following: { kind: 'none', targets: undefined, table: undefined } }), 'm')
  const table = tableOf({ a: ['b'] })
  assert.equal(
    said({ message: 'm', exposeDebug: false, following: { kind: 'generic', targets: undefined, table } }),
    'm',
  )
})

test('what a dict fallback overrides is never printed', () => {
  const targets = [{ group: 'b', overrides: { api_key: 'sk-secret', api_base: 'https://x.example' } }]
  const text = said({
    following: { kind: 'generic', targets, table: new Map([['gpt-4o', targets]]) },
    nested: 'n',
  })
  assert.ok(!text.includes('secret') && !text.includes('example'))
  assert.ok(text.includes("[{'model': 'b'}]"))
})

test('mock exceptions: class, status and text of each switch', () => {
  const lists = {
    fallbacks: undefined,
    contextWindowFallbacks: tableOf({ a: ['b'] }),
    contentPolicyFallbacks: undefined,
  }
  const of = (kind: Parameters<typeof mockException>[0]): readonly unknown[] => {
    const { status, message } = mockException(kind, 'm', lists)
    return [status, message]
  }
  const start = 'This is a mock exception for model=m, to trigger a'
  assert.deepEqual(of('fallbacks'), [500, `litellm.InternalServerError: ${start} fallback. Fallbacks=None`])
  assert.deepEqual(of('context'), [
    400,
    `litellm.ContextWindowExceededError: ${start} fallback. Context_Window_Fallbacks=[{'a': ['b']}]`,
  ])
  assert.deepEqual(of('content_policy'), [
    400,
    `litellm.ContentPolicyViolationError: ${start} fallback. Context_Policy_Fallbacks=None`,
  ])
  assert.deepEqual(of('rate_limit'), [429, `litellm.RateLimitError: ${start} rate limit error.`])
})

const failure: Failure = {
  class: 'rate_limit',
  status: 429,
  exception: 'RateLimitError',
  message: 'own',
  type: 'throttling_error',
  param: null,
  code: null,
  retryAfterMs: undefined,
  detail: undefined,
  possiblyBilled: false,
}

test('the error object: code is the status as text, or the word that clients act on', () => {
  assert.deepEqual(errorBody(failure, 'm'), {
    message: 'm',
    type: 'throttling_error',
    param: null,
    code: '429',
  })
  assert.equal(errorBody({ ...failure, code: 'insufficient_quota' }, 'm').code, 'insufficient_quota')
  assert.deepEqual(errorBody({ ...failure, detail: { code: 'X' } }, 'm').provider_specific_fields, {
    innererror: { code: 'X' },
  })
})

test('values print as Python prints them', () => {
  const cases: readonly (readonly [Parameters<typeof pythonRepr>[0], string])[] = [
    [null, 'None'],
    [true, 'True'],
    [[false, 1, 1.5, 1e-7, 1e21], '[False, 1, 1.5, 1e-07, 1e+21]'],
    ['plain', "'plain'"],
    ["it's", `"it's"`],
    [`it's "so"`, `'it\\'s "so"'`],
    ['a\nb\t\\', "'a\\nb\\t\\\\'"],
    ['\u0000\u00a0\u2028\u200b', "'\\x00\\xa0\\u2028\\u200b'"],
    ['žluť 😀', "'žluť 😀'"],
    [{ a: ['b', null], 'c d': {} }, "{'a': ['b', None], 'c d': {}}"],
    [[], '[]'],
  ]
  for (const [value, expected] of cases) assert.equal(pythonRepr(value), expected)
})

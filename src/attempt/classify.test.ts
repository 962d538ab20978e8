import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NothingReason } from '../plan/wish.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { classify } from './classify.ts'
import type { ResponseSignal, UnreadableSignal } from './classify-signal.ts'
import { TransportFault, type TransportFaultKind } from './transport.ts'

const provider = { exception: 'OpenAIException' }
const bytes = (body: Json): Uint8Array => Buffer.from(JSON.stringify(body))
const answered = (status: number, body: Json, more: Partial<ResponseSignal> = {}): ResponseSignal => ({
  kind: 'response',
  status,
  headers: {},
  body: bytes(body),
  provider,
  inStream: false,
  sent: true,
  ...more,
})
const error = (message: string, more: JsonObject = {}): Json => ({ error: { message, ...more } })

/** As LiteLLM tells it: the whole text, the class and the status, for each upstream status. */
const naming: readonly (readonly [upstream: number, message: string, shown: number])[] = [
  [400, 'litellm.BadRequestError: OpenAIException - boom', 400],
  [401, 'litellm.AuthenticationError: AuthenticationError: OpenAIException - boom', 401],
  [403, 'litellm.APIError: APIError: OpenAIException - boom', 403],
  [404, 'litellm.NotFoundError: NotFoundError: OpenAIException - boom', 404],
  [408, 'litellm.Timeout: Timeout Error: OpenAIException - boom', 408],
  [409, 'litellm.APIError: APIError: OpenAIException - boom', 409],
  [413, 'litellm.APIError: APIError: OpenAIException - boom', 413],
  [422, 'litellm.BadRequestError: OpenAIException - boom', 400],
  [429, 'litellm.RateLimitError: RateLimitError: OpenAIException - boom', 429],
  [500, 'litellm.InternalServerError: InternalServerError: OpenAIException - boom', 500],
  [502, 'litellm.BadGatewayError: BadGatewayError: OpenAIException - boom', 502],
  [503, 'litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - boom', 503],
  [504, 'litellm.Timeout: Timeout Error: OpenAIException - boom', 408],
  [529, 'litellm.APIError: APIError: OpenAIException - boom', 529],
]

for (const [upstream, message, shown] of naming) {
  test(`an upstream ${upstream} is named as LiteLLM names it`, () => {
    const failure = classify(answered(upstream, error('boom')))
    assert.equal(failure.message, message)
    assert.equal(failure.status, shown)
    assert.equal(failure.message.startsWith(`litellm.${failure.exception}: `), true)
    assert.equal(failure.type, shown === 429 ? 'throttling_error' : null)
  })
}

test('typed failures carry their own name', () => {
  const window = classify(answered(400, error('prompt is too long: 3 tokens > 2 maximum')))
  assert.equal(
    window.message,
    'litellm.ContextWindowExceededError: ContextWindowExceededError: OpenAIException - prompt is too long: 3 tokens > 2 maximum',
  )
  const policy = classify(answered(400, error('no', { code: 'content_policy_violation' })))
  assert.equal(
    policy.message,
    'litellm.ContentPolicyViolationError: ContentPolicyViolationError: OpenAIException - no',
  )
  assert.equal(policy.code, 'content_policy_violation')
})

test('codes that clients act on are kept, every other becomes the status later', () => {
  const kept = [
    'invalid_api_key',
    'previous_response_not_found',
    'insufficient_quota',
    'invalid_encrypted_content',
    'model_not_found',
    'unknown_parameter',
    'content_filter',
  ]
  for (const code of kept) assert.equal(classify(answered(400, error('x', { code }))).code, code)
  for (const code of ['rate_limit_exceeded', '429', 'DeploymentNotFound', 'whatever'])
    assert.equal(classify(answered(429, error('x', { code }))).code, null)
})

test('param and detail come through, masked', () => {
  const failure = classify(
    answered(
      400,
      error('bad', { param: 'input[2].metadata', innererror: { code: 'X', note: 'at https://a.example/b' } }),
    ),
  )
  assert.equal(failure.param, 'input[2].metadata')
  assert.deepEqual(failure.detail, { code: 'X', note: 'at [url]' })
})

test('no HTML, key, address or path of a provider reaches a client', () => {
  const html = classify({
    ...answered(502, null),
    body: Buffer.from('<html><body>secret page</body></html>'),
  })
  assert.ok(!html.message.includes('secret') && html.message.includes('502'))
  const leak = classify(
    answered(500, error('key sk-live-123456 at http://10.0.0.1:99/x in /srv/app/main.py')),
  )
  assert.equal(
    leak.message,
    'litellm.InternalServerError: InternalServerError: OpenAIException - key [masked] at [url] in [path]',
  )
})

test('a redirect, which is not followed, says what to mend', () => {
  for (const body of ['', '<html><body>Moved</body></html>']) {
    const moved = classify({ ...answered(308, null), body: Buffer.from(body) })
    assert.equal(moved.class, 'transient')
    assert.ok(
      moved.message.endsWith(
        ' - The provider answered with status 308 (a redirect): api_base has to name where it leads.',
      ),
      moved.message,
    )
  }
})

test('a long text is cut at 4 KB', () => {
  const failure = classify(answered(500, error('word '.repeat(100_000))))
  assert.ok(failure.message.length < 4_300)
})

test('a 404 on a route that names an object is about the object', () => {
  const body = error('Not found')
  assert.equal(classify(answered(404, body, { resource: true })).class, 'caller_fault')
  assert.equal(classify(answered(404, body)).class, 'unsupported')
  assert.equal(classify(answered(409, error('being changed'), { resource: true })).class, 'caller_fault')
})

test('an error object that was read already is not read again', () => {
  const failure = classify(
    answered(429, error('ignored'), { errorObject: { message: 'translated', code: 'insufficient_quota' } }),
  )
  assert.equal(failure.class, 'quota')
  assert.ok(failure.message.endsWith(' - translated'))
})

test('an exception name in a header is a word like any other', () => {
  const headers = { 'x-amzn-errortype': 'ThrottlingException:http://internal/' }
  assert.equal(classify(answered(400, { message: 'x' }, { headers })).class, 'rate_limit')
})

test('inside a 200: the number says the status, the word the class, and silence is a broken stream', () => {
  const inside = (errorObject: JsonObject) => classify(answered(200, null, { errorObject, inStream: true }))
  assert.equal(inside({ message: 'x', code: 429 }).status, 429)
  assert.equal(inside({ message: 'x', code: '400' }).class, 'caller_fault')
  assert.equal(inside({ message: 'x', type: 'invalid_request_error' }).status, 400)
  assert.equal(inside({ message: 'x', type: 'invalid_request_error' }).class, 'caller_fault')
  assert.equal(inside({ message: 'x', type: 'timeout_error' }).status, 408)
  const silent = inside({ message: 'x' })
  assert.equal(silent.class, 'transient')
  assert.equal(silent.message, 'litellm.APIConnectionError: APIConnectionError: OpenAIException - x')
  assert.equal(silent.status, 500)
  assert.equal(silent.possiblyBilled, true)
})

test("the provider's wait is taken where waiting helps, and nowhere else", () => {
  const headers = { 'retry-after': '7' }
  assert.equal(classify(answered(429, error('x'), { headers })).retryAfterMs, 7_000)
  assert.equal(classify(answered(503, error('x'), { headers })).retryAfterMs, 7_000)
  assert.equal(classify(answered(400, error('x'), { headers })).retryAfterMs, undefined)
  const dated = { 'retry-after': 'Wed, 21 Oct 2026 07:28:05 GMT' }
  const wallNow = Date.parse('2026-10-21T07:28:00Z')
  assert.equal(classify(answered(429, error('x'), { headers: dated, wallNow })).retryAfterMs, 5_000)
  const text = error('Please try again in 1.5s.')
  assert.equal(classify(answered(429, text)).retryAfterMs, 1_500)
})

test("transport faults: a refused connection is LiteLLM's 500, a late one its 408", () => {
  const of = (kind: TransportFaultKind, sent: boolean) =>
    classify({
      kind: 'transport',
      fault: new TransportFault(kind, `${kind} at 10.0.0.1:443`, sent),
      provider,
    })
  for (const kind of ['dns', 'refused', 'tls', 'reset', 'protocol'] as const) {
    const failure = of(kind, kind === 'reset')
    assert.equal(failure.class, 'transport', kind)
    assert.equal(
      failure.message,
      'litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.',
    )
    assert.equal(failure.status, 500)
    assert.equal(failure.possiblyBilled, kind === 'reset')
  }
  assert.equal(of('connect_timeout', false).status, 408)
  assert.equal(of('connect_timeout', false).class, 'timeout_connect')
  assert.equal(of('headers_timeout', true).class, 'timeout_headers')
  assert.equal(of('aborted', true).class, 'client_gone')
})

test('timeouts say the limit and the time as Python prints them', () => {
  const late = (phase: 'connect' | 'headers' | 'first_token' | 'idle' | 'attempt', byClient = false) =>
    classify({ kind: 'timeout', phase, limitMs: 1_000, tookMs: 1_014, byClient, provider })
  assert.equal(
    late('headers').message,
    'litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. - timeout value=1.0, time taken=1.01 seconds',
  )
  assert.equal(late('headers').class, 'timeout_headers')
  assert.equal(late('attempt').class, 'timeout_attempt')
  assert.equal(late('connect').class, 'timeout_connect')
  assert.equal(late('connect').possiblyBilled, false)
  assert.equal(late('first_token').class, 'timeout_first_token')
  assert.equal(late('idle').class, 'timeout_idle')
  for (const phase of ['connect', 'headers', 'first_token', 'idle', 'attempt'] as const) {
    assert.equal(late(phase, true).class, 'timeout_client')
    assert.equal(late(phase).status, 408)
  }
  const odd = classify({
    kind: 'timeout',
    phase: 'idle',
    limitMs: 2_500,
    tookMs: 60_000,
    byClient: false,
    provider,
  })
  assert.ok(odd.message.endsWith('timeout value=2.5, time taken=60.0 seconds'))
})

test('unreadable answers', () => {
  const of = (what: UnreadableSignal['what'], status = 200) =>
    classify({ kind: 'unreadable', what, status, provider })
  assert.equal(of('cut').class, 'transport')
  assert.match(of('cut').message, /^litellm\.APIConnectionError: APIConnectionError: OpenAIException - /)
  assert.equal(of('cut').status, 500)
  assert.equal(of('malformed_event').exception, 'APIConnectionError')
  for (const what of ['not_json', 'html', 'empty', 'wrong_content_type', 'oversize', 'over_limit'] as const) {
    assert.equal(of(what).class, 'transient', what)
    assert.equal(of(what).exception, 'InternalServerError', what)
  }
  assert.equal(of('html', 404).status, 404)
})

test("nothing left to try: LiteLLM's text, bare where LiteLLM has no class name", () => {
  const of = (reason: NothingReason, message: string, status: number) =>
    classify({
      kind: 'nothing',
      choice: { kind: 'nothing', reason, message, status, retryAfterMs: 37_000 },
      group: 'm',
    })
  const cooling = of('cooling', 'No deployments available for selected model, Try again in 37 seconds.', 429)
  assert.equal(cooling.message, 'No deployments available for selected model, Try again in 37 seconds.')
  assert.equal(cooling.class, 'no_deployment')
  assert.equal(cooling.type, 'throttling_error')
  assert.equal(cooling.retryAfterMs, 37_000)
  const unknown = of('unknown', "You passed in model=m. There is no 'model_name' with this string", 400)
  assert.match(unknown.message, /^litellm\.BadRequestError: You passed in/)
  const window = of(
    'context_window',
    'litellm._pre_call_checks: Context Window exceeded for given call.',
    400,
  )
  assert.equal(window.class, 'context_window')
  assert.equal(window.code, 'context_length_exceeded')
  assert.match(window.message, /^litellm\.ContextWindowExceededError: litellm\._pre_call_checks/)
  assert.equal(of('tags', 'Not allowed to access model due to tags configuration.', 401).status, 401)
})

test('what the gateway itself refuses or breaks', () => {
  const missing = classify({ kind: 'missing_credential', message: 'Set the variable A_KEY.', provider })
  assert.equal(
    missing.message,
    'litellm.AuthenticationError: AuthenticationError: OpenAIException - Set the variable A_KEY.',
  )
  assert.equal(missing.class, 'credential')
  const cannot = classify({ kind: 'unsupported', message: 'no images', param: 'messages', provider })
  assert.deepEqual([cannot.class, cannot.status, cannot.param], ['unsupported', 400, 'messages'])
  const bug = classify({ kind: 'bug' })
  assert.deepEqual(
    [bug.class, bug.status, bug.message, bug.type],
    ['gateway_bug', 500, 'Internal server error', 'internal_server_error'],
  )
  assert.deepEqual(
    [classify({ kind: 'client_gone' }).class, classify({ kind: 'client_gone' }).status],
    ['client_gone', 499],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../attempt/classify.ts'
import { converseError, converseErrorOf } from './bedrock-converse-error.ts'
import { ERROR_BODIES, signalOf } from './error-bodies.fixture.ts'

const rows = ERROR_BODIES.filter(row => row.who === 'bedrock')

test('an exception in the OpenAI dialect’s words means what its own words mean', () => {
  for (const row of rows.filter(({ status }) => status >= 400)) {
    const errorObject = converseErrorOf(row.status, row.headers, Buffer.from(row.body))
    const failure = classify({ ...signalOf(row), ...(errorObject === undefined ? {} : { errorObject }) })
    assert.deepEqual([failure.class, failure.status], [row.expected, row.shown], row.body)
  }
})

/** What `:exception-type` of a frame says, and the failure it is behind a 200. */
const FRAMES: readonly (readonly [kind: string, message: string, expected: string, status: number])[] = [
  ['throttlingException', 'Too many tokens, please wait before trying again.', 'rate_limit', 429],
  ['throttlingException', 'Too many tokens per day, please wait before trying again.', 'quota', 429],
  ['modelStreamErrorException', 'The model failed in the middle.', 'transient', 424],
  ['internalServerException', 'Internal server error.', 'transient', 500],
  ['serviceUnavailableException', 'Bedrock is unable to process your request.', 'overloaded', 503],
  ['modelTimeoutException', 'Timed out.', 'transient', 408],
  ['validationException', 'Input is too long for requested model.', 'context_window', 400],
  ['validationException', 'The text field in the ContentBlock object is blank.', 'caller_fault', 400],
  ['validationException', "The provided model doesn't support counting tokens.", 'unsupported', 400],
  ['modelNotReadyException', 'Wait and try your request again.', 'overloaded', 429],
  [
    'accessDeniedException',
    "You don't have access to the model with the specified model ID.",
    'model_gone',
    404,
  ],
  ['accessDeniedException', 'User x is not authorized to perform: bedrock:InvokeModel', 'credential', 403],
  ['somethingNewException', 'Never heard of.', 'transient', 500],
  ['', '', 'transient', 500],
]

test('an exception frame inside a stream is the failure it names', () => {
  for (const [kind, message, expected, status] of FRAMES) {
    const failure = classify({
      kind: 'response',
      status: 200,
      headers: {},
      body: undefined,
      errorObject: converseError(kind, message),
      provider: { exception: 'BedrockException' },
      inStream: true,
      sent: true,
    })
    assert.deepEqual([failure.class, failure.status], [expected, status], `${kind}: ${message}`)
  }
})

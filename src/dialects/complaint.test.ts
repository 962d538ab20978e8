import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { classify } from '../attempt/classify.ts'
import { complaintOf } from './complaint.ts'

/** The body as a provider sends it, read as every failure is read. */
const heard = (body: unknown, status = 400) => {
  const failure = classify({
    kind: 'response',
    status,
    headers: {},
    body: Buffer.from(JSON.stringify(body)),
    provider: { exception: 'OpenAIException' },
    inStream: false,
    sent: true,
  })
  assert.equal(failure.class, 'caller_fault')
  return complaintOf(failure)
}

const pathsIn = (body: unknown, status?: number): readonly string[] | undefined => {
  const complaint = heard(body, status)
  return complaint?.kind === 'parameter' ? complaint.paths.map(path => path.join('.')) : undefined
}

const openai = (message: string, code: string | null = null, param: string | null = null) => ({
  error: { message, type: 'invalid_request_error', param, code },
})

const anthropic = (message: string) => ({
  type: 'error',
  error: { type: 'invalid_request_error', message },
})

const bedrock = (fault: string) => ({
  message: `Malformed input request: ${fault}, please reformat your input and try again.`,
})

const cerebras = (...places: readonly string[]) => ({
  message: places.map(place => `${place}: property '${place}' is unsupported`).join('\n'),
  code: 'wrong_api_format',
})

describe('a parameter that a provider does not take', () => {
  const cases: readonly (readonly [string, unknown, string, number?])[] = [
    [
      'OpenAI, by code',
      openai("Unknown parameter: 'metadata'.", 'unknown_parameter', 'metadata'),
      'metadata',
    ],
    [
      'OpenAI, in an item',
      openai("Unknown parameter: 'input[270].metadata'.", 'unknown_parameter', 'input[270].metadata'),
      'input.270.metadata',
    ],
    ['OpenAI, by text alone', openai("Unknown parameter: 'input[0].metadata'."), 'input.0.metadata'],
    [
      'a reasoning model',
      openai(
        "Unsupported parameter: 'presence_penalty' is not supported with this model.",
        'unsupported_parameter',
        'presence_penalty',
      ),
      'presence_penalty',
    ],
    [
      'a code without param',
      openai(
        "Unsupported parameter: 'text.verbosity' is not supported with this model.",
        'unsupported_parameter',
      ),
      'text.verbosity',
    ],
    ['an older OpenAI', openai('Unrecognized request argument supplied: functions'), 'functions'],
    ['an older OpenAI, several', openai('Unrecognized request arguments supplied: user, seed'), 'user seed'],
    [
      'Azure, an older version',
      openai("Additional properties are not allowed ('stream_options' was unexpected)"),
      'stream_options',
    ],
    [
      'FastAPI',
      {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'logit_bias'],
            msg: 'Extra inputs are not permitted',
            input: {},
          },
        ],
      },
      'logit_bias',
      422,
    ],
    [
      'FastAPI, several',
      {
        detail: [
          { loc: ['body', 'a'], msg: 'Extra inputs are not permitted' },
          { loc: ['body', 'b'], msg: 'extra fields not permitted' },
        ],
      },
      'a b',
      422,
    ],
    [
      'Mistral',
      {
        object: 'error',
        message: {
          detail: [
            {
              type: 'extra_forbidden',
              loc: ['body', 'messages', 0, 'user', 'name'],
              msg: 'Extra inputs are not permitted',
              input: 'x',
            },
          ],
        },
        type: 'invalid_request_message_order',
        param: null,
        code: null,
      },
      'messages.0.user.name',
      422,
    ],
    ['Anthropic', anthropic('messages.0.foo: Extra inputs are not permitted'), 'messages.0.foo'],
    [
      'vLLM',
      {
        object: 'error',
        message:
          "[{'type': 'extra_forbidden', 'loc': ('body', 'user_id'), 'msg': 'Extra inputs are not permitted', 'input': 'x'}]",
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
      'user_id',
    ],
    [
      'an older vLLM',
      {
        object: 'error',
        message:
          '1 validation error for ChatCompletionRequest\nstream_options\n  extra fields not permitted (type=value_error.extra)',
        type: 'BadRequestError',
        code: 400,
      },
      'stream_options',
    ],
    ['Groq', openai("property 'service_tier' is unsupported"), 'service_tier'],
    [
      'Groq, in a message',
      openai(
        "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning' is unsupported, did you mean 'role'?)]",
      ),
      'messages.1.reasoning',
    ],
    [
      'Cerebras',
      {
        message: "property 'messages.1.assistant.reasoning_content' is unsupported",
        type: 'invalid_request_error',
        param: 'validation_error',
        code: 'wrong_api_format',
      },
      'messages.1.assistant.reasoning_content',
    ],
    [
      'Fireworks',
      {
        error: {
          object: 'error',
          type: 'invalid_request_error',
          message: "Extra inputs are not permitted, field: 'messages[1].refusal', value: None",
        },
      },
      'messages.1.refusal',
    ],
    [
      'xAI',
      {
        code: 'Client specified an invalid argument',
        error: 'Argument not supported on this model: presencePenalty',
      },
      'presencePenalty',
    ],
    [
      'xAI, otherwise',
      {
        code: 'Client specified an invalid argument',
        error: 'Model grok-4 does not support parameter reasoningEffort.',
      },
      'reasoningEffort',
    ],
    [
      'Gemini',
      {
        error: {
          code: 400,
          message:
            'Invalid JSON payload received. Unknown name "foo" at \'generation_config\': Cannot find field.',
          status: 'INVALID_ARGUMENT',
        },
      },
      'generation_config.foo',
    ],
    ['Groq, of a model', openai('`reasoning_effort` is not supported with this model'), 'reasoning_effort'],
    ['Ollama, of a model', openai('"llama3" does not support thinking'), 'reasoning_effort'],
    ['Cerebras, line by line', cerebras('body.store', 'body.top_k'), 'store top_k'],
    [
      'Cerebras, of a message',
      cerebras('messages.2.assistant.reasoning_content'),
      'messages.2.assistant.reasoning_content',
    ],
    [
      'Groq, of thoughts',
      openai('messages[2].reasoning: reasoning is not supported with this model'),
      'messages.2.reasoning',
    ],
    [
      'Anthropic, of a model',
      anthropic('This model does not support the effort parameter.'),
      'output_config.effort',
    ],
    [
      'TGI',
      {
        error:
          'Failed to deserialize the JSON body into the target type: unknown field `user_id`, expected one of `model`, `messages` at line 1 column 30',
      },
      'user_id',
      422,
    ],
    ['a server in Go', { error: 'json: unknown field "user_id"' }, 'user_id'],
    ['Bedrock', bedrock('#: extraneous key [top_q] is not permitted'), 'top_q'],
    [
      'Bedrock, of a body that it has two schemas for',
      bedrock(
        '#: subject must not be valid against schema {"required":["messages"]}#: extraneous key [top_q] is not permitted',
      ),
      'top_q',
    ],
    [
      'Bedrock, at a depth',
      bedrock('#/tools/0: extraneous key [novelty] is not permitted'),
      'tools.0.novelty',
    ],
  ]
  for (const [who, body, said, status] of cases)
    test(who, () => assert.equal(pathsIn(body, status)?.join(' '), said))

  test('for its value alone, or in company alone, is said', () => {
    const value = heard(
      openai(
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        'unsupported_value',
        'temperature',
      ),
    )
    assert.ok(value?.kind === 'parameter' && value.ofValue)
    for (const words of [
      '`reasoning_effort` must be one of `none` or `default`',
      'Invalid reasoning effort: none',
      'Failed to deserialize the JSON body into the target type: reasoning_effort: unknown variant `none`, expected one of `high`, `low` at line 1 column 6572',
      'think value "low" is not supported for this model',
      "'reasoning_effort' : value is not one of the allowed values ['none', 'default', 'low', 'medium', 'high']",
      "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), 'msg': \"Input should be 'low', 'medium' or 'high'\", 'input': 'xhigh'}",
    ]) {
      const effort = heard(openai(words))
      assert.ok(effort?.kind === 'parameter' && effort.ofValue, words)
      assert.deepEqual(effort.paths, [['reasoning_effort']])
    }
    assert.equal(heard(openai('`temperature` must be one of 0 or 1')), undefined)
    const always = heard(
      openai(
        "Unsupported parameter: 'temperature' is not supported with this model.",
        'unsupported_parameter',
        'temperature',
      ),
    )
    assert.ok(always?.kind === 'parameter' && !always.ofValue && !always.conditional)
    const beside = heard(
      openai(
        "Unsupported parameter: 'temperature' is not supported when reasoning is on.",
        'unsupported_parameter',
        'temperature',
      ),
    )
    assert.ok(beside?.kind === 'parameter' && beside.conditional)
  })
})

describe('what else can be mended', () => {
  test('an item without its id', () => {
    const said = openai(
      "Missing required parameter: 'input[2].id'.",
      'missing_required_parameter',
      'input[2].id',
    )
    assert.deepEqual(heard(said), { kind: 'item-id', at: 2 })
    assert.deepEqual(heard(openai("Missing required parameter: 'input[2].id'.")), { kind: 'item-id', at: 2 })
    for (const param of ['input[2].content', 'input', 'tools[0].id', 'messages[1].id'])
      assert.equal(
        heard(openai(`Missing required parameter: '${param}'.`, 'missing_required_parameter', param)),
        undefined,
      )
  })

  test('reasoning that is kept elsewhere', () => {
    const text =
      "Item with id 'rs_0a' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."
    assert.deepEqual(heard(openai(text), 404), { kind: 'kept-item', id: 'rs_0a' })
  })

  test('a signature that its provider refuses', () => {
    for (const text of [
      'Corrupted thought signature.',
      'Unable to submit request because Thought signature is not valid.. Learn more: https://cloud.google.com/',
      'messages.1.content.0: Invalid `signature` in `thinking` block',
      'messages.3.content.1: Invalid `data` in `redacted_thinking` block',
      'The model returned the following errors: messages.1.content.0: Invalid `signature` in `thinking` block',
    ])
      assert.deepEqual(heard(openai(text)), { kind: 'signature' }, text)
    assert.equal(heard(openai('Your prompt says: Corrupted thought signature.')), undefined)
  })

  test('the id of a call in a form that is not taken', () => {
    const long = (param: string, length: number) =>
      heard(
        openai(
          `Invalid '${param}': string too long. Expected a string with maximum length ${length}, but got a string with length 95 instead.`,
          'string_above_max_length',
          param,
        ),
      )
    for (const param of ['input[1].call_id', 'messages[2].tool_calls[0].id', 'messages[3].tool_call_id'])
      assert.deepEqual(long(param, 64), { kind: 'call-id', form: { kind: 'longest', length: 64 } }, param)
    for (const param of ['prompt_cache_key', 'metadata.a']) assert.equal(long(param, 64), undefined)
    assert.equal(long('input[1].call_id', 1), undefined, 'no name would be left')
    assert.deepEqual(
      heard(openai('Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.')),
      { kind: 'call-id', form: { kind: 'nine' } },
    )
    assert.deepEqual(
      heard(openai("messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")),
      { kind: 'call-id', form: { kind: 'plain' } },
    )
  })

  test('ciphertext of somebody else', () => {
    const texts = [
      'The encrypted content gAAA…== could not be verified. Reason: Encrypted content organization_id did not match the target organization.',
      'The encrypted content for item rs_1 could not be verified.',
    ]
    for (const text of texts) {
      assert.deepEqual(heard(openai(text, 'invalid_encrypted_content')), { kind: 'ciphertext' })
      assert.deepEqual(heard(openai(text)), { kind: 'ciphertext' })
    }
  })
})

describe('what is no complaint of this kind', () => {
  for (const message of [
    "Invalid type for 'temperature': expected a number.",
    "Invalid 'messages[0].content': the text \"Unknown parameter: 'temperature'\" is too long.",
    "The prompt said: Unknown parameter: 'temperature'.",
    "Unknown parameter: 'a b'.",
    'Unknown parameter.',
    'Unrecognized request argument supplied: ',
    `Unknown parameter: '${'x.'.repeat(40)}y'.`,
  ])
    test(message.slice(0, 60), () => assert.equal(heard(openai(message)), undefined))

  test('property: whatever a provider quotes of its caller, the words behind the beginning name nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), quoted => {
        const complaint = complaintOf({
          code: null,
          param: null,
          message: `litellm.BadRequestError: OpenAIException - Could not read "${quoted}" Unknown parameter: 'user'.`,
        })
        assert.equal(complaint, undefined)
      }),
    )
  })
})

test('a form of thinking that another generation of Claude has', () => {
  const budget = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"'
  assert.deepEqual(heard(anthropic(budget)), { kind: 'thinking', form: 'adaptive' })
  const adaptive = 'adaptive thinking is not supported on this model'
  assert.deepEqual(heard(anthropic(adaptive)), { kind: 'thinking', form: 'rest' })
  assert.equal(heard(anthropic(`messages.0: you wrote ${adaptive}`)), undefined)
})

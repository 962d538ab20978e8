import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { zodTextFormat } from 'openai/helpers/zod'
import type {
  ResponseInput,
  ResponseInputItem,
  ResponseStreamEvent,
  Tool,
} from 'openai/resources/responses/responses'
import { z } from 'zod'
import { checkGrammar } from '../src/dialects/responses-grammar.fixture.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { failing, pathsOf } from './openai-client.fixture.ts'
import { type Bridge, bridge } from './responses-bridge.fixture.ts'
import { assertNothingRefused } from './support/canary.ts'

/** The official client at groups whose provider has the other one of OpenAI's two APIs. */

const undo: (() => Promise<void>)[] = []
let on: Bridge
before(async () => {
  on = await bridge({ after: fn => void undo.push(fn) })
})
beforeEach(() => {
  on.stages.native.clear()
  on.stages.plain.clear()
})
after(async () => {
  for (const fn of undo.reverse()) await fn()
})

const CHAT = 'POST /v1/chat/completions'
const RESPONSES = 'POST /v1/responses'

/** These paths were asked, and nothing of it was refused. */
const assertAsked = (native: readonly string[], plain: readonly string[]): void => {
  const { stages } = on
  assert.deepEqual([pathsOf(stages.native), pathsOf(stages.plain)], [native, plain])
  assertNothingRefused([...stages.native.requests, ...stages.plain.requests])
}

const bodyAt = (stage: Stage, index = 0): JsonObject => stage.requests[index]?.json as JsonObject

const collect = async (stream: AsyncIterable<ResponseStreamEvent>): Promise<readonly JsonObject[]> => {
  const events: ResponseStreamEvent[] = []
  for await (const event of stream) events.push(event)
  return JSON.parse(JSON.stringify(events)) as JsonObject[]
}

const LOOK: Tool = {
  type: 'function',
  name: 'look',
  description: 'Looks.',
  strict: true,
  parameters: {
    type: 'object',
    properties: { at: { type: 'string' } },
    required: ['at'],
    additionalProperties: false,
  },
}

describe('responses at a provider of chat completions', () => {
  test('an answer is a whole response', async () => {
    const response = await on.client.responses.create({
      model: 'plain',
      input: 'Who knows the lines?',
      instructions: 'Be brief.',
      metadata: { scene: 'one' },
    })
    assert.equal(response.output_text, CANONICAL)
    assert.deepEqual([response.status, response.model], ['completed', 'plain'])
    assert.match(response.id, /^resp_/)
    assert.ok(Number.isInteger(response.usage?.total_tokens))
    assert.deepEqual(bodyAt(on.stages.plain), {
      model: 'gpt-4.1',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who knows the lines?' },
      ],
      metadata: { scene: 'one' },
    })
    assertAsked([], [CHAT])
  })

  test('a stream has every event in order, and the client’s own helper follows it', async () => {
    const events = await collect(
      await on.client.responses.create({ model: 'plain', input: 'Go.', stream: true }),
    )
    const response = checkGrammar(events)
    assert.equal(response.model, 'plain')
    assert.ok(events.filter(event => event.type === 'response.output_text.delta').length > 1)
    const heard: string[] = []
    const helper = on.client.responses.stream({ model: 'plain', input: 'Go.' })
    helper.on('response.output_text.delta', event => void heard.push(event.delta))
    const final = await helper.finalResponse()
    assert.equal(final.output_text, CANONICAL)
    assert.equal(heard.join(''), CANONICAL)
    assert.ok((final.usage?.output_tokens ?? 0) > 0)
    assertAsked([], [CHAT, CHAT])
  })

  test('structured output is parsed by its schema, whole and streamed', async () => {
    const Line = z.object({ line: z.string(), who: z.string() })
    const ask = { model: 'plain', input: 'Go.', text: { format: zodTextFormat(Line, 'line') } }
    const parsed = await on.client.responses.parse(ask)
    assert.deepEqual(parsed.output_parsed, { line: CANONICAL, who: CANONICAL })
    const final = await on.client.responses.stream(ask).finalResponse()
    assert.deepEqual(final.output_parsed, { line: CANONICAL, who: CANONICAL })
    const format = bodyAt(on.stages.plain).response_format as JsonObject
    assert.equal(format.type, 'json_schema')
  })

  test('tools: the calls of one turn go back with their results in the next', async () => {
    const tools: Tool[] = [
      LOOK,
      { type: 'custom', name: 'apply_patch', description: 'Applies a patch.' },
      { type: 'namespace', name: 'files', description: 'Files.', tools: [LOOK] } as unknown as Tool,
    ]
    const input: ResponseInput = [{ role: 'user', content: '[stage:tool] Go.' }]
    for (const [name, type] of [
      ['look', 'function_call'],
      ['apply_patch', 'custom_tool_call'],
      ['files__look', 'function_call'],
    ] as const) {
      on.stages.plain.clear()
      const tool_choice =
        name === 'files__look'
          ? ({ type: 'function', name: 'look', namespace: 'files' } as never)
          : type === 'function_call'
            ? { type: 'function' as const, name }
            : { type: 'custom' as const, name }
      const first = await on.client.responses.create({ model: 'plain', input, tools, tool_choice })
      const [call] = first.output
      assert.ok(call?.type === type, name)
      if (call.type === 'function_call') assert.deepEqual(JSON.parse(call.arguments), { at: CANONICAL })
      else assert.equal(call.input, CANONICAL)
      assert.equal((call as { namespace?: string }).namespace, name === 'files__look' ? 'files' : undefined)
      const output = { type: `${type}_output`, call_id: call.call_id, output: 'a tree' } as ResponseInputItem
      const second = await on.client.responses.create({
        model: 'plain',
        input: [...input, ...first.output, output, { role: 'user', content: 'And now?' }] as ResponseInput,
        tools,
      })
      assert.equal(second.output_text, CANONICAL)
      const messages = bodyAt(on.stages.plain, 1).messages as JsonObject[]
      assert.deepEqual(
        messages.map(message => message.role),
        ['user', 'assistant', 'tool', 'user'],
      )
      assertAsked([], [CHAT, CHAT])
    }
  })

  test('tools in a stream: the helper hears the arguments grow', async () => {
    const helper = on.client.responses.stream({ model: 'plain', input: '[stage:tool] Go.', tools: [LOOK] })
    let args = ''
    helper.on('response.function_call_arguments.delta', event => {
      args += event.delta
    })
    const final = await helper.finalResponse()
    const [call] = final.output
    assert.ok(call?.type === 'function_call')
    assert.equal(call.arguments, args)
    assert.deepEqual(call.parsed_arguments, { at: CANONICAL })
  })

  test('an image and a conversation reach the model', async () => {
    const image_url = 'data:image/png;base64,iVBORw0KGgo='
    const first = await on.client.responses.create({
      model: 'plain',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url, detail: 'low' },
          ],
        },
      ],
    })
    const second = await on.client.responses.create({
      model: 'plain',
      input: [
        { role: 'user', content: 'What is this?' },
        ...(first.output as ResponseInputItem[]),
        { role: 'user', content: 'Again.' },
      ],
    })
    assert.equal(second.output_text, CANONICAL)
    assert.deepEqual((bodyAt(on.stages.plain).messages as JsonObject[])[0]?.content, [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: image_url, detail: 'low' } },
    ])
    assert.deepEqual(bodyAt(on.stages.plain, 1).messages, [
      { role: 'user', content: 'What is this?' },
      { role: 'assistant', content: CANONICAL },
      { role: 'user', content: 'Again.' },
    ])
  })

  test('a refusal and a limit end as they would at home', async () => {
    const refused = await on.client.responses.create({ model: 'plain', input: '[stage:refuse]' })
    const [message] = refused.output
    assert.ok(message?.type === 'message')
    assert.deepEqual(message.content[0]?.type, 'refusal')
    const cut = await on.client.responses.create({ model: 'plain', input: 'Go.', max_output_tokens: 2 })
    assert.deepEqual([cut.status, cut.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }])
  })

  for (const [param, more] of [
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['tools[1].type', { tools: [LOOK, { type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    ['background', { background: true }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['input[0].id', { input: [{ type: 'item_reference', id: 'rs_1' }] }],
    ['input[0].encrypted_content', { input: [{ type: 'compaction', encrypted_content: 'gAAA' }] }],
  ] as const)
    test(`${param} is refused by its name, before anything is sent`, async () => {
      const error = await failing(
        on.client.responses.create({ model: 'plain', input: 'Go.', ...more } as never),
      )
      assert.deepEqual([error.status, error.param], [400, param])
      assertAsked([], [])
    })

  test('a response that nobody keeps is not there to be read, and says so', async () => {
    const { id } = await on.client.responses.create({ model: 'plain', input: 'Go.' })
    for (const [call, words] of [
      [() => on.client.responses.retrieve(id), 'GET responses'],
      [() => on.client.responses.delete(id), 'DELETE responses'],
      [() => on.client.responses.cancel(id), 'CANCEL responses'],
      [() => on.client.responses.inputItems.list(id), 'list_input_items'],
    ] as const) {
      const error = await failing(Promise.resolve(call()))
      assert.match(error.message, new RegExp(`${words} is not supported for groq`))
    }
    const error = await failing(
      on.client.responses.create({ model: 'plain', input: 'And?', previous_response_id: id }),
    )
    assert.deepEqual(
      [error.status, error.param, error.code],
      [400, 'previous_response_id', 'previous_response_not_found'],
    )
    assert.match(error.message, new RegExp(`Previous response with id '${id}' not found`))
    assertAsked([], [CHAT])
  })
})

describe('from one kind of provider to the other', () => {
  const down = { kind: 'status', status: 503 } as const
  const mute = { kind: 'cut', how: 'rst', afterEvents: 2 } as const

  for (const stream of [false, true])
    test(`native to chat-only, ${stream ? 'streamed' : 'whole'}: the client hears one answer`, async () => {
      on.stages.native.script([stream ? mute : down])
      const ask = { model: 'forth', input: 'Go.', client_metadata: { session: 's' } }
      if (stream) {
        const events = await collect(await on.client.responses.create({ ...ask, stream: true }))
        assert.equal(checkGrammar(events).model, 'plain')
      } else {
        const response = await on.client.responses.create(ask)
        assert.deepEqual([response.output_text, response.model], [CANONICAL, 'plain'])
      }
      assert.deepEqual([pathsOf(on.stages.native), pathsOf(on.stages.plain)], [[RESPONSES], [CHAT]])
    })

  for (const stream of [false, true])
    test(`chat-only to native, ${stream ? 'streamed' : 'whole'}: the backup gets the client’s own body`, async () => {
      on.stages.plain.script([stream ? mute : down])
      const body = { model: 'back', input: 'Go.', store: false, ...(stream ? { stream: true } : {}) }
      const answer = await on.ask('/v1/responses', body)
      assert.equal(answer.status, 200)
      assert.deepEqual(bodyAt(on.stages.native), { ...body, model: 'gpt-4.1' })
      assertAsked([RESPONSES], [CHAT])
    })

  for (const stream of [false, true])
    test(`chat to a model that only responses serve, ${stream ? 'streamed' : 'whole'}`, async () => {
      on.stages.plain.script([stream ? mute : down])
      const ask = {
        model: 'turn',
        messages: [
          { role: 'system' as const, content: 'Be brief.' },
          { role: 'user' as const, content: 'Go.' },
        ],
        max_tokens: 64,
      }
      if (stream) {
        const final = await on.client.chat.completions
          .stream({ ...ask, stream_options: { include_usage: true } })
          .finalChatCompletion()
        assert.equal(final.choices[0]?.message.content, CANONICAL)
        assert.ok((final.usage?.completion_tokens ?? 0) > 0)
      } else {
        const completion = await on.client.chat.completions.create(ask)
        assert.equal(completion.choices[0]?.message.content, CANONICAL)
        assert.deepEqual([completion.model, completion.object], ['only', 'chat.completion'])
      }
      assert.equal(bodyAt(on.stages.native).store, false)
      assertAsked([RESPONSES], [CHAT])
    })

  test('chat tools on a model that only responses serve, two turns', async () => {
    const tools = [
      { type: 'function' as const, function: { name: 'look', parameters: LOOK.parameters as never } },
    ]
    const messages = [{ role: 'user' as const, content: '[stage:tool] Go.' }]
    const first = await on.client.chat.completions.create({ model: 'only', messages, tools })
    const said = first.choices[0]?.message
    const [call] = said?.tool_calls ?? []
    assert.ok(said !== undefined && call?.type === 'function')
    assert.equal(first.choices[0]?.finish_reason, 'tool_calls')
    const second = await on.client.chat.completions.create({
      model: 'only',
      messages: [
        ...messages,
        said,
        { role: 'tool', tool_call_id: call.id, content: 'a tree' },
        { role: 'user', content: 'And now?' },
      ],
      tools,
    })
    assert.equal(second.choices[0]?.message.content, CANONICAL)
    assertAsked([RESPONSES, RESPONSES], [])
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  bodies,
  CHAT,
  codex,
  down,
  dropped,
  house,
  itemsOf,
  RESPONSES,
  refusing,
  said,
} from './repairs.fixture.ts'
import { MASTER_KEY } from './support/harness.ts'
import { parseSse } from './support/sse.ts'
import { chat } from './support/steady.ts'

/** A provider refuses something by name that it can do without: the hop is made once more, and what helped is kept. */

describe('from OpenAI to another provider of its dialect', () => {
  for (const stream of [false, true])
    test(`M-001 a turn of Codex is taken at once${stream ? ', streamed' : ''}: its own keys stay behind, and everything else is as it was`, async t => {
      const { lead, backup, ask, last } = await house(t)
      down(lead)
      const reply = await ask(RESPONSES, codex({ stream }))
      assert.equal(reply.status, 200, reply.text)
      assert.equal(backup.requests.length, 1)
      assert.equal(backup.requests[0]?.refusal, undefined)
      const { client_metadata: _, input, ...rest } = codex({ stream, model: 'prod' })
      const items = itemsOf({ input: input ?? null }).map(
        ({ internal_chat_message_metadata_passthrough: __, metadata: ___, ...item }) => item,
      )
      assert.deepEqual(bodies(backup)[0], { ...rest, input: items })
      assert.deepEqual(dropped(reply), [
        'client_metadata',
        'input[*].internal_chat_message_metadata_passthrough',
        'input[*].metadata',
      ])
      const { steps } = await last(1)
      assert.deepEqual(
        steps.map(step => step.outcome),
        ['overloaded', 'answered'],
      )
      assert.ok(steps[1]?.edits.includes('drop client_metadata (foreign-key)'))
    })

  test('OpenAI itself gets them, and nothing is said', async t => {
    const { lead, ask } = await house(t)
    const { metadata: _, ...own } = itemsOf(codex())[3] ?? {}
    const body = codex({ input: [...itemsOf(codex()).slice(0, 3), own] })
    const reply = await ask(RESPONSES, body)
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(bodies(lead)[0], { ...body, model: 'gpt-4.1' })
    assert.equal(reply.headers['x-understudy-dropped'], undefined)
  })
})

describe('a parameter that nobody has heard of yet', () => {
  for (const stream of [false, true])
    test(`is refused once, and left out from then on${stream ? ', streamed' : ''}`, async t => {
      const { backup, ask, last } = await house(t)
      const body = { ...codex({ stream, newest_thing: { a: 1 } }), model: 'second' }
      const first = await ask(RESPONSES, body)
      assert.equal(first.status, 200, first.text)
      assert.equal(backup.requests.length, 2)
      assert.equal(backup.requests[0]?.refusal?.error.param, 'newest_thing')
      const { newest_thing: _, ...without } = bodies(backup)[0] ?? {}
      assert.deepEqual(bodies(backup)[1], without, 'the repeat differs by this alone')
      assert.ok(dropped(first).includes('newest_thing'))
      const told = await last(1)
      assert.deepEqual(
        told.steps.map(step => [step.outcome, step.next, step.repair]),
        [
          ['caller_fault', 'repair: without newest_thing', undefined],
          ['answered', 'end', 'without newest_thing'],
        ],
      )
      assert.ok(told.steps[1]?.edits.includes('drop newest_thing (learned-parameter)'))
      assert.equal(told.retries, 0)
      assert.equal(first.headers['x-litellm-attempted-retries'], '0')
      if (stream) assert.equal(parseSse(Buffer.from(first.text)).at(-1)?.event, 'response.completed')
      const second = await ask(RESPONSES, body)
      assert.equal(second.status, 200)
      assert.equal(backup.requests.length, 3, 'one attempt')
      assert.deepEqual(bodies(backup)[2], without)
      assert.ok(dropped(second).includes('newest_thing'))
      const third = await ask(RESPONSES, { model: 'second', input: 'x' })
      assert.equal(third.headers['x-understudy-dropped'], undefined, 'who did not send it is told nothing')
    })

  test('in every item, when one is named', async t => {
    const { backup, ask } = await house(t)
    const item = { type: 'message', role: 'user', content: 'Line?', novelty: 1 }
    const reply = await ask(RESPONSES, {
      model: 'second',
      input: [item, { role: 'user', content: 'x' }, item],
    })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(backup.requests.length, 2)
    assert.ok(!backup.requests[1]?.text.includes('novelty'))
    assert.deepEqual(dropped(reply), ['input[*].novelty'])
  })

  test('is learned for the endpoint that refused it, and for no other', async t => {
    const { backup, ask } = await house(t)
    await ask(RESPONSES, { model: 'second', input: 'x', newest_thing: 1 })
    backup.clear()
    const compact = { model: 'second', input: 'x', newest_thing: 1 }
    assert.equal((await ask('/v1/responses/compact', compact)).status, 200)
    assert.equal(backup.requests.length, 2)
    backup.clear()
    assert.equal((await ask(CHAT, chat('second', { newest_thing: 1 }))).status, 200)
    assert.equal(backup.requests.length, 2)
  })

  test('three names are worth three repeats, a fourth is the client’s to know', async t => {
    const { backup, ask, last } = await house(t)
    const three = { one: 1, two: 2, three: 3 }
    const reply = await ask(CHAT, chat('second', three))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(backup.requests.length, 4)
    assert.deepEqual(dropped(reply), ['one', 'two', 'three'])
    const more = await ask(CHAT, chat('second', { ...three, four: 4, five: 5, six: 6, seven: 7 }))
    assert.equal(more.status, 400)
    assert.equal(said(more).param, 'seven')
    assert.equal(backup.requests.length, 8)
    assert.deepEqual(
      (await last(2)).steps.map(step => step.next),
      ['repair: without four', 'repair: without five', 'repair: without six', ''],
    )
  })

  test('a compaction goes without all that its endpoint has not published, once three of it were refused', async t => {
    const { backup, ask } = await house(t)
    const names = ['tools', 'parallel_tool_calls', 'reasoning', 'text']
    const published = { model: 'second', input: 'x', instructions: 'Be brief.', prompt_cache_key: 'thread' }
    const unpublished = Object.fromEntries(names.map(name => [name, codex()[name] ?? { verbosity: 'low' }]))
    const body = { ...published, ...unpublished }
    const reply = await ask('/v1/responses/compact', body)
    assert.equal(reply.status, 200, reply.text)
    assert.equal(backup.requests.length, 4)
    assert.deepEqual(dropped(reply).toSorted(), names.toSorted())
    assert.deepEqual(Object.keys(bodies(backup).at(-1) ?? {}), Object.keys(published))
    // What went unnamed was not learned: it is named now.
    backup.clear()
    assert.equal((await ask('/v1/responses/compact', body)).status, 200)
    assert.equal(backup.requests.length, 2)
    backup.clear()
    assert.equal((await ask('/v1/responses/compact', body)).status, 200)
    assert.equal(backup.requests.length, 1)
  })

  test('what did not help is not kept', async t => {
    const { backup, ask } = await house(t)
    const body = chat('second', { one: 1, two: 2, three: 3, four: 4 })
    for (let time = 1; time <= 2; time++) {
      assert.equal((await ask(CHAT, body)).status, 400)
      assert.equal(backup.requests.length, 4 * time)
    }
  })

  test('an attempt of the request it is, and none of num_retries', async t => {
    const { backup, ask } = await house(t, { router: { max_attempts: 2 } })
    const reply = await ask(CHAT, chat('second', { one: 1, two: 2 }))
    assert.equal(reply.status, 400)
    assert.equal(backup.requests.length, 2)
  })

  test('a repeat that fails otherwise is retried as ever, without what was refused', async t => {
    const { backup, ask, last } = await house(t, { router: { num_retries: 1, retry_backoff: 0 } })
    backup.script([{ kind: 'ok' }, { kind: 'status', status: 500 }])
    const reply = await ask(CHAT, chat('second', { one: 1 }))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(backup.requests.length, 3)
    assert.equal(reply.headers['x-litellm-attempted-retries'], '1')
    assert.match((await last(1)).steps[1]?.next ?? '', /^retry: transient/)
    backup.clear()
    assert.equal((await ask(CHAT, chat('second', { one: 1 }))).status, 200)
    assert.equal(backup.requests.length, 1, 'it was learned in the end')
  })

  test('health hears nothing of it', async t => {
    const { backup, ask } = await house(t, { router: { allowed_fails: 0, cooldown_time: 600 } })
    for (let time = 0; time < 4; time++)
      assert.equal((await ask(CHAT, chat('second', { [`n${time}`]: 1 }))).status, 200)
    assert.equal(backup.requests.length, 8)
  })

  test('a fallback repairs as well, and the primary’s own refusal leads there when it cannot be repaired', async t => {
    const { lead, backup, ask } = await house(t)
    const body = chat('star', { one: 1 })
    lead.script([{ kind: 'status', status: 500 }])
    const reply = await ask(CHAT, body)
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['x-litellm-model-group'], 'second')
    assert.deepEqual([lead.requests.length, backup.requests.length], [1, 2])
  })
})

describe('what carries meaning', () => {
  const refusal = (param: string) =>
    refusing(
      `Unsupported parameter: '${param}' is not supported with this model.`,
      'unsupported_parameter',
      param,
    )
  const full = chat('second', {
    tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
    tool_choice: 'auto',
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
    stream: false,
    n: 1,
    stop: ['x'],
    max_completion_tokens: 5,
    logprobs: false,
  })
  for (const param of Object.keys(full))
    test(`${param} is never left out: its refusal is the answer, after one attempt`, async t => {
      const { backup, ask } = await house(t)
      backup.script([refusal(param)])
      const reply = await ask(CHAT, full)
      assert.equal(reply.status, 400)
      assert.deepEqual([said(reply).param, said(reply).code], [param, 'unsupported_parameter'])
      assert.equal(backup.requests.length, 1)
      assert.equal((await ask(CHAT, full)).status, 200)
    })

  test('nor on the other endpoints', async t => {
    const { backup, ask } = await house(t)
    const body = {
      model: 'second',
      input: [{ type: 'message', role: 'user', content: 'x' }],
      text: { format: { type: 'text' } },
    }
    for (const param of ['input', 'text.format', 'input[0].content', 'model']) {
      backup.clear()
      backup.script([refusal(param)])
      assert.equal((await ask(RESPONSES, body)).status, 400)
      assert.equal(backup.requests.length, 1, param)
    }
  })

  test('an object that is kept is made as it was asked for, or not at all', async t => {
    const { backup, ask } = await house(t)
    const reply = await ask('/v1/conversations?model=second', { metadata: {}, newest_thing: 1 })
    assert.equal(reply.status, 400, reply.text)
    assert.equal(said(reply).param, 'newest_thing')
    assert.equal(backup.requests.length, 1)
  })

  test('a form is never repaired', async t => {
    const { backup, ask } = await house(t)
    const text = ['model', 'second', 'newest_thing', '1']
    const part = (name: string, value: string, more = ''): string =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
    const form = `${part(text[0] ?? '', text[1] ?? '')}${part(text[2] ?? '', text[3] ?? '')}${part('file', 'RIFF', '; filename="a.wav"')}--b--\r\n`
    const reply = await ask('/v1/audio/transcriptions', form, {
      method: 'POST',
      headers: [
        ['authorization', `Bearer ${MASTER_KEY}`],
        ['content-type', 'multipart/form-data; boundary=b'],
      ],
    })
    assert.equal(reply.status, 400, reply.text)
    assert.equal(said(reply).param, 'newest_thing')
    assert.equal(backup.requests.length, 1)
  })
})

test('learn_unsupported_params: false leaves every refusal to the client', async t => {
  const { backup, ask } = await house(t, { router: { learn_unsupported_params: false } })
  const reply = await ask(CHAT, chat('second', { one: 1 }))
  assert.equal(reply.status, 400)
  assert.equal(said(reply).code, 'unknown_parameter')
  assert.equal(backup.requests.length, 1)
})

test('ids that a provider asks for are made, once for all items of the kind, and from then on', async t => {
  const { backup, ask } = await house(t)
  const include = ['reasoning.encrypted_content']
  const before = await ask(RESPONSES, { model: 'second', input: 'x', include, store: false })
  const [thought] = itemsOf({ input: before.json().output ?? null })
  const reasoning = { type: 'reasoning', summary: [], encrypted_content: thought?.encrypted_content ?? '' }
  backup.clear()
  const input = [
    { role: 'user', content: 'x' },
    reasoning,
    { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'y' },
    reasoning,
  ]
  backup.script([
    refusing("Missing required parameter: 'input[1].id'.", 'missing_required_parameter', 'input[1].id'),
  ])
  const reply = await ask(RESPONSES, { model: 'second', input })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(backup.requests.length, 2)
  const ids = (at: number) => itemsOf(bodies(backup)[at]).map(item => item.id)
  const [, first, call, , second] = ids(1)
  assert.match(String(first), /^rs_/)
  assert.match(String(second), /^rs_/)
  assert.notEqual(first, second)
  assert.equal(call, undefined)
  assert.equal(reply.headers['x-understudy-dropped'], undefined, 'nothing was dropped')
  await ask(RESPONSES, { model: 'second', input })
  assert.deepEqual(ids(2), ids(1))
})

test('values are learned as values: another one is still sent', async t => {
  const { backup, ask } = await house(t)
  backup.script([
    refusing(
      "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model.",
      'unsupported_value',
      'reasoning_effort',
    ),
  ])
  assert.equal((await ask(CHAT, chat('second', { reasoning_effort: 'xhigh' }))).status, 200)
  await ask(CHAT, chat('second', { reasoning_effort: 'low' }))
  await ask(CHAT, chat('second', { reasoning_effort: 'xhigh' }))
  assert.deepEqual(
    bodies(backup).map(body => body.reasoning_effort),
    ['xhigh', undefined, 'low', undefined],
  )
})

test('the header of what was dropped is bounded', async t => {
  const { ask } = await house(t)
  const names = Array.from({ length: 200 }, (_, n) => `parameter_number_${n}`)
  const body = chat('second', {
    additional_drop_params: names,
    ...Object.fromEntries(names.map(name => [name, 1])),
  })
  const reply = await ask(CHAT, body)
  assert.equal(reply.status, 200, reply.text)
  const header = reply.headers['x-understudy-dropped'] ?? ''
  assert.ok(header.length <= 1040 && header.endsWith(', ...'), header.slice(-40))
})

test('a stream that breaks after a repair is gone on with as if there had been none', async t => {
  const theatre = await house(t, { router: { num_retries: 1, stream_recovery: 'splice_only' }, twice: true })
  const { backup, ask } = theatre
  backup.script([{ kind: 'ok' }, { kind: 'cut', how: 'rst', afterContent: 2 }])
  const reply = await ask(CHAT, chat('twice', { newest_thing: 1, stream: true, temperature: 0 }))
  assert.equal(reply.status, 200)
  assert.match(reply.text, /\[DONE\]\s*$/)
  const { steps } = await theatre.last(1)
  assert.deepEqual(
    steps.map(step => [step.outcome, step.repair, step.resumed]),
    [
      ['caller_fault', undefined, undefined],
      ['transport', 'without newest_thing', undefined],
      ['caller_fault', undefined, 'splice'],
      ['answered', 'without newest_thing', 'splice'],
    ],
  )
})

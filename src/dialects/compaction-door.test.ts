import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Compacting, Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer, throughBridge } from './bridge.ts'
import { compactionDoor } from './compaction-door.ts'
import { collectLosses } from './losses.ts'
import type { Asked, NeutralAnswer, NeutralEvent, Part } from './neutral.ts'
import { LONGEST_SUMMARY } from './summary.ts'

const by = (wire: Compacting['wire'], more: Partial<Compacting> = {}): Compacting => ({
  wire,
  way: 'summary',
  window: undefined,
  sees: false,
  thinks: false,
  ...more,
})

const user = (text: string): JsonObject => ({ type: 'message', role: 'user', content: text })
const body = (input: Json, more: JsonObject = {}): JsonObject => ({ model: 'm', input, ...more })

const read = (request: JsonObject, how = by('endpoint')) => {
  const losses = collectLosses()
  const neutral = compactionDoor(how).read(request, losses)
  return { neutral, told: neutral.turns.slice(0, -1), lost: losses.found() }
}

const askedFor = (request: JsonObject, how = by('endpoint')): Asked => ({
  body: request,
  request: read(request, how).neutral,
  model: 'a-model',
  unique: 'u1',
  created: 1_790_000_000,
})

const text = (said: string): Part => ({ kind: 'text', text: said })
const said = (...parts: Part[]): NeutralAnswer => ({
  id: 'x',
  model: 'upstream',
  parts,
  stop: { kind: 'end' },
  usage: { inputTokens: 100, outputTokens: 20, cachedInputTokens: 5 },
})

test('the request is the conversation, with the instructions as they are, and a question', () => {
  const request = body(
    [user('One.'), { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' }],
    {
      instructions: 'You are a pilot.',
      tools: [{ type: 'web_search' }],
      reasoning: { effort: 'high' },
      prompt_cache_key: 'k',
    },
  )
  const { told, neutral, lost } = read(request)
  assert.deepEqual(told, [
    { role: 'system', parts: [text('You are a pilot.')] },
    { role: 'user', parts: [text('One.')] },
  ])
  assert.deepEqual([neutral.stream, neutral.tools, neutral.maxTokens], [false, undefined, 8192])
  assert.deepEqual(lost.lost, [], 'nothing that was left out would have changed a summary')
  assert.deepEqual(
    lost.warnings.map(one => one.lost),
    ['tools', 'reasoning', 'prompt_cache_key'],
  )
})

test('the trigger is no part of the conversation', () => {
  const request = body([user('One.'), { type: 'compaction_trigger' }], { stream: true })
  const { told, neutral } = read(request, by('trigger'))
  assert.deepEqual(told, [{ role: 'user', parts: [text('One.')] }])
  assert.equal(neutral.stream, true)
  assert.equal(read(body('One.'), by('endpoint')).told.length, 1, 'a text is a conversation of one message')
})

test('an item that nobody knows is told as it is', () => {
  const { told } = read(
    body([
      { type: 'agent_message', text: 'Hello.' },
      { type: 'web_search_call', id: 'ws_1', action: { query: 'x' } },
    ]),
  )
  assert.match(JSON.stringify(told), /agent_message.*Hello\..*web_search_call/)
})

test('what only its owner can read or find is refused with its place', () => {
  const refused = (request: JsonObject): string | null => {
    try {
      read(request)
    } catch (error) {
      assert.ok(error instanceof Unsupported)
      return error.param
    }
    return 'nothing was refused'
  }
  assert.equal(
    refused(body([user('x'), { type: 'compaction', encrypted_content: 'gAAA' }])),
    'input[1].encrypted_content',
  )
  assert.equal(refused(body([{ type: 'item_reference', id: 'msg_1' }])), 'input[0].id')
  assert.equal(refused(body([user('x')], { previous_response_id: 'resp_1' })), 'previous_response_id')
  assert.equal(refused(body([user('x')], { conversation: 'conv_1' })), 'conversation')
  assert.equal(refused(body([user('x')], { previous_response_id: null })), 'nothing was refused')
})

const capsuleIn = (item: Json | undefined): Json => {
  assert.ok(isObject(item) && typeof item.encrypted_content === 'string')
  return JSON.parse(item.encrypted_content) as Json
}

const CAPSULE = {
  summary: 'All of it.',
  created: 1_790_000_000,
  model: 'a-model',
  transcript: 'f5d2b1c5a0e1a7b8f4b1a0f0d2c3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1',
}

test('the answer of the endpoint holds the messages of the user and then the item', () => {
  const request = body([
    user('One.'),
    { role: 'assistant', content: 'No.' },
    { role: 'user', id: 'msg_9', content: [{ type: 'input_text', text: 'Two.' }] },
  ])
  const { output, ...rest } = compactionDoor(by('endpoint')).answer(
    said(text('All of it.')),
    askedFor(request),
  )
  assert.deepEqual(rest, {
    id: 'resp_u1',
    object: 'response.compaction',
    created_at: 1_790_000_000,
    usage: {
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 5, cache_write_tokens: 0 },
      output_tokens: 20,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 120,
    },
  })
  assert.ok(Array.isArray(output))
  const [first, second, item] = output as readonly Json[]
  const content = (words: string): JsonObject[] => [{ type: 'input_text', text: words }]
  assert.deepEqual(first, {
    type: 'message',
    id: 'msg_u1_0',
    status: 'completed',
    role: 'user',
    content: content('One.'),
  })
  assert.deepEqual(second, {
    type: 'message',
    id: 'msg_9',
    status: 'completed',
    role: 'user',
    content: content('Two.'),
  })
  assert.ok(isObject(item) && item.type === 'compaction' && item.id === 'cmp_u1')
  const { transcript, ...capsule } = capsuleIn(item) as JsonObject
  assert.match(String(transcript), /^[0-9a-f]{64}$/)
  const { transcript: _, ...expected } = CAPSULE
  assert.deepEqual(capsule, expected)
})

test('the newest messages come back as far as there is room', () => {
  const request = body([user('a'.repeat(50_000)), user('b'.repeat(50_000)), user('c')])
  const { output } = compactionDoor(by('endpoint')).answer(said(text('All.')), askedFor(request))
  const kept = (output as readonly JsonObject[]).map(item => /"text":"(.)/.exec(JSON.stringify(item))?.[1])
  assert.deepEqual(kept, ['b', 'c', undefined])
})

test('the answer to a trigger is a whole response with the item alone', () => {
  const request = body([user('One.'), { type: 'compaction_trigger' }], {
    instructions: 'Be brief.',
    store: false,
  })
  const answer = compactionDoor(by('trigger')).answer(
    said(text('All of it.')),
    askedFor(request, by('trigger')),
  )
  assert.deepEqual(
    [answer.object, answer.status, answer.model, answer.instructions],
    ['response', 'completed', 'a-model', 'Be brief.'],
  )
  assert.ok(Array.isArray(answer.output) && answer.output.length === 1)
  assert.equal((capsuleIn(answer.output[0]) as JsonObject).summary, 'All of it.')
  assert.equal(isObject(answer.usage) && answer.usage.total_tokens, 120)
})

test('what the provider did not count is estimated, and never null', () => {
  const request = body([user('x'.repeat(4000))])
  const { usage } = compactionDoor(by('endpoint')).answer(
    { ...said(text('y'.repeat(400))), usage: undefined },
    askedFor(request),
  )
  assert.ok(isObject(usage) && Number(usage.input_tokens) > 1000 && usage.output_tokens === 100)
})

test('no summary is a failure that leads on, whole or streamed', () => {
  for (const how of [by('endpoint'), by('trigger')]) {
    const asked = askedFor(body([user('x')]), how)
    for (const parts of [[], [text(' ')], [{ kind: 'refusal', text: 'No.' } as const]])
      assert.throws(
        () => compactionDoor(how).answer(said(...parts), asked),
        (error: unknown) => error instanceof FailedAnswer && error.error.code === 'empty_answer',
      )
  }
})

const STREAM: readonly NeutralEvent[] = [
  { kind: 'start', id: 'x', model: 'upstream' },
  { kind: 'open', part: 0, of: 'reasoning' },
  { kind: 'delta', part: 0, text: 'Hm.' },
  { kind: 'close', part: 0 },
  { kind: 'open', part: 1, of: 'text' },
  { kind: 'delta', part: 1, text: 'All ' },
  { kind: 'ping' },
  { kind: 'delta', part: 1, text: 'of it.' },
  { kind: 'close', part: 1 },
  { kind: 'stop', stop: { kind: 'end' } },
  { kind: 'usage', usage: { inputTokens: 3, outputTokens: 2 } },
  { kind: 'end' },
]

const streamed = (events: readonly NeutralEvent[]) => {
  const how = by('trigger')
  const asked = askedFor(body([user('One.'), { type: 'compaction_trigger' }], { stream: true }), how)
  const writer = compactionDoor(how).writer(asked)
  return events
    .flatMap(event => writer.write(event))
    .map(event => {
      assert.equal(Buffer.from(event.bytes).toString(), `event: ${event.event}\ndata: ${event.data}\n\n`)
      return JSON.parse(event.data ?? '') as JsonObject
    })
}

test('a streamed answer is one item between its beginning and its end', () => {
  const events = streamed(STREAM)
  assert.deepEqual(
    events.map(event => event.type),
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.output_item.done',
      'response.completed',
    ],
  )
  assert.deepEqual(
    events.map(event => event.sequence_number),
    [0, 1, 2, 3, 4],
  )
  const [created, , added, done, completed] = events
  const response = completed?.response
  assert.ok(isObject(response) && isObject(created?.response))
  assert.deepEqual(added?.item, done?.item)
  assert.deepEqual(response.output, [done?.item])
  assert.equal(response.id, created.response.id)
  assert.deepEqual([created.response.status, response.status], ['in_progress', 'completed'])
  assert.equal((capsuleIn(done?.item) as JsonObject).summary, 'All of it.')
  assert.equal(isObject(response.usage) && response.usage.total_tokens, 5)
})

test('a stream that breaks before its end has no item, and one without a summary fails', () => {
  const types = (events: readonly NeutralEvent[]): readonly Json[] =>
    streamed(events).map(event => event.type ?? null)
  const begun = ['response.created', 'response.in_progress']
  assert.deepEqual(types(STREAM.slice(0, -1)), begun)
  const empty = STREAM.filter(event => !('part' in event) || event.part === 0)
  assert.deepEqual(types(empty), [...begun, 'response.failed'])
  const refusal: readonly NeutralEvent[] = [
    { kind: 'open', part: 0, of: 'refusal' },
    { kind: 'delta', part: 0, text: 'No.' },
    { kind: 'stop', stop: { kind: 'refusal' } },
    { kind: 'end' },
  ]
  assert.deepEqual(types(refusal), [...begun, 'response.failed'])
  const broken: NeutralEvent = { kind: 'error', error: { message: 'Busy.', code: 'server_error' } }
  const [failed] = streamed([...STREAM.slice(0, 6), broken, { kind: 'end' }]).slice(-1)
  assert.ok(isObject(failed?.response))
  assert.deepEqual(failed.response.error, { message: 'Busy.', code: 'server_error' })
  const endless: readonly NeutralEvent[] = [
    { kind: 'open', part: 0, of: 'text' },
    { kind: 'delta', part: 0, text: 'x'.repeat(LONGEST_SUMMARY + 1) },
    { kind: 'delta', part: 0, text: 'x' },
  ]
  assert.deepEqual(types(endless), [...begun, 'response.failed'], 'memory has an end')
})

test('what is listened to is life of the provider although nothing is passed on', () => {
  const how = by('trigger')
  const asked = askedFor(body([user('One.')], { stream: true }), how)
  let next = 0
  const decoder = throughBridge(
    { push: () => STREAM.slice(next, ++next), end: () => [] },
    compactionDoor(how).writer(asked),
  )
  const heard = STREAM.slice(0, 8).map(() => {
    decoder.push(new Uint8Array())
    return decoder.keptBack?.() === true
  })
  assert.deepEqual(heard, [false, false, true, false, false, true, false, true])
})

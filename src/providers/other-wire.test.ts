import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { askFor, jsonBody } from './ask.fixture.ts'
import { crossesWires, lostOnWire, onOtherWire, otherWireReading } from './other-wire.ts'
import { type Ask, type Compacting, Unsupported } from './provider.ts'

const how = (wire: Compacting['wire'], way: Compacting['way']): Compacting => ({
  wire,
  way,
  window: undefined,
  sees: false,
  thinks: false,
})
const toTrigger = (text: string): Ask =>
  askFor('responses.compact', { body: jsonBody(text), compaction: how('endpoint', 'trigger') })
const toEndpoint = (text: string, more: Partial<Ask> = {}): Ask =>
  askFor('responses.create', { body: jsonBody(text), compaction: how('trigger', 'endpoint'), ...more })

const sent = (ask: Ask): string => {
  const { body, edits } = onOtherWire(ask)
  assert.ok(body.kind === 'json')
  return Buffer.from(joinSegments(applyEdits(body.index, edits))).toString()
}

test('wires are crossed only where the deployment has the other one', () => {
  assert.deepEqual(
    (['endpoint', 'trigger', 'summary', 'own'] as const).map(way =>
      crossesWires(askFor('responses.compact', { compaction: how('endpoint', way) })),
    ),
    [false, true, false, false],
  )
  assert.equal(crossesWires(askFor('responses.create')), false)
})

test('a call of the endpoint becomes one with a trigger, and its other bytes stay', () => {
  const ask = toTrigger('{"model":"m", "input":[{"role":"user","content":1.0}] ,"tools":[]}')
  assert.equal(
    sent(ask),
    '{"model":"m", "input":[{"role":"user","content":1.0},{"type":"compaction_trigger"}] ,"tools":[],"store":false}',
  )
  const { route, stream } = onOtherWire(ask)
  assert.deepEqual([route.upstream, stream], ['/responses', false])
  assert.equal(
    sent(toTrigger('{"input":"Hello."}')),
    '{"input":[{"role":"user","content":"Hello."},{"type":"compaction_trigger"}],"store":false}',
  )
  assert.equal(
    sent(toTrigger('{"previous_response_id":"resp_1"}')),
    '{"previous_response_id":"resp_1","input":[{"type":"compaction_trigger"}],"store":false}',
  )
})

test('a call with a trigger becomes one of the endpoint, which knows few parameters', () => {
  const text =
    '{"model":"m","stream":true,"input":[{"role":"user","content":"x"}, {"type":"compaction_trigger"}],"store":false,"instructions":"i","tools":[],"include":[],"metadata":{"a":"b"}}'
  const ask = toEndpoint(text, { stream: true })
  assert.equal(sent(ask), '{"model":"m","input":[{"role":"user","content":"x"}],"instructions":"i"}')
  const { route, stream } = onOtherWire(ask)
  assert.deepEqual([route.upstream, stream], ['/responses/compact', false])
  assert.deepEqual(
    lostOnWire(ask).map(one => one.lost),
    ['tools', 'metadata'],
  )
})

test('it sees the body as the edits before have left it', () => {
  const ask = toEndpoint(
    '{"num_retries":1,"input":[{"type":"compaction","encrypted_content":"gwc1."},{"type":"compaction_trigger"}]}',
    {
      edits: [
        { op: 'drop', path: ['num_retries'], why: 'gateway-controls' },
        {
          op: 'set',
          path: ['input', '0'],
          value: { role: 'developer', content: 's' },
          why: 'expand-capsule',
        },
        { op: 'set', path: ['temperature'], value: 1, why: 'deployment-default' },
      ],
    },
  )
  assert.equal(sent(ask), '{"input":[{"role":"developer","content":"s"}]}')
})

test('what the endpoint cannot do is refused by name', () => {
  for (const key of ['conversation', 'prompt', 'background'])
    assert.throws(
      () => onOtherWire(toEndpoint(`{"input":[{"type":"compaction_trigger"}],"${key}":"x"}`)),
      (error: unknown) => error instanceof Unsupported && error.param === key,
    )
  assert.equal(
    sent(toEndpoint('{"input":[{"type":"compaction_trigger"}],"background":false}')),
    '{"input":[]}',
  )
})

const stamp = () => ({ unique: 'u1', created: 7 })
const ITEM: JsonObject = { id: 'cmp_1', type: 'compaction', encrypted_content: 'gAAA' }
const USAGE: JsonObject = { input_tokens: 3, output_tokens: 2, total_tokens: 5 }
const bytes = (value: Json): Uint8Array => Buffer.from(JSON.stringify(value))

const translated = (ask: Ask, answer: Json): JsonObject => {
  const { translate } = otherWireReading(ask, stamp)
  return JSON.parse(Buffer.from(translate?.(bytes(answer)) ?? []).toString()) as JsonObject
}

test('a response with its item comes back as the document of the endpoint', () => {
  const ask = toTrigger('{"input":[{"role":"user","content":"Hello."}]}')
  const answer = { id: 'resp_1', object: 'response', created_at: 5, output: [ITEM], usage: USAGE }
  const message = {
    type: 'message',
    id: 'msg_u1_0',
    status: 'completed',
    role: 'user',
    content: [{ type: 'input_text', text: 'Hello.' }],
  }
  assert.deepEqual(translated(ask, answer), {
    id: 'resp_1',
    object: 'response.compaction',
    created_at: 5,
    output: [message, ITEM],
    usage: USAGE,
  })
})

test('an answer without the item is no compaction, and leads on', () => {
  const ask = toTrigger('{"input":[{"role":"user","content":"Hello."}]}')
  const output = [{ type: 'message', role: 'assistant', content: [] }]
  assert.deepEqual((translated(ask, { id: 'r', output }).error as JsonObject).code, 'unsupported_endpoint')
  assert.deepEqual(translated(ask, { id: 'r', status: 'failed', error: { code: 'server_error' } }), {
    error: { code: 'server_error' },
  })
})

const DOCUMENT: JsonObject = {
  id: 'resp_1',
  object: 'response.compaction',
  created_at: 5,
  output: [{ type: 'message', role: 'user', content: [] }, ITEM],
  usage: USAGE,
}

test('the document of the endpoint comes back as a response with the item alone', () => {
  const ask = toEndpoint('{"input":[{"type":"compaction_trigger"}],"instructions":"i"}')
  const response = translated(ask, DOCUMENT)
  assert.deepEqual(
    [response.id, response.object, response.status, response.output, response.usage, response.instructions],
    ['resp_1', 'response', 'completed', [ITEM], USAGE, 'i'],
  )
})

test('and as events, whatever the pieces it came in, once it is whole', () => {
  const ask = toEndpoint('{"stream":true,"input":[{"type":"compaction_trigger"}]}', { stream: true })
  const { decoder, streamType } = otherWireReading(ask, stamp)
  assert.equal(streamType, 'application/json')
  const stream = decoder?.()
  assert.ok(stream !== undefined)
  const document = bytes(DOCUMENT)
  for (let at = 0; at < document.length; at += 7)
    assert.deepEqual(stream.push(document.subarray(at, at + 7)), [])
  assert.deepEqual([stream.keptBack?.(), stream.keptBack?.()], [true, false])
  const events = stream.end().map(event => JSON.parse(event.data ?? '') as JsonObject)
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
  const ids = events
    .map(event => (event.response as JsonObject | undefined)?.id)
    .filter(id => id !== undefined)
  assert.deepEqual(ids, ['resp_1', 'resp_1', 'resp_1'])
  const last = events[4]?.response as JsonObject | undefined
  assert.deepEqual(last?.output, [ITEM])
})

test('a failure that comes as a document is a failure of the stream', () => {
  const ask = toEndpoint('{"stream":true,"input":[{"type":"compaction_trigger"}]}', { stream: true })
  const failed = (value: Json): Json | undefined => {
    const stream = otherWireReading(ask, stamp).decoder?.()
    stream?.push(bytes(value))
    const events = stream?.end() ?? []
    assert.deepEqual(
      events.map(event => event.event),
      ['response.failed'],
    )
    return ((JSON.parse(events[0]?.data ?? '') as JsonObject).response as JsonObject).error
  }
  assert.deepEqual(failed({ error: { message: 'Busy.', code: 'slow_down' } }), {
    message: 'Busy.',
    code: 'slow_down',
  })
  assert.equal((failed({ id: 'r', output: [] }) as JsonObject).code, 'empty_answer')
})

test('bytes that are no JSON stay what they are, and no item at all is an empty answer', () => {
  for (const ask of [toEndpoint('{"input":[{"type":"compaction_trigger"}]}'), toTrigger('{"input":"x"}')]) {
    const { translate } = otherWireReading(ask, undefined)
    for (const text of ['', '{"id":"resp', 'data: {}\n\n', '[]'])
      assert.equal(Buffer.from(translate?.(Buffer.from(text)) ?? []).toString(), text)
    const made = JSON.parse(Buffer.from(translate?.(Buffer.from('{"output":[]}')) ?? []).toString())
    assert.equal(made.error.code, 'empty_answer')
  }
})

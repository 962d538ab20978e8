import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY } from './support/harness.ts'
import type { SeenEvent } from './support/sse.ts'
import { STREAM_KINDS, type StreamKind } from './support/stream-kinds.ts'
import { comparable, playStreaming, readStream, type Streaming, streamWhole } from './support/streaming.ts'

const ERROR = { message: 'The server had an error.', type: 'server_error', param: null, code: 'server_error' }

/** After the second content event, so that the client has begun to hear an answer. */
const MARK = { afterContent: 2 }

const breaks: readonly { readonly what: string; readonly fault: Fault; readonly hasty?: true }[] = [
  { what: 'cut by FIN', fault: { kind: 'cut', how: 'fin', ...MARK } },
  { what: 'cut by RST', fault: { kind: 'cut', how: 'rst', ...MARK } },
  {
    what: 'ended in proper HTTP without its own end',
    fault: { kind: 'cut', how: 'clean-chunk-end', ...MARK },
  },
  { what: 'reset', fault: { kind: 'reset', when: 'mid-stream', ...MARK } },
  {
    what: 'silent beyond stream_timeout',
    fault: { kind: 'stall', when: 'mid-stream', ...MARK },
    hasty: true,
  },
  { what: 'spoilt by an event that is no JSON', fault: { kind: 'malformed-event', ...MARK } },
  { what: 'ended by an error event', fault: { kind: 'error-event', error: ERROR, ...MARK } },
  {
    what: 'ended by an error event and [DONE]',
    fault: { kind: 'error-event', error: ERROR, done: true, ...MARK },
  },
  { what: 'ended by a flat error event', fault: { kind: 'error-event', error: ERROR, as: 'flat', ...MARK } },
  { what: 'ended by response.failed', fault: { kind: 'error-event', error: ERROR, as: 'failed', ...MARK } },
]

const isError = ({ event, data }: SeenEvent): boolean =>
  event === 'error' || event === 'response.failed' || /^\{"error"/.test(data)

/** The answer so far, one error in the dialect's own words, an orderly end; and the record says the same. */
const endsHonestly = async (
  on: Streaming,
  kind: StreamKind,
  { fault, hasty }: (typeof breaks)[number],
): Promise<void> => {
  const group = hasty === true ? `hasty-${kind.name}` : kind.name
  const whole = comparable((await streamWhole(on, kind, group)).events)
  on.stages.lead.script([fault])
  const { status, headers, events } = await streamWhole(on, kind, group)
  assert.equal(status, 200)
  const { before, error } = kind.broken(events)
  assert.ok(before.length >= 2)
  assert.deepEqual(comparable(before), whole.slice(0, before.length), 'what was said before stays as it was')
  assert.deepEqual(before.filter(isError), [], 'one error, at the end')
  assert.deepEqual(before.filter(kind.claimsWhole), [], 'nobody says that it is whole')
  assert.equal(typeof error.message, 'string')
  if (kind.name === 'responses') numberedOn(before, events.at(-1))
  const record = (await on.records()).find(one => one.callId === headers.get('x-litellm-call-id'))
  assert.equal(record?.end, 'upstream_broke')
  assert.equal(record?.error?.message !== undefined, true)
}

type Numbered = { readonly sequence_number: number; readonly response?: JsonObject }

/** The error continues the numbering, and speaks of the response that was begun. */
const numberedOn = (before: readonly SeenEvent[], failed: SeenEvent | undefined): void => {
  const all = [...before, failed].map(event => JSON.parse(event?.data ?? '') as Numbered)
  assert.deepEqual(
    all.map(event => event.sequence_number),
    all.map((_, index) => index),
  )
  const responses = all.flatMap(({ response }) => (response === undefined ? [] : [response]))
  assert.equal(new Set(responses.map(response => response.id)).size, 1)
  assert.match(String(responses[0]?.id), /^resp_[A-Za-z0-9_-]{70,}$/, 'sealed, in the error too')
  assert.deepEqual([...new Set(responses.map(response => response.model))].length, 1)
}

/** Before content nothing was sent, so the failure is an HTTP error like any other. */
const failsInTheOpen = async (on: Streaming, kind: StreamKind): Promise<void> => {
  const early: readonly { readonly fault: Fault; readonly status: number }[] = [
    { fault: { kind: 'error-event', error: { ...ERROR, code: 429 }, afterContent: 0 }, status: 429 },
    { fault: { kind: 'error-event', error: ERROR, afterContent: 0 }, status: 500 },
    { fault: { kind: 'cut', how: 'fin', afterContent: 0 }, status: 500 },
    { fault: { kind: 'cut', how: 'clean-chunk-end', afterContent: 0 }, status: 500 },
    { fault: { kind: 'malformed-event', afterEvents: 0 }, status: 500 },
    { fault: { kind: 'html' }, status: 500 },
    { fault: { kind: 'empty' }, status: 500 },
    { fault: { kind: 'error-in-200', error: ERROR }, status: 500 },
  ]
  for (const { fault, status } of early) {
    on.stages.lead.script([fault])
    const answer = await streamWhole(on, kind)
    const what = JSON.stringify(fault)
    assert.notEqual(answer.status, 200, what)
    assert.equal(Math.floor(answer.status / 100), Math.floor(status / 100), `${answer.status}: ${what}`)
    if (status === 429) assert.equal(answer.status, status, what)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    const { error } = JSON.parse(answer.bytes.toString()) as { error: JsonObject }
    assert.equal(typeof error.message, 'string')
    assert.equal(error.code, String(answer.status))
  }
}

/** Silence is measured in each phase: to the head, to the first event, to the first content. */
const silenceFails = async (on: Streaming, kind: StreamKind): Promise<void> => {
  const moments = ['before-headers', 'before-first-event', 'after-lifecycle'] as const
  on.stages.lead.script(moments.map(when => ({ kind: 'stall', when })))
  const answers = await Promise.all(moments.map(() => streamWhole(on, kind, `hasty-${kind.name}`)))
  assert.deepEqual(
    answers.map(({ status, headers }) => [status, headers.get('content-type')]),
    moments.map(() => [408, 'application/json']),
  )
}

/** And with somewhere to go, the client sees the whole answer of the next group and nothing of the first. */
const fallsBackUnseen = async (on: Streaming, kind: StreamKind): Promise<void> => {
  const expected = comparable((await streamWhole(on, kind, `spare-${kind.name}`)).events)
  for (const fault of [
    { kind: 'error-event', error: ERROR, afterContent: 0 },
    { kind: 'cut', how: 'rst', afterContent: 0 },
    { kind: 'cut', how: 'clean-chunk-end', afterContent: 0 },
    { kind: 'malformed-event', afterEvents: 0 },
  ] as const satisfies readonly Fault[]) {
    on.stages.lead.script([fault])
    const { status, events, headers } = await streamWhole(on, kind, `safe-${kind.name}`)
    assert.equal(status, 200)
    assert.deepEqual(comparable(events), expected, JSON.stringify(fault))
    assert.equal(headers.get('x-litellm-attempted-fallbacks'), '1')
  }
}

/** Plain bytes have no error frame: the connection breaks, so that half a sound never passes for a whole one. */
const soundBreaks = async (t: TestContext, on: Streaming): Promise<void> => {
  const ask = (group: string) =>
    on.send({
      path: '/v1/audio/speech',
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: group, input: 'Hello', voice: 'alloy' },
    })
  for (const { what, fault, hasty } of breaks.filter(({ fault: { kind } }) =>
    ['cut', 'reset', 'stall'].includes(kind),
  )) {
    // A body in pieces that ends in proper HTTP is whole: nothing in it says otherwise.
    if (fault.kind === 'cut' && fault.how === 'clean-chunk-end') continue
    await t.test(`speech as bytes, ${what}: the client is cut off too`, async () => {
      on.stages.lead.script([fault])
      const client = await ask(hasty === true ? 'hasty-speech' : 'speech')
      assert.equal((await client.head()).status, 200)
      await assert.rejects(client.body(), /the connection ended/)
    })
  }
  await t.test('speech as bytes: an early failure is an HTTP error', async () => {
    for (const fault of [
      { kind: 'stall', when: 'before-first-event' },
      { kind: 'cut', how: 'rst', afterContent: 0 },
      { kind: 'error-in-200', error: ERROR },
      { kind: 'html' },
    ] as const satisfies readonly Fault[]) {
      on.stages.lead.script([fault])
      const { status, headers } = await readStream(await ask('hasty-speech'))
      assert.ok(status >= 400, JSON.stringify(fault))
      assert.equal(headers.get('content-type'), 'application/json')
    }
  })
}

test('a stream that breaks', async t => {
  const on = await playStreaming(t)
  for (const kind of STREAM_KINDS) {
    for (const broken of breaks) {
      if (broken.fault.kind === 'error-event' && broken.fault.as !== undefined && kind.name !== 'responses')
        continue
      await t.test(
        `M-070 M-071 M-082 ${kind.name}, ${broken.what}: one error at the end, and no claim to be whole`,
        () => endsHonestly(on, kind, broken),
      )
    }
    await t.test(`M-016 ${kind.name}, broken before content: an HTTP error, not a 200`, () =>
      failsInTheOpen(on, kind),
    )
    await t.test(`M-091 M-092 ${kind.name}, silent before content: 408, not a 200`, () =>
      silenceFails(on, kind),
    )
    await t.test(`${kind.name}, broken before content: the fallback's answer is whole`, () =>
      fallsBackUnseen(on, kind),
    )
  }
  await soundBreaks(t, on)
  await t.test('a gateway with all these behind it serves on', async () => {
    const answers = await Promise.all(STREAM_KINDS.map(async kind => streamWhole(on, kind)))
    assert.deepEqual(
      answers.map(answer => answer.status),
      STREAM_KINDS.map(() => 200),
    )
    assert.deepEqual(
      on
        .served()
        .house.board.snapshot()
        .filter(one => one.inFlight !== 0),
      [],
    )
    assert.equal(on.served().house.memory.held, 0)
  })
})

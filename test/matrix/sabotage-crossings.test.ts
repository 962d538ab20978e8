import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { cohereUpstream } from '../../src/dialects/cohere.ts'
import { DOORS } from '../../src/dialects/doors.ts'
import { geminiUpstream } from '../../src/dialects/gemini.ts'
import { SHAPES } from '../../src/dialects/index.ts'
import type { Door, NeutralRequest, Upstream } from '../../src/dialects/neutral.ts'
import type { StreamEvent } from '../../src/dialects/shape.ts'
import { VERDICTS, type Verdict } from '../../src/failure.ts'
import type { ShapeName } from '../../src/routes.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { conductRow } from './conduct.ts'
import { CROSSING_FAULTS, crossingRows, crossingSheet } from './crossings.ts'
import type { Sabotage } from './engine.ts'
import { breaks, transported } from './sabotage.ts'
import type { Sheet } from './sheet.ts'
import { rehearse } from './virtual/rehearsal.ts'

const ROWS = crossingRows()
const DOWN = '503'
const CUT = 'closed in the middle'

/** One crossing, with one fault or with all that it meets. */
const emptySheet = (label: string, fault?: string): Sheet => {
  const rows = ROWS.filter(row => row.label === label)
  const faults = CROSSING_FAULTS.filter(({ title }) => fault === undefined || title === fault)
  assert.deepEqual([rows.length, faults.length > 0], [1, true])
  return crossingSheet(rows, faults)
}

/** The rehearsal is played by the same broken engine, unless the sabotage is given: then a direct call is sound. */
const sheetOf = async (label: string, fault?: string, sabotage?: Sabotage): Promise<Sheet> => {
  const sheet = emptySheet(label, fault)
  const { rows } = sheet
  for (const row of rows)
    await conductRow(sheet, await rehearse(row), {
      leaving: false,
      ...(sabotage === undefined ? {} : { sabotage }),
    })
  return sheet
}

const complaintsOf = (sheet: Sheet): string => sheet.reds.flatMap(({ complaints }) => complaints).join('\n')

/** Its own door, with what it writes changed: after a direct call the same is wrong. */
const writes = (t: TestContext, shape: ShapeName, change: (door: Door) => Partial<Door>): void => {
  const door = DOORS[shape]
  assert.ok(door)
  breaks(t, DOORS as Record<string, Door>, [shape, { ...door, ...change(door) }])
}

/** Every event of a stream goes through this on its way to the client. */
const rewritten =
  (change: (event: StreamEvent) => readonly StreamEvent[]) =>
  (door: Door): Partial<Door> => ({
    writer: asked => {
      const sound = door.writer(asked)
      return { ...sound, write: said => sound.write(said).flatMap(change) }
    },
  })

test('the engine as it is turns none of these crossings red', async () => {
  for (const label of [
    'messages (stream): azure → bedrock',
    'compact: azure → gemini',
    'chat: gemini → chat',
  ])
    for (const fault of [DOWN, CUT]) {
      const sheet = await sheetOf(label, fault)
      assert.equal(complaintsOf(sheet), '')
      assert.deepEqual(sheet.empty, [])
    }
})

test('an event that its dialect does not have is red, although a direct call brings the same', async t => {
  const data = JSON.stringify({ type: 'message_heartbeat' })
  const extra = {
    event: 'message_heartbeat',
    data,
    bytes: Buffer.from(`event: message_heartbeat\ndata: ${data}\n\n`),
  }
  writes(
    t,
    'messages',
    rewritten(event => (event.event === 'message_delta' ? [extra, event] : [event])),
  )
  const told = complaintsOf(await sheetOf('messages (stream): azure → gemini', DOWN))
  assert.match(told, /an event message_heartbeat/)
})

const DROPPED: readonly (readonly [shape: ShapeName, label: string, event: RegExp, complaint: RegExp])[] = [
  [
    'messages',
    'messages (stream): anthropic → chat',
    /"content_block_stop"/,
    /the message stops inside a block/,
  ],
  [
    'responses',
    'responses (stream): azure → anthropic',
    /"response.output_item.done"/,
    /events are numbered from 0/,
  ],
  ['gemini', 'gemini (stream): gemini → responses', /"finishReason"/, /the stream ends \w+, not whole/],
  ['chat', 'chat (stream): chat → bedrock', /"role"/, /the first delta has no role/],
]

for (const [shape, label, pattern, complaint] of DROPPED)
  test(`an event that is missing from every stream of ${shape} is red by the grammar`, async t => {
    writes(
      t,
      shape,
      rewritten(event => (pattern.test(event.data ?? '') ? [] : [event])),
    )
    assert.match(complaintsOf(await sheetOf(label, DOWN)), complaint)
  })

const SPOILT: readonly (readonly [shape: ShapeName, label: string, more: JsonObject, complaint: RegExp])[] = [
  ['chat', 'chat: anthropic → gemini', { object: 'message' }, /object "message"/],
  ['messages', 'messages: anthropic → gemini', { stop_reason: 'STOP' }, /stop_reason STOP/],
  ['gemini', 'gemini: gemini → anthropic', { usageMetadata: {} }, /usage: \{\}/],
  ['responses', 'responses: azure → bedrock', { status: 'done' }, /status done/],
]

for (const [shape, label, more, complaint] of SPOILT)
  test(`a whole answer of ${shape} with a word of another dialect in it is red`, async t => {
    writes(t, shape, door => ({ answer: (...asked) => ({ ...door.answer(...asked), ...more }) }))
    assert.match(complaintsOf(await sheetOf(label, DOWN)), complaint)
  })

test('an error in a dialect that is not the client’s is red, whole and at the end of a stream', async t => {
  const { gemini } = SHAPES
  assert.ok(gemini.stream)
  breaks(t, gemini as { tell?: unknown }, ['tell', undefined])
  breaks(t, gemini.stream as { errorFrame: unknown }, [
    'errorFrame',
    () => 'event: error\ndata: {"error":{"message":"It broke."}}\n\n',
  ])
  assert.match(complaintsOf(await sheetOf('gemini: azure → bedrock', DOWN)), /the error has no status/)
  assert.match(
    complaintsOf(await sheetOf('gemini (stream): azure → bedrock', CUT)),
    /the error is not in the dialect/,
  )
})

test('what the gateway writes into the request of the second hop is red', async () => {
  let sent = 0
  const leaks = transported(transport => (draft, ...more) => {
    sent += 1
    if (sent % 2 === 1) return transport.send(draft, ...more)
    const body = JSON.parse(Buffer.concat(draft.body).toString()) as JsonObject
    const leaking = JSON.stringify({ ...body, metadata: { model_group: 'lead' } })
    return transport.send({ ...draft, body: [Buffer.from(leaking)] }, ...more)
  })
  const told = complaintsOf(await sheetOf('compact: responses → azure', DOWN, leaks))
  assert.match(told, /foreign got what no direct request brings: another body/)
})

test('a header of the answer that tells of somebody else is red', async () => {
  const lies = transported(transport => async (...asked) => {
    const answer = await transport.send(...asked)
    return Object.assign(Object.create(answer), {
      status: answer.status,
      headers: { ...answer.headers, 'x-served-by': 'the first one' },
      pause: () => answer.pause(),
      resume: () => answer.resume(),
      abort: () => answer.abort(),
      read: (sink: Parameters<typeof answer.read>[0]) => answer.read(sink),
    })
  })
  const told = complaintsOf(await sheetOf('chat: anthropic → gemini', DOWN, lies))
  assert.match(told, /header llm_provider-x-served-by/)
})

const REFUSING = 'chat + schema + tools: cohere → azure'
type Write = Upstream['write']

/** What a dialect writes, with the request changed before. */
const rewrites = (
  t: TestContext,
  upstream: Upstream,
  change: (request: NeutralRequest) => NeutralRequest,
): void => {
  const { write } = upstream
  const changed: Write = (request, ...more) => write(change(request), ...more)
  breaks(t, upstream as { write: Write }, ['write', changed])
}

test('crossings of calls, images and schemas turn red with nobody, and somebody who refuses is seen', async () => {
  for (const [label, mark] of [
    ['responses + call (stream): chat → anthropic', 'served'],
    ['gemini + image: bedrock → responses', 'served'],
    [REFUSING, 'served'],
    ['chat + schema + tools: cohere → gemini', 'refused'],
    ['messages + schema + tools: anthropic → cohere', 'refused'],
    ['count, responses: gemini → bedrock', 'served'],
  ] as const) {
    const sheet = await sheetOf(label)
    assert.equal(complaintsOf(sheet), '')
    assert.deepEqual(sheet.empty, [])
    const marks = [...sheet.cells()].map(cell => sheet.get(cell))
    assert.ok(
      marks.some(result => result?.kind === 'proven' && result.mark === mark),
      `${label}: ${mark}`,
    )
  }
})

test('somebody who takes what he should refuse is noticed before anything is played', async t => {
  rewrites(t, cohereUpstream, ({ tools: _, ...request }) => request)
  await assert.rejects(sheetOf(REFUSING), /chat \+ schema \+ tools: cohere → azure at cohere, lead-1: 200/)
})

test('somebody who refuses what he should take is noticed before anything is played', async t => {
  rewrites(t, cohereUpstream, request => ({ ...request, logitBias: { 7: -100 } }))
  await assert.rejects(sheetOf('chat + image: azure → cohere'), /at cohere, foreign: 400 .*logit_bias/)
})

test('a picture that does not arrive, and an answer that is no call, are noticed before anything is played', async t => {
  rewrites(t, geminiUpstream, request => ({
    ...request,
    turns: request.turns.map(turn => ({ ...turn, parts: turn.parts.filter(({ kind }) => kind !== 'image') })),
  }))
  await assert.rejects(sheetOf('chat + image: azure → gemini'), /at gemini: not what it is about/)
  rewrites(t, cohereUpstream, request => ({ ...request, toolChoice: { kind: 'none' } }))
  await assert.rejects(sheetOf('responses + call: cohere → azure'), /at cohere: not what it is about/)
})

test('a request that reaches somebody who cannot carry it is red, although it was refused before', async t => {
  const sheet = emptySheet(REFUSING)
  const [row] = sheet.rows
  assert.ok(row)
  const rehearsal = await rehearse(row)
  rewrites(t, cohereUpstream, ({ tools: _, ...request }) => request)
  await conductRow(sheet, rehearsal, { leaving: false })
  assert.match(complaintsOf(sheet), /lead-1 was sent what it cannot carry/)
})

test('a refusal after which nobody else is asked is red', async t => {
  breaks(t, VERDICTS as Record<string, Verdict>, [
    'unsupported',
    { ...VERDICTS.unsupported, fallback: 'none' },
  ])
  assert.match(complaintsOf(await sheetOf(REFUSING)), /asked: nobody; expected: foreign/)
})

test('a refusal that is told as another failure is red', async () => {
  const blames: Sabotage = house => ({
    ...house,
    journal: {
      ...house.journal,
      request: record =>
        house.journal.request({
          ...record,
          steps: record.steps.map(step =>
            step.outcome === 'unsupported' ? { ...step, outcome: 'transient' } : step,
          ),
        }),
    },
  })
  assert.match(complaintsOf(await sheetOf(REFUSING, undefined, blames)), /lead-1 is not said to refuse/)
})

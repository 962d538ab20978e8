import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../../src/attempt/classify.ts'
import { SHAPES } from '../../src/dialects/index.ts'
import type { StreamRules } from '../../src/dialects/shape.ts'
import { type FailureClass, VERDICTS, type Verdict } from '../../src/failure.ts'
import { ROUTES, type Route, type ShapeName } from '../../src/routes.ts'
import { Departure, type Signal } from '../../src/signal.ts'
import { standIn } from '../simulation/stand-in.ts'
import { conductRow, conductWire } from './conduct.ts'
import type { Sabotage } from './engine.ts'
import { FAULTS } from './faults/index.ts'
import { rowsOf } from './rows.ts'
import { breaks, transported } from './sabotage.ts'
import { type Client, Sheet } from './sheet.ts'
import type { Target } from './targets.ts'
import { rehearse } from './virtual/rehearsal.ts'

/** Rows are copies: what a test breaks in the engine's own table does not change what the matrix expects. */
const ROWS = rowsOf()

type Engine = {
  readonly rows: readonly string[]
  readonly faults: readonly string[]
  readonly sabotage?: Sabotage
}

const sheetOf = async ({ rows, faults, sabotage }: Engine): Promise<Sheet> => {
  const sheet = new Sheet(
    ROWS.filter(({ label }) => rows.includes(label)),
    FAULTS.filter(({ title }) => faults.includes(title)),
  )
  assert.deepEqual([sheet.rows.length, sheet.faults.length], [rows.length, faults.length])
  for (const row of sheet.rows)
    await conductRow(sheet, await rehearse(row), {
      leaving: true,
      ...(sabotage === undefined ? {} : { sabotage }),
    })
  return sheet
}

const redAt = (sheet: Sheet): readonly string[] =>
  sheet.reds.map(
    ({ cell: { row, fault, target, client } }) => `${row.label} · ${fault.title} · ${target} · ${client}`,
  )

const at = (row: string, fault: string, target: Target, client: Client = 'stays'): string =>
  `${row} · ${fault} · ${target} · ${client}`

type Writable<Table> = { -readonly [Key in keyof Table]: Table[Key] }

const routeNamed = (wanted: string): Writable<Route> => {
  const found = ROUTES.find(({ name }) => name === wanted)
  assert.ok(found)
  return found
}

const streamOf = (shape: ShapeName): Writable<StreamRules> => {
  const { stream } = SHAPES[shape]
  assert.ok(stream)
  return stream
}

const CHAT = 'chat.completions (stream)'
const RESPONSES = 'responses.create (stream)'
const COMPACT = 'responses.compact'
const DOWN = '503'
const CUT = 'closed in the middle'
const LATE = 'TCP reset after the head, before content'

test('the engine as it is turns none of these cells red', async () => {
  const sheet = await sheetOf({
    rows: [CHAT, RESPONSES, COMPACT, 'files.get'],
    faults: [DOWN, CUT, LATE, '429 without Retry-After'],
  })
  assert.deepEqual(redAt(sheet), [])
  assert.deepEqual(sheet.empty, [])
})

test('one route without fallback is red on that route, and on no other', async t => {
  breaks(t, routeNamed(COMPACT), ['crossing', 'never'])
  const red = redAt(await sheetOf({ rows: [COMPACT, RESPONSES], faults: [DOWN] }))
  assert.ok(red.includes(at(COMPACT, DOWN, 'group')), red.join('\n'))
  assert.ok(
    red.every(cell => cell.startsWith(`${COMPACT} ·`)),
    red.join('\n'),
  )
})

test('a route that crosses although its objects belong to one provider is red', async t => {
  breaks(t, routeNamed('files.get'), ['crossing', 'groups'])
  const red = redAt(await sheetOf({ rows: ['files.get'], faults: [DOWN] }))
  assert.ok(red.includes(at('files.get', DOWN, 'group')), red.join('\n'))
})

test('vectors that cross to another model are red', async t => {
  breaks(t, routeNamed('embeddings'), ['crossing', 'groups'])
  const red = redAt(await sheetOf({ rows: ['embeddings'], faults: [DOWN] }))
  assert.ok(red.includes(at('embeddings', DOWN, 'group')), red.join('\n'))
})

test('a transport that swallows the break of a connection is red', async () => {
  const swallows = transported(transport => async (...asked) => {
    const answer = await transport.send(...asked)
    return {
      status: answer.status,
      headers: answer.headers,
      pause: () => answer.pause(),
      resume: () => answer.resume(),
      abort: () => answer.abort(),
      read: sink =>
        answer.read({ data: chunk => sink.data(chunk), end: () => sink.end(), error: () => sink.end() }),
    }
  })
  const sheet = await sheetOf({ rows: [CHAT, COMPACT, 'audio.speech'], faults: [CUT], sabotage: swallows })
  const red = redAt(sheet)
  // A document that is short is no JSON: failover hides the wrong name of the fault, the record does not.
  for (const row of [COMPACT, 'audio.speech']) assert.ok(red.includes(at(row, CUT, 'group')), red.join('\n'))
})

test('a gate that commits early is red', async t => {
  for (const shape of ['chat', 'responses'] as const) {
    const rules = streamOf(shape)
    const { sight } = rules
    breaks(t, rules, [
      'sight',
      event => {
        const seen = sight(event)
        return seen.kind === 'lifecycle' ? { kind: 'content' } : seen
      },
    ])
  }
  const red = redAt(await sheetOf({ rows: [CHAT, RESPONSES], faults: [LATE] }))
  for (const row of [CHAT, RESPONSES])
    for (const target of ['again', 'sibling', 'group', 'none'] as const)
      assert.ok(red.includes(at(row, LATE, target)), red.join('\n'))
})

test('a truncated answer that is made to look whole is red', async t => {
  breaks(t, streamOf('chat'), ['errorFrame', () => 'data: [DONE]\n\n'])
  const red = redAt(await sheetOf({ rows: [CHAT], faults: [CUT] }))
  assert.ok(red.includes(at(CHAT, CUT, 'none')), red.join('\n'))
})

test('a verdict that the loop does not follow is red', async t => {
  const verdicts = VERDICTS as Record<FailureClass, Verdict>
  breaks(t, verdicts, ['overloaded', { ...VERDICTS.overloaded, fallback: 'none' }])
  breaks(t, verdicts, ['caller_fault', { ...VERDICTS.caller_fault, retry: 'any' }])
  const red = redAt(await sheetOf({ rows: [COMPACT], faults: [DOWN, '400'] }))
  assert.ok(red.includes(at(COMPACT, DOWN, 'group')), red.join('\n'))
  assert.ok(red.includes(at(COMPACT, '400', 'sibling')), red.join('\n'))
})

test('a header that a second attempt brings along is red', async () => {
  let sent = 0
  const leaks = transported(transport => (draft, headers, limits, signal) => {
    sent += 1
    const more = sent % 2 === 0 ? [...headers, ['x-attempt', '2'] as const] : headers
    return transport.send(draft, more, limits, signal)
  })
  const red = redAt(await sheetOf({ rows: [COMPACT], faults: [DOWN], sabotage: leaks }))
  assert.ok(red.includes(at(COMPACT, DOWN, 'group')), red.join('\n'))
})

test('an upstream that stays open when its client has left is red', async () => {
  const stays: Signal = { aborted: false, addEventListener: () => {}, removeEventListener: () => {} }
  const deaf = transported(
    transport => (draft, headers, limits) => transport.send(draft, headers, limits, stays),
  )
  const red = redAt(await sheetOf({ rows: [COMPACT], faults: [DOWN], sabotage: deaf }))
  for (const phase of ['sending', 'waiting', 'head', 'middle'] as const)
    assert.ok(red.includes(at(COMPACT, DOWN, 'group', phase)), red.join('\n'))
})

test('a client whose leaving is blamed on the deployment is red', async () => {
  const blames: Sabotage = house => ({
    ...house,
    board: {
      ...house.board,
      admit: (...asked) => {
        const lease = house.board.admit(...asked)
        assert.ok(!(lease instanceof Promise))
        return standIn(lease, {
          settle: end => {
            if (end.kind !== 'neutral') return lease.settle(end)
            const failure = classify({
              kind: 'timeout',
              phase: 'headers',
              limitMs: 1,
              tookMs: 1,
              byClient: false,
              provider: { exception: 'x' },
            })
            lease.settle({ kind: 'failure', failure, totalMs: 1 })
          },
        })
      },
    },
  })
  const red = redAt(await sheetOf({ rows: [COMPACT], faults: [DOWN], sabotage: blames }))
  assert.ok(red.includes(at(COMPACT, DOWN, 'group', 'waiting')), red.join('\n'))
})

test('a lease that is never settled is red in every cell that was played', async () => {
  const keeps: Sabotage = house => ({
    ...house,
    board: {
      ...house.board,
      admit: (...asked) => {
        const lease = house.board.admit(...asked)
        assert.ok(!(lease instanceof Promise))
        return standIn(lease, { settle: () => {}, release: () => {} })
      },
    },
  })
  const sheet = await sheetOf({ rows: [COMPACT], faults: [DOWN], sabotage: keeps })
  assert.equal(sheet.reds.length, sheet.played['virtual time'])
})

test('over TCP an upstream that is closed half a second after its client left is red', async () => {
  const late = transported(transport => (draft, headers, limits, signal) => {
    const slow = new Departure()
    signal.addEventListener('abort', () => setTimeout(() => slow.abort(), 500))
    return transport.send(draft, headers, limits, slow)
  })
  const sheet = new Sheet(
    ROWS.filter(({ label }) => label === COMPACT),
    FAULTS.filter(({ title }) => title === CUT),
  )
  const rehearsals = await Promise.all(sheet.rows.map(row => rehearse(row)))
  await conductWire(sheet, rehearsals, { leaving: true, sabotage: late })
  const red = redAt(sheet)
  assert.ok(red.includes(at(COMPACT, CUT, 'group', 'waiting')), red.join('\n'))
  assert.ok(!red.includes(at(COMPACT, CUT, 'group')), red.join('\n'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RICH } from '../../src/dialects/bedrock-converse.fixture.ts'
import { answerFrames } from '../../src/stage/bedrock-answer.ts'
import { until } from '../support/inside.ts'
import { parseSse } from '../support/sse.ts'
import { STREAM_KINDS, type StreamKind } from '../support/stream-kinds.ts'
import { abreast, type HttpAnswer } from './support/answers.ts'
import { diceOf, SEED, seeded, times } from './support/seed.ts'
import { cut, type Hand, type Meant, mutate, NOISE, type Spelling, spell } from './support/spelling.ts'
import { asRead, CONVERSE, plainStreams, playBytes, type Theatre, textOf } from './support/streaming.ts'
import { streamOf } from './support/wire.ts'

const ABREAST = 12

const kindNamed = (name: string): StreamKind => STREAM_KINDS.find(kind => kind.name === name) ?? assert.fail()

const chunk = (delta: object, finish: string | null, more: object = {}): string =>
  JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...more })

/** A whole chat in few bytes, with characters of one to four, and JSON over several lines. */
const SHORT_CHAT: readonly Meant[] = [
  { event: '', data: chunk({ content: 'Dobrý \u{1F3AD}\u2028' }, null) },
  { event: '', data: '{"id":"c",\n"model":"m","choices":[{"index":0,\n"delta":{"content":"večer"}}]}' },
  { event: '', data: chunk({}, 'stop') },
  {
    event: '',
    data: JSON.stringify({
      id: 'c',
      model: 'm',
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    }),
  },
  { event: '', data: '[DONE]' },
]

const plainHand: Hand = { newline: '\n', space: true, noise: undefined }
const PLAIN: Spelling = { mark: false, hands: [plainHand], blanks: 1, open: false }

const LINE_ENDS = ['\r', '\n', '\r\n', '\r', '\r', '\n'] as const

/** A spelling, and at every how manieth byte it is cut. */
const spellings: readonly { readonly every: number; readonly how: Spelling }[] = [
  { every: 7, how: PLAIN },
  { every: 5, how: { ...PLAIN, hands: [{ ...plainHand, newline: '\r' }], blanks: 2, open: true } },
  {
    every: 3,
    how: {
      ...PLAIN,
      mark: true,
      hands: [
        { newline: '\r\n', space: false, noise: ': ping' },
        { ...plainHand, newline: '\r\n' },
      ],
    },
  },
  {
    every: 1,
    how: {
      ...PLAIN,
      mark: true,
      hands: LINE_ENDS.map((newline, at) => ({
        newline,
        space: at % 2 === 0,
        noise: at % 3 === 0 ? 'id: 7' : undefined,
      })),
    },
  },
]

type Told = { readonly events: ReturnType<typeof asRead>; readonly usage: unknown }

/** What the client reads, and what the gateway writes down. */
const toldBy = async (on: Theatre, answers: readonly HttpAnswer[]): Promise<readonly Told[]> => {
  await until('all are recorded', () => on.served().traffic.inside === 0)
  const records = new Map((await on.records()).map(record => [record.callId, record]))
  return answers.map(answer => {
    assert.equal(answer.status, 200, answer.body.toString())
    const record = records.get(answer.headers.get('x-litellm-call-id') ?? '')
    assert.equal(record?.end, 'complete')
    return { events: asRead(parseSse(answer.body)), usage: record.usage }
  })
}

test('M-085 one chat, cut at every byte: the client reads the same events, and the same usage is recorded', async t => {
  const on = await playBytes(t)
  const cases = spellings.flatMap(({ every, how }) => {
    const bytes = spell(SHORT_CHAT, how)
    return Array.from({ length: Math.ceil(bytes.length / every) + 1 }, (_, at) =>
      streamOf([bytes.subarray(0, at * every), bytes.subarray(at * every)]),
    )
  })
  const answers: HttpAnswer[] = []
  await abreast(cases, ABREAST, async (bytes, at) => {
    answers[at] = await on.stream(kindNamed('chat'), bytes)
  })
  const [first, ...rest] = await toldBy(on, answers)
  assert.ok(first)
  assert.deepEqual(
    first.events.map(({ data }) => data),
    SHORT_CHAT.map(({ data }) => (data === '[DONE]' ? data : { ...JSON.parse(data), model: 'chat' })),
  )
  assert.equal(textOf(SHORT_CHAT), 'Dobrý \u{1F3AD}\u2028večer')
  assert.ok(first.usage)
  for (const told of rest) assert.deepEqual(told, first)
})

/** JSON may stand on several lines: each of them is a data line of its own. */
const overLines = (data: string): string =>
  data.startsWith('{') ? JSON.stringify(JSON.parse(data), null, 1).replace(/\n +/g, '\n') : data

test('every kind of stream: random spellings, cut at random, read alike', async t => {
  await seeded(async () => {
    const on = await playBytes(t)
    const roll = diceOf(SEED)
    for (const [kind, events] of await plainStreams()) {
      const spelled = (how: Spelling, lines: boolean): Buffer =>
        spell(lines ? events.map(({ event, data }) => ({ event, data: overLines(data) })) : events, how)
      const cases = Array.from({ length: times(24) }, (_, at) => {
        const hands = Array.from({ length: 1 + roll(4) }, () => ({
          newline: (['\n', '\r\n', '\r'] as const)[roll(3)] ?? '\n',
          space: roll(2) === 0,
          noise: roll(3) === 0 ? NOISE[roll(NOISE.length)] : undefined,
        }))
        const how =
          at === 0 ? PLAIN : { mark: roll(2) === 0, hands, blanks: 1 + roll(3), open: roll(4) === 0 }
        const bytes = spelled(how, at > 0 && roll(2) === 0)
        return streamOf(
          cut(
            bytes,
            Array.from({ length: roll(40) }, () => roll(bytes.length + 1)),
          ),
        )
      })
      const answers: HttpAnswer[] = []
      await abreast(cases, ABREAST, async (bytes, at) => {
        answers[at] = await on.stream(kind, bytes)
      })
      const [first, ...rest] = await toldBy(on, answers)
      assert.equal(first?.events.length, events.length, kind.name)
      for (const told of rest) assert.deepEqual(told, first, kind.name)
    }
  })
})

test('JSON over several lines keeps its changes: the model is named and ids are sealed, with and without a name of the event', async t => {
  const on = await playBytes(t)
  const kind = kindNamed('responses')
  const events = (await plainStreams()).get(kind) ?? assert.fail()
  const reference = asRead(parseSse((await on.stream(kind, streamOf([spell(events, PLAIN)]))).body))
  for (const named of [true, false]) {
    const lines = events.map(({ event, data }) => ({ event: named ? event : '', data: overLines(data) }))
    const { body } = await on.stream(kind, streamOf([spell(lines, PLAIN)]))
    assert.ok(!body.includes('gpt-4.1'), "the provider's own name of the model")
    assert.deepEqual(
      asRead(parseSse(body)).map(({ data }) => data),
      reference.map(({ data }) => data),
    )
  }
})

const FRAMES = answerFrames(RICH).map(frame => Buffer.from(frame.bytes))
const FRAMES_TYPE = 'application/vnd.amazon.eventstream'

test('binary frames, cut anywhere and mutated: the client reads the same chat, or an error after a part of it', async t => {
  await seeded(async () => {
    const on = await playBytes(t)
    const roll = diceOf(SEED)
    const chat = kindNamed('chat')
    const whole = Buffer.concat(FRAMES)
    const send = (bytes: Buffer, cuts: readonly number[]): Promise<HttpAnswer> =>
      on.stream(chat, streamOf(cut(bytes, cuts), FRAMES_TYPE), CONVERSE)
    const plain = (answer: HttpAnswer): readonly string[] =>
      parseSse(answer.body).map(({ data }) => data.replace(/"(?:id|created)":[^,]*/g, ''))
    const first = await send(whole, [])
    assert.equal(first.status, 200)
    const golden = plain(first)
    assert.equal(golden.at(-1), '[DONE]')
    await abreast(Array.from({ length: times(150) }), ABREAST, async (_, at) => {
      const answer = await send(
        whole,
        at % 2 === 0 ? [(at * 11) % whole.length] : [1, 2, 3].map(() => roll(whole.length)),
      )
      assert.deepEqual(plain(answer), golden)
    })
    await abreast(Array.from({ length: times(60) }), ABREAST, async () => {
      const bytes = mutate(whole, 1 + roll(3), roll)
      const answer = await send(bytes, [roll(bytes.length + 1)])
      if (answer.status !== 200) return assert.ok(JSON.parse(answer.body.toString()).error)
      const got = plain(answer)
      const end = got.at(-1) ?? ''
      if (end !== '[DONE]') assert.match(end, /^{"error"/)
      else assert.ok(got.some(data => data.includes('"finish_reason":"tool_calls"')))
      for (const data of got.slice(0, -1)) assert.ok(golden.includes(data), data)
    })
  })
})

/** A dialect may say it in several ways, and an accident may spare one of them. */
const claimsWhole = (kind: StreamKind, event: Meant): boolean =>
  kind.claimsWhole(event) ||
  // The usage of a chat comes when it is over.
  /"choices": ?\[\]/.test(event.data) ||
  (kind.name === 'responses' && /"type": ?"response\.(?:completed|incomplete)"/.test(event.data))

/** Does an independent reader find the provider's own word that the answer is whole? */
const saysWhole = (kind: StreamKind, bytes: Buffer): boolean => {
  const text = new TextDecoder().decode(bytes)
  // Completed, because a missing last blank line is forgiven.
  const events = parseSse(Buffer.from(`${text}\n\n`))
  return events.some(event => claimsWhole(kind, event))
}

test('mutated streams: an answer or an error, in order; nothing cut is passed off as whole', async t => {
  await seeded(async () => {
    const on = await playBytes(t)
    const roll = diceOf(SEED)
    for (const [kind, events] of await plainStreams()) {
      const proper = spell(events, PLAIN)
      await abreast(Array.from({ length: times(40) }), ABREAST, async () => {
        const bytes = mutate(proper, 1 + roll(4), roll)
        const answer = await on.stream(
          kind,
          streamOf(cut(bytes, [roll(bytes.length + 1), roll(bytes.length + 1)])),
        )
        const shown = `${kind.name}: ${JSON.stringify(bytes.toString('latin1'))}`
        if (answer.status !== 200) {
          const { error } = JSON.parse(answer.body.toString()) as { error: { message: string } }
          assert.equal(typeof error.message, 'string', shown)
          return
        }
        const got = parseSse(Buffer.from(new TextDecoder().decode(answer.body)))
        if (got.some(event => claimsWhole(kind, event))) return assert.ok(saysWhole(kind, bytes), shown)
        // Without such a word the client is told so.
        try {
          kind.broken(got)
        } catch (error) {
          throw new Error(`${shown}\n→ ${JSON.stringify(got.slice(-3))}`, { cause: error })
        }
      })
    }
    await until('nobody is inside', () => on.served().traffic.inside === 0)
    assert.deepEqual(
      on
        .served()
        .house.board.snapshot()
        .filter(one => one.inFlight !== 0),
      [],
    )
    const [, chat] = [...(await plainStreams())][0] ?? assert.fail()
    assert.equal((await on.stream(kindNamed('chat'), streamOf([spell(chat, PLAIN)]))).status, 200)
  })
})

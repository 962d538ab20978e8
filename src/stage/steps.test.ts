import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { type Answer, DONE, dataEvent, type Event, json, pieces, stream } from './answer.ts'
import { FAULT_KINDS, type Fault, Prompter, readFaults } from './faults.ts'
import type { Step } from './step.ts'
import { stepsOf } from './steps.ts'

const STREAM: readonly Event[] = [
  dataEvent({ role: 'assistant' }, 'lifecycle'),
  ...['one', 'two', 'three', 'four'].map(text => dataEvent({ text }, 'content')),
  dataEvent({ finish: 'stop' }, 'final'),
  DONE,
]

const run = (fault: Fault, answer: Answer = stream(STREAM)): readonly Step[] =>
  stepsOf(fault, {
    headers: { 'x-request-id': 'req_1' },
    errorFor: status => ({ body: { error: { status } } }),
    answer: () => answer,
  })

const bytesOf = (steps: readonly Step[]): Buffer =>
  Buffer.concat(steps.map(step => (step.do === 'write' ? step.bytes : Buffer.alloc(0))))
const textOf = (steps: readonly Step[]): string => bytesOf(steps).toString()
const bodyOf = (steps: readonly Step[]): Buffer => {
  const all = bytesOf(steps)
  return all.subarray(all.indexOf('\r\n\r\n') + 4)
}
const ends = (steps: readonly Step[]): Step['do'] | undefined => steps.at(-1)?.do

/** Undoes chunked coding; undefined when the last chunk is missing. */
const dechunk = (body: Buffer): Buffer | undefined => {
  const parts: Buffer[] = []
  let at = 0
  while (at < body.length) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, end), 16)
    if (size === 0) return Buffer.concat(parts)
    parts.push(body.subarray(end + 2, end + 2 + size))
    at = end + 4 + size
  }
  return undefined
}

const dataOf = (steps: readonly Step[]): readonly string[] =>
  (dechunk(bodyOf(steps))?.toString() ?? '').split('\n\n').filter(block => block !== '')

test('the right answer is whole, ended properly, and leaves the connection open', () => {
  const steps = run({ kind: 'ok' })
  assert.equal(ends(steps), 'next')
  assert.deepEqual(
    dataOf(steps),
    STREAM.map(event => `data: ${event.data}`),
  )
})

test('a cut counts content, or events, or takes half', () => {
  const count = (fault: Fault) => run(fault).filter(step => step.do === 'write' && step.event).length
  assert.equal(count({ kind: 'cut', how: 'fin', afterContent: 0 }), 1)
  assert.equal(count({ kind: 'cut', how: 'fin', afterContent: 1 }), 2)
  assert.equal(count({ kind: 'cut', how: 'fin', afterContent: 99 }), 5)
  assert.equal(count({ kind: 'cut', how: 'fin', afterEvents: 0 }), 0)
  assert.equal(count({ kind: 'cut', how: 'fin' }), 3)
})

test('a cut never lets the terminal event through unless told to by number', () => {
  for (const how of ['fin', 'rst', 'clean-chunk-end'] as const) {
    const steps = run({ kind: 'cut', how, afterContent: 99 })
    assert.doesNotMatch(textOf(steps), /DONE|finish/)
    assert.equal(ends(steps), how === 'clean-chunk-end' ? 'next' : how)
    assert.equal(dechunk(bodyOf(steps)) !== undefined, how === 'clean-chunk-end')
  }
})

test('a stall after the lifecycle has sent no content; before the first event it has sent the head alone', () => {
  const before = (when: 'before-headers' | 'before-first-event' | 'after-lifecycle' | 'mid-stream') => {
    const steps = run({ kind: 'stall', when, ms: 5 })
    assert.equal(ends(steps), 'next')
    return textOf(
      steps.slice(
        0,
        steps.findIndex(step => step.do === 'wait'),
      ),
    )
  }
  assert.equal(before('before-headers'), '')
  assert.match(before('before-first-event'), /\r\n\r\n$/)
  assert.match(before('after-lifecycle'), /assistant/)
  assert.doesNotMatch(before('after-lifecycle'), /one/)
  assert.match(before('mid-stream'), /two/)
  assert.doesNotMatch(before('mid-stream'), /three/)
})

test('an error event follows what was sent, and the HTTP message ends properly', () => {
  const steps = run({ kind: 'error-event', afterEvents: 0, error: { code: 400 }, done: true })
  assert.deepEqual(dataOf(steps), ['data: {"error":{"code":400}}', 'data: [DONE]'])
  const later = dataOf(run({ kind: 'error-event', afterContent: 1, error: { code: 429 } }))
  assert.equal(later.length, 3)
  assert.match(later[2] ?? '', /429/)
})

test('an error inside a response stream has the next number and one of three shapes', () => {
  const response = { id: 'resp_1', object: 'response', status: 'in_progress' }
  const created = {
    event: 'response.created',
    data: JSON.stringify({ type: 'response.created', sequence_number: 0, response }),
    weight: 'lifecycle',
  } as const
  const shape = (as: 'flat' | 'nested' | 'failed') => {
    const steps = run(
      { kind: 'error-event', afterEvents: 1, as, error: { code: 'server_error', message: 'm' } },
      stream([created]),
    )
    return JSON.parse(dataOf(steps)[1]?.split('data: ')[1] ?? '{}')
  }
  assert.deepEqual(shape('flat'), {
    type: 'error',
    sequence_number: 1,
    code: 'server_error',
    message: 'm',
    param: null,
  })
  assert.deepEqual(shape('nested'), {
    type: 'error',
    sequence_number: 1,
    error: { code: 'server_error', message: 'm' },
  })
  assert.equal(shape('failed').response.id, 'resp_1')
  assert.equal(shape('failed').response.status, 'failed')
})

test('a malformed event replaces one and keeps the rest', () => {
  const data = dataOf(run({ kind: 'malformed-event', afterContent: 1 })).map(block =>
    block.slice('data: '.length),
  )
  assert.equal(data.length, STREAM.length)
  const broken = data.filter(text => {
    if (text === '[DONE]') return false
    try {
      JSON.parse(text)
      return false
    } catch {
      return true
    }
  })
  assert.deepEqual(broken, [data[2]])
})

test('no-done leaves out the terminator and nothing else', () => {
  assert.deepEqual(
    dataOf(run({ kind: 'no-done' })),
    STREAM.slice(0, -1).map(event => `data: ${event.data}`),
  )
})

test('every coding decodes to the answer', () => {
  const plain = Buffer.from(JSON.stringify({ text: 'line' }))
  const decoders = {
    gzip: gunzipSync,
    br: brotliDecompressSync,
    zstd: zstdDecompressSync,
    deflate: inflateSync,
  }
  for (const [kind, decode] of Object.entries(decoders)) {
    const [fault] = readFaults({ kind })
    assert.notEqual(fault, undefined)
    const steps = run(fault ?? { kind: 'ok' }, json({ text: 'line' }))
    assert.match(textOf(steps), new RegExp(`content-encoding: ${kind}`))
    assert.deepEqual(decode(bodyOf(steps)), plain)
  }
})

test('every SSE spelling says the same', () => {
  for (const newline of ['lf', 'crlf', 'cr'] as const) {
    for (const split of [1, 3, 1000]) {
      const steps = run({ kind: 'sse-style', newline, split, comments: true, noSpace: true, bom: true })
      const text = dechunk(bodyOf(steps))?.toString() ?? ''
      assert.equal(text.startsWith('\uFEFF'), true)
      const data = text
        .slice(1)
        .split(/\r\n|\r|\n/)
        .filter(line => line.startsWith('data:'))
        .map(line => line.slice(5))
      assert.deepEqual(
        data,
        STREAM.map(event => event.data),
        `${newline}/${split}`,
      )
    }
  }
})

test('a whole answer breaks half-way through its bytes', () => {
  const answer = json({ text: 'a line that is long enough to be cut' })
  for (const how of ['fin', 'rst'] as const) {
    const steps = run({ kind: 'cut', how }, answer)
    assert.equal(ends(steps), how)
    assert.ok(bodyOf(steps).length > 0 && bodyOf(steps).length < 40)
  }
  assert.equal(
    dataOf(
      run(
        { kind: 'cut', how: 'clean-chunk-end' },
        pieces('audio/mpeg', [Buffer.from('a'), Buffer.from('b')]),
      ),
    ).join(),
    'a',
  )
})

test('a wrong length promises more, or less, than comes', () => {
  const answer = json({ text: 'line' })
  const gap = (by?: number) => {
    const steps = run({ kind: 'wrong-length', ...(by === undefined ? {} : { by }) }, answer)
    return Number(/content-length: (\d+)/.exec(textOf(steps))?.[1]) - bodyOf(steps).length
  }
  assert.equal(gap(), 10)
  assert.equal(gap(-3), -3)
})

/** One example of each kind; a kind without one fails the next test. */
const EXAMPLES: readonly Fault[] = [
  ...FAULT_KINDS.flatMap(kind => {
    try {
      return readFaults({ kind })
    } catch {
      return []
    }
  }),
  { kind: 'status', status: 503 },
  { kind: 'reset', when: 'mid-stream' },
  { kind: 'stall', when: 'mid-stream', ms: 1 },
  { kind: 'cut', how: 'rst' },
  { kind: 'error-event', error: {} },
  { kind: 'error-in-200', error: {} },
  { kind: 'slow', delayMs: 1, perEventMs: 1 },
  { kind: 'sse-style', newline: 'cr' },
  { kind: 'early-response', status: 413 },
]

test('every fault has a performance on every kind of answer, and only ok is like ok', () => {
  assert.deepEqual(new Set(EXAMPLES.map(fault => fault.kind)), new Set(FAULT_KINDS))
  const answers = [
    stream(STREAM),
    json({ text: 'line' }),
    pieces('audio/mpeg', [Buffer.from('a'), Buffer.from('b')]),
  ]
  for (const fault of EXAMPLES) {
    for (const answer of answers) {
      const steps = run(fault, answer)
      assert.ok(['next', 'rst', 'fin'].includes(ends(steps) ?? ''), fault.kind)
    }
    if (fault.kind !== 'ok') assert.notDeepEqual(run(fault), run({ kind: 'ok' }), fault.kind)
  }
})

test('a script that is no script is refused with the entry named', () => {
  assert.throws(() => readFaults([{ kind: 'ok' }, { kind: 'nonsense' }]), /entry 1/)
  assert.throws(() => readFaults({ kind: 'stall', when: 'never' }), /entry 0/)
  assert.throws(() => readFaults({ kind: 'status' }), /entry 0/)
})

test('scripts are taken by path and model, newest first, and `then` lasts', () => {
  const prompter = new Prompter()
  // biome-ignore lint/suspicious/noThenProperty: the word a script uses; its value is data and never awaited
  prompter.add([{ kind: 'html' }], { path: /chat/, then: { kind: 'empty' } })
  prompter.add([{ kind: 'bad-json' }], { model: 'a' })
  assert.equal(prompter.next('/v1/chat', 'a').kind, 'bad-json')
  assert.equal(prompter.next('/v1/chat', 'b').kind, 'html')
  assert.equal(prompter.next('/v1/chat', 'b').kind, 'empty')
  assert.equal(prompter.next('/v1/chat', 'b').kind, 'empty')
  assert.equal(prompter.next('/v1/embeddings', 'b').kind, 'ok')
})

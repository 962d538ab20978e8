import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANSWER, tokensOf, WORDS } from './answer.ts'
import { takenFrom } from './client.ts'
import { type Endpoint, objectIn, type Script, wholeOf } from './endpoint.ts'
import { ENDPOINTS } from './endpoints.ts'

const head = { status: 200, reason: 'OK', headers: [], at: 0, raw: '' }

const heardBy = (endpoint: Endpoint) => endpoint.hear(endpoint.ask('star').body)
const scriptOf = (endpoint: Endpoint, rest = ANSWER): Script => endpoint.script(rest, heardBy(endpoint))
const taken = (endpoint: Endpoint, body: Buffer, end: 'whole' | 'cut' = 'whole') =>
  takenFrom({ head, body, end }, endpoint)

const sizeOf = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0)

test('the answer has sixty words', () => {
  assert.equal(WORDS, 60)
  assert.equal(ANSWER.split(' ').length, 60)
})

for (const endpoint of ENDPOINTS) {
  test(`${endpoint.title}: what the client asks is what the provider reads`, () => {
    const ask = endpoint.ask('star')
    const heard = endpoint.hear(ask.body)
    assert.equal(heard.model, 'star')
    assert.equal(heard.begun, '')
    assert.deepEqual(new Set(heard.members), ask.members)
  })

  test(`${endpoint.title}: the whole answer is complete, with its usage`, () => {
    const { complete, usage, told } = taken(endpoint, wholeOf(scriptOf(endpoint)))
    assert.ok(complete, told)
    assert.equal(usage, endpoint.tellsUsage)
  })

  test(`${endpoint.title}: no beginning of it is, wherever it breaks off and however orderly it ends`, () => {
    const script = scriptOf(endpoint)
    const whole = wholeOf(script)
    const said = sizeOf([...script.opening, ...script.pieces])
    // A step that no frame's length is a multiple of meets every place in a frame sooner or later.
    for (let size = 0; size < said; size += said > 4000 ? 7 : 1) {
      const { complete } = taken(endpoint, whole.subarray(0, size))
      assert.equal(complete, false, `${size} of ${whole.length} bytes`)
    }
  })

  test(`${endpoint.title}: a broken connection is an error, also after the last word`, () => {
    const script = scriptOf(endpoint)
    const said = Buffer.concat([...script.opening, ...script.pieces])
    assert.equal(taken(endpoint, said, 'cut').outcome, 'error')
  })

  test(`${endpoint.title}: another order of the words is not the answer`, () => {
    const words = ANSWER.split(' ')
    const swapped = [words[1], words[0], ...words.slice(2)].join(' ')
    const other = wholeOf(scriptOf(endpoint, swapped))
    // Vectors, pictures and sound are always the same: there the script has no other answer.
    if (other.equals(wholeOf(scriptOf(endpoint)))) return
    assert.equal(taken(endpoint, other).complete, false)
  })

  test(`${endpoint.title}: a malformed piece is seen`, () => {
    const script = scriptOf(endpoint)
    if (script.broken === undefined) return
    for (let at = 1; at < script.pieces.length; at++) {
      const pieces: readonly Buffer[] = [
        ...script.pieces.slice(0, at),
        script.broken,
        ...script.pieces.slice(at),
      ]
      assert.equal(taken(endpoint, wholeOf({ ...script, pieces })).outcome, 'error', `after piece ${at}`)
    }
  })

  test(`${endpoint.title}: an error that comes instead of the rest is an error`, () => {
    const error = { error: { message: 'The show is over.' } }
    const script = scriptOf(endpoint)
    if (script.broken === undefined) return
    const body = endpoint.streams
      ? Buffer.concat([
          ...script.opening,
          ...script.pieces.slice(0, 2),
          Buffer.from(`data: ${JSON.stringify(error)}\n\n`),
        ])
      : Buffer.from(JSON.stringify(error))
    const { outcome, told } = taken(endpoint, body)
    assert.equal(outcome, 'error')
    assert.match(told, /The show is over/)
  })
}

const begin = 'An understudy learns'
const CONTINUED: Readonly<Record<string, (body: object) => object>> = {
  chat: body => ({
    ...body,
    messages: [
      { role: 'user', content: 'hm' },
      { role: 'assistant', content: begin },
    ],
  }),
  completions: body => ({ ...body, prompt: `${objectIn(JSON.stringify(body))?.prompt} ${begin}` }),
  responses: body => ({
    ...body,
    input: [{ role: 'assistant', content: [{ type: 'output_text', text: begin }] }],
  }),
}

for (const endpoint of ENDPOINTS.filter(({ noPrefill }) => noPrefill === undefined))
  test(`${endpoint.title}: the beginning of an answer that a request ends with is heard, and continued`, () => {
    const body = objectIn(endpoint.ask('star').body) ?? {}
    const carried = CONTINUED[endpoint.id.replace('-stream', '')]?.(body)
    assert.equal(endpoint.hear(Buffer.from(JSON.stringify(carried))).begun, begin)
    const { content } = endpoint.read(wholeOf(scriptOf(endpoint, ANSWER.slice(begin.length))))
    assert.equal(begin + content, ANSWER)
  })

for (const endpoint of ENDPOINTS.filter(({ id }) => id === 'chat-stream' || id === 'completions-stream'))
  test(`${endpoint.title}: an answer that one provider began and another went on with is whole, a gap or a repeat is not`, () => {
    const begun = scriptOf(endpoint)
    const stitched = (from: number): Buffer => {
      const rest = scriptOf(endpoint, tokensOf(ANSWER).slice(from).join(''))
      return wholeOf({
        ...rest,
        opening: begun.opening,
        pieces: [...begun.pieces.slice(0, 40), ...rest.pieces],
      })
    }
    assert.ok(taken(endpoint, stitched(40)).complete)
    assert.equal(taken(endpoint, stitched(39)).complete, false)
    assert.equal(taken(endpoint, stitched(41)).complete, false)
  })

const responses = ENDPOINTS.find(({ id }) => id === 'responses-stream')!

test('a Responses stream that begins twice, counts backwards or ends with another text is not whole', () => {
  const script = scriptOf(responses)
  const flawed = (body: Buffer) => taken(responses, body)
  const twice = { ...script, pieces: [script.opening[0]!, ...script.pieces] }
  assert.match(flawed(wholeOf(twice)).told, /two response.created/)
  const restarted = scriptOf(responses, ANSWER.slice(begin.length))
  const [first, second, third] = script.pieces
  const pieces = [first!, second!, third!, ...restarted.pieces]
  assert.match(flawed(wholeOf({ ...script, pieces })).told, /do not rise/)
  const renumbered = [...script.pieces.slice(0, 3), ...scriptOf(responses).pieces.slice(3)]
  const closing = scriptOf(responses, 'Something else.').closing.map(part =>
    Buffer.from(
      part.toString().replace(/"sequence_number":(\d+)/, (_, n) => `"sequence_number":${Number(n) + 99}`),
    ),
  )
  assert.match(flawed(wholeOf({ ...script, pieces: renumbered, closing })).told, /another text/)
})

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import { clear, ensemble, second } from './openai-client.fixture.ts'

/** The official client reads a stream that broke and was gone on with as one answer. */

const house = await ensemble({ after })
const { client } = house
const { lead, backup } = house.stages
beforeEach(() => clear(house))

const messages = [{ role: 'user' as const, content: 'Hello' }]
const breaks = (['fin', 'rst', 'clean-chunk-end'] as const).map(
  (how): Fault => ({ kind: 'cut', how, afterContent: 2 }),
)

test('chat: the helper puts one whole completion together', async () => {
  for (const fault of breaks) {
    clear(house)
    lead.script([fault])
    const stream = client.chat.completions.stream({
      model: 'star',
      messages,
      stream_options: { include_usage: true },
    })
    const { choices, usage, id } = await stream.finalChatCompletion()
    assert.equal(choices.length, 1)
    assert.equal(choices[0]?.message.content, CANONICAL)
    assert.equal(choices[0]?.message.role, 'assistant')
    assert.equal(choices[0]?.finish_reason, 'stop')
    assert.ok((usage?.completion_tokens ?? 0) > 0)
    assert.match(id, /^chatcmpl-/)
    assert.deepEqual([lead.requests.length, backup.requests.length], [1, 1])
  }
})

test('chat: chunks name who made them, under one id', async () => {
  lead.script([{ kind: 'cut', how: 'fin', afterContent: 2 }])
  const chunks = await Array.fromAsync(
    await client.chat.completions.create({ model: 'star', messages, stream: true }),
  )
  assert.equal(new Set(chunks.map(chunk => chunk.id)).size, 1)
  assert.deepEqual([...new Set(chunks.map(chunk => chunk.model))], ['star', second('star')])
})

test('completions: one text', async () => {
  for (const fault of breaks) {
    clear(house)
    lead.script([fault])
    const chunks = await Array.fromAsync(
      await client.completions.create({ model: 'pen', prompt: 'Once', stream: true }),
    )
    assert.equal(chunks.map(chunk => chunk.choices[0]?.text).join(''), CANONICAL)
  }
})

test('responses: one response that was not stored, from its beginning to its end', async () => {
  for (const fault of breaks) {
    clear(house)
    lead.script([fault])
    const stream = client.responses.stream({ model: 'star', input: 'Hello', store: false })
    const ids: unknown[] = []
    stream.on('event', event => {
      if ('response' in event) ids.push(event.response.id)
    })
    const final = await stream.finalResponse()
    assert.equal(final.output_text, CANONICAL)
    assert.equal(final.status, 'completed')
    assert.deepEqual([...new Set(ids)], [final.id])
  }
})

test('transcriptions: one text', async () => {
  for (const fault of breaks) {
    clear(house)
    lead.script([fault])
    const file = new File([new Uint8Array([1, 2, 3])], 'a.mp3')
    const events = await Array.fromAsync(
      await client.audio.transcriptions.create({ model: 'ear', file, stream: true }),
    )
    const text = events.map(event => (event.type === 'transcript.text.delta' ? event.delta : '')).join('')
    assert.equal(text, CANONICAL)
  }
})

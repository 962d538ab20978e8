import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../wire/json.ts'
import { checkEmbedding } from './bedrock-embed.ts'
import { Breach } from './bedrock-shape.ts'
import { embed, embedMessage } from './gemini-embed.ts'
import { checkMessage } from './gemini-shape.ts'
import { StageRefusal } from './refusal.ts'

test('InvokeModel refuses what an embedding model does not publish', () => {
  const rows: readonly (readonly [id: string, body: Json, message: RegExp])[] = [
    ['amazon.titan-embed-text-v1', { inputText: 'x', dimensions: 256 }, /extraneous key \[dimensions\]/],
    ['amazon.titan-embed-text-v2:0', { inputText: 'x', dimensions: 300 }, /300 is not a valid enum value/],
    ['amazon.titan-embed-text-v2:0', { inputText: '' }, /expected minLength/],
    ['amazon.titan-embed-text-v2:0', { texts: ['x'] }, /extraneous key \[texts\]/],
    ['cohere.embed-english-v3', { texts: ['x'] }, /required key \[input_type\] not found/],
    ['cohere.embed-english-v3', { texts: 'x', input_type: 'search_query' }, /#\/texts/],
    ['cohere.embed-english-v3', { texts: ['x'], input_type: 'x' }, /#\/input_type/],
    ['cohere.embed-english-v3', { texts: Array(97).fill('x'), input_type: 'search_query' }, /item count: 96/],
    [
      'cohere.embed-english-v3',
      { texts: ['x'], input_type: 'search_query', output_dimension: 256 },
      /output_/,
    ],
  ]
  for (const [id, body, message] of rows)
    assert.throws(
      () => checkEmbedding(body, id),
      (error: unknown) => error instanceof Breach && message.test(error.message),
      `${id} ${JSON.stringify(body).slice(0, 80)}`,
    )
  checkEmbedding({ texts: ['x'], input_type: 'search_query', output_dimension: 256 }, 'cohere.embed-v4:0')
})

test('Google refuses an embedding without text, of another model, or with a member that nobody published', () => {
  const refused = (act: () => unknown, message: RegExp): void =>
    assert.throws(act, (error: unknown) => error instanceof StageRefusal && message.test(error.message))
  const content = { parts: [{ text: 'x' }] }
  const batch = (request: Json) => embed('batchEmbedContents', 'm', { requests: [request] })
  refused(() => batch({ model: 'models/other', content }), /unexpected model name/)
  refused(() => batch({ model: 'models/m', content: { parts: [] } }), /content is empty/)
  refused(() => embed('batchEmbedContents', 'm', { requests: [] }), /requests is empty/)
  refused(
    () => embed('batchEmbedContents', 'm', { requests: Array(101).fill({ model: 'models/m', content }) }),
    /at most 100/,
  )
  refused(() => embed('predict', 'm', { instances: [{ content: '' }] }), /empty/)
  refused(
    () => checkMessage({ requests: [{ dimensions: 1 }] }, embedMessage('batchEmbedContents', false)),
    /Unknown name "dimensions"/,
  )
  refused(() => checkMessage({ embedContentConfig: {} }, embedMessage('embedContent', false)), /Unknown name/)
  checkMessage({ content, embedContentConfig: {} }, embedMessage('embedContent', true))
})

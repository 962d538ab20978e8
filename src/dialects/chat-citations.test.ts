import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { askedWith, hearing, saying, written } from './chat.fixture.ts'
import { readChatAnswer, writeChatAnswer } from './chat-answer.ts'
import { readMessages } from './chat-history.ts'
import { collectLosses } from './losses.ts'
import { request, turn } from './neutral.fixture.ts'
import type { NeutralAnswer } from './neutral.ts'
import { writeResponsesRequest } from './responses-write.ts'

const page = { url: 'https://stage.example/hamlet', title: 'Hamlet', start_index: 0, end_index: 5 }
/** As chat writes it, and as everybody else does. */
const CHAT: JsonObject = { type: 'url_citation', url_citation: page }
const FLAT: JsonObject = { type: 'url_citation', ...page }

const answer: NeutralAnswer = {
  id: 'chatcmpl-1',
  model: 'm',
  parts: [{ kind: 'text', text: 'Words', annotations: [FLAT] }],
  stop: { kind: 'end' },
  usage: undefined,
}

test('a citation has an object of its own in chat, in answers and in streams, and nowhere else', () => {
  const whole = writeChatAnswer(answer, askedWith())
  assert.match(JSON.stringify(whole), /"annotations":\[{"type":"url_citation","url_citation":{"url":/)
  assert.deepEqual(readChatAnswer(whole).parts, answer.parts)
  const event = { kind: 'annotation', part: 0, annotation: FLAT } as const
  const streamed = written([{ kind: 'open', part: 0, of: 'text' }, event]).join()
  assert.ok(streamed.includes(JSON.stringify(CHAT)), streamed)
  const heard = hearing(saying({ content: 'Words' }), saying({ annotations: [CHAT] }))
  assert.deepEqual(
    heard.find(({ kind }) => kind === 'annotation'),
    event,
  )
})

test('citations of an earlier answer go on as they are known there; one without its place stays behind', () => {
  const message = { role: 'assistant', content: 'Words', annotations: [CHAT, { type: 'file_path' }] }
  const [said] = readMessages([message], collectLosses())
  assert.deepEqual(said?.parts, [{ kind: 'text', text: 'Words', annotations: [FLAT, { type: 'file_path' }] }])
  const bare = { type: 'url_citation', url: 'https://stage.example' }
  const cited = turn('assistant', { kind: 'text', text: 'Words', annotations: [FLAT, bare] })
  const { input } = writeResponsesRequest(
    request([cited]),
    { model: 'm', allowedParams: [] },
    collectLosses(),
  ) as { input: { content: { annotations: unknown }[] }[] }
  assert.deepEqual(input[0]?.content[0]?.annotations, [FLAT])
})

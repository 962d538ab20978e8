import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FailedAnswer, throughBridge, translateAnswer } from './bridge.ts'
import { request } from './neutral.fixture.ts'
import type { Asked, Door, NeutralAnswer, NeutralEvent, Upstream } from './neutral.ts'

const asked: Asked = { body: {}, request: request([]), model: 'group', unique: 'u1', created: 0 }
const answer: NeutralAnswer = {
  id: undefined,
  model: undefined,
  parts: [],
  stop: { kind: 'end' },
  usage: undefined,
}
const door: Door = {
  dialect: 'chat',
  read: () => request([]),
  answer: () => ({ said: true }),
  writer: () => ({ write: () => [] }),
}
const upstream = (read: Upstream['answer']): Upstream => ({
  dialect: 'gemini',
  write: () => ({}),
  answer: read,
  decoder: () => ({ push: () => [], end: () => [] }),
})
const translated = (body: string, read: Upstream['answer']): string =>
  Buffer.from(translateAnswer(Buffer.from(body), upstream(read), door, asked)).toString()

describe('a whole answer through the bridge', () => {
  test('that tells of a failure is an error that every Shape sees', () => {
    const text = translated('{}', () => {
      throw new FailedAnswer({ message: 'no such function', code: 'server_error' })
    })
    assert.equal(text, '{"error":{"message":"no such function","code":"server_error"}}')
  })

  test('that is none of its dialect is the provider’s failure and no bug, with its own words where it has any', () => {
    const none = () => {
      throw new TypeError('content of undefined')
    }
    assert.match(translated('{"hello":1}', none), /"code":"malformed_event"/)
    assert.equal(translated('{"error":{"message":"busy"}}', none), '{"error":{"message":"busy"}}')
    for (const text of ['<html>', '', '[1]']) assert.equal(translated(text, none), text)
  })

  test('in which the client’s endpoint finds nothing of what it asked for is a failure as well; a bug there stays one', () => {
    const said = (error: Error): string => {
      const answers = () => {
        throw error
      }
      const none = upstream(() => answer)
      return Buffer.from(
        translateAnswer(Buffer.from('{}'), none, { ...door, answer: answers }, asked),
      ).toString()
    }
    assert.equal(said(new FailedAnswer({ message: 'no summary' })), '{"error":{"message":"no summary"}}')
    assert.throws(() => said(new TypeError('ours')), TypeError)
  })

  test('that can be read goes on', () =>
    assert.equal(
      translated('{}', () => answer),
      '{"said":true}',
    ))
})

test('what a client does not hear is life of the upstream all the same, once', () => {
  const delta: NeutralEvent = { kind: 'delta', part: 0, text: 'hm' }
  const event = { event: '', data: '', bytes: new Uint8Array() }
  let heard = false
  const decoder = throughBridge(
    { push: () => [delta], end: () => [] },
    { write: () => (heard ? [event] : []) },
  )
  assert.equal(decoder.keptBack?.(), false)
  decoder.push(new Uint8Array())
  assert.deepEqual([decoder.keptBack?.(), decoder.keptBack?.()], [true, false])
  heard = true
  decoder.push(new Uint8Array())
  assert.equal(decoder.keptBack?.(), false)
})

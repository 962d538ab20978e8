import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, request, result, turn } from './neutral.fixture.ts'
import type { NeutralDecoder, NeutralEvent } from './neutral.ts'
import { decodingOwnNames, withFittingNames, withOwnNames } from './tool-names.ts'

const RULE = { toolNames: /^[A-Za-z_][A-Za-z0-9_]*$/ }
const schema = { type: 'object' }
const asked = request(
  [
    turn('user', 'Go.'),
    turn('assistant', call('1', 'a-b'), call('2', '9.lives')),
    turn('user', result('1', 'a-b', 'done')),
  ],
  {
    tools: ['a-b', 'a_b', 'a.b', 'plain'].map(name => ({ name, schema })),
    toolChoice: { kind: 'allowed', names: ['a-b', 'plain'], required: true },
  },
)

test('names that do not fit get others, no two the same, everywhere the same', () => {
  const fitting = withFittingNames(asked, RULE)
  const names = fitting.tools?.map(({ name }) => name) ?? []
  assert.ok(
    names.every(name => RULE.toolNames.test(name)),
    names.join(' '),
  )
  assert.equal(new Set(names).size, 4)
  assert.deepEqual([names[1], names[3]], ['a_b', 'plain'])
  const [first, second] = fitting.turns[1]?.parts ?? []
  assert.deepEqual(
    [first, second].map(part => part?.kind === 'call' && part.name),
    [names[0], '_9_lives'],
  )
  const answered = fitting.turns[2]?.parts[0]
  assert.equal(answered?.kind === 'result' && answered.name, names[0])
  assert.deepEqual(fitting.toolChoice, { kind: 'allowed', names: [names[0], 'plain'], required: true })
})

test('they come back as the client wrote them, whole and streamed', () => {
  const [dashed = ''] = withFittingNames(asked, RULE).tools?.map(({ name }) => name) ?? []
  const answer = withOwnNames(
    {
      id: undefined,
      model: undefined,
      parts: [call('3', dashed), call('4', 'a_b')],
      stop: { kind: 'calls' },
      usage: undefined,
    },
    asked,
    RULE,
  )
  assert.deepEqual(answer.parts, [call('3', 'a-b'), call('4', 'a_b')])
  const event: NeutralEvent = { kind: 'open', part: 0, of: 'call', id: '3', name: dashed }
  const decoder: NeutralDecoder = { push: () => [event], end: () => [] }
  assert.deepEqual(decodingOwnNames(decoder, asked, RULE).push(new Uint8Array()), [{ ...event, name: 'a-b' }])
})

test('where all names fit, or any name does, nothing is touched', () => {
  assert.equal(withFittingNames(asked, {}), asked)
  const plain = request([turn('user', 'Go.')], { tools: [{ name: 'look', schema }] })
  assert.equal(withFittingNames(plain, RULE), plain)
})

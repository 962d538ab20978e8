import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, request, result, turn } from './neutral.fixture.ts'
import type { NeutralDecoder, NeutralEvent } from './neutral.ts'
import { decodingOwnNames, withFittingNames, withOwnNames } from './tool-names.ts'

const RULE = { toolNames: { accepts: /^[A-Za-z_][A-Za-z0-9_]{0,19}$/, length: 20 } }
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
    names.every(name => RULE.toolNames.accepts.test(name)),
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

test('a name that is too long is cut, told apart by its hash, and the same in every turn', () => {
  const long = (end: string): string => `server__a_name_of_many_words_${end}`
  const tools = [long('one'), long('two')].map(name => ({ name, schema }))
  const fitting = (more: readonly string[]): readonly string[] =>
    withFittingNames(
      request([turn('user', 'Go.')], { tools: [...more.map(name => ({ name, schema })), ...tools] }),
      RULE,
    ).tools?.map(({ name }) => name) ?? []
  const [one = '', two = ''] = fitting([])
  assert.match(one, /^server__a_n_[0-9a-f]{8}$/)
  assert.notEqual(one, two)
  assert.deepEqual(fitting(['another']).slice(1), [one, two])
})

test('a result whose call is not there keeps no name, and letters of any alphabet become underscores', () => {
  const asked = request([turn('user', result('1', '', 'done'))], { tools: [{ name: 'größe😀', schema }] })
  const fitting = withFittingNames(asked, RULE)
  assert.deepEqual(fitting.tools?.[0]?.name, 'gr__e_')
  assert.equal(fitting.turns[0]?.parts[0]?.kind === 'result' && fitting.turns[0].parts[0].name, '')
})

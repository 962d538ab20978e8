import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callsIn, dueCall, newestWish } from './calls.ts'

const TASK =
  'Do it. [stage:call Bash {"command": "echo [a] > x"}] then\n[stage:call Read {"path": "x"}] [stage:say Done]'

test('a prompt directs calls in their order, and brackets inside the arguments do not end them', () => {
  assert.deepEqual(callsIn(TASK), [
    { name: 'Bash', args: { command: 'echo [a] > x' } },
    { name: 'Read', args: { path: 'x' } },
  ])
})

test('a direction that is not whole JSON on one line directs nothing', () => {
  for (const broken of [
    '[stage:call Bash {"a": 1]',
    '[stage:call Bash {"a":\n1}]',
    '[stage:call Bash]',
    '[stage:call Bash []]',
  ])
    assert.deepEqual(callsIn(broken), [], broken)
})

test('each result brings the next call, and the last one none', () => {
  const due = (results: number): string | undefined =>
    dueCall([{ said: TASK }, ...Array.from({ length: results }, () => 'result' as const)], ['Bash', 'Read'])
      ?.name
  assert.deepEqual([0, 1, 2, 3].map(due), ['Bash', 'Read', undefined, undefined])
})

test('a new text of the user ends the directions before it', () => {
  assert.equal(dueCall([{ said: TASK }, { said: 'Something else' }], ['Bash', 'Read']), undefined)
})

test("what an agent adds in tags is no text of the user's", () => {
  const cues = [{ said: TASK }, 'result', { said: ' <system-reminder>\nmind\n</system-reminder>\n' }] as const
  assert.deepEqual(newestWish(cues), { prompt: TASK, results: 1 })
  assert.equal(newestWish([{ said: '<note>a</note> go on' }]).prompt, '<note>a</note> go on')
})

test('a tool that the request does not declare is not called', () => {
  assert.equal(dueCall([{ said: TASK }], ['Read']), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlausible, readEvent } from './read-event.ts'

const NOW = Date.parse('2026-10-21T07:28:00Z')
const HOUR = 3_600_000
const rest = { until: NOW + 5_000, kind: 'soft', level: 1, firm: false, status: 500, because: 'transient' }
const at = (value: unknown) => {
  const event = readEvent(value)
  return event !== undefined && isPlausible(event, NOW) ? event : undefined
}

test('what no board could have told is not heard: nobody is locked out by a damaged record or a wrong clock', () => {
  for (const until of [NOW + 2 * HOUR, 1e15, Number.MAX_VALUE])
    assert.equal(at({ kind: 'bound', domain: 'd', until }), undefined, String(until))
  for (const until of [NOW + 367 * 24 * HOUR, 1e15])
    assert.equal(
      at({ kind: 'rest', domain: 'd', deployment: 'a', began: NOW, rest: { ...rest, until } }),
      undefined,
    )
  for (const began of [NOW + HOUR, 1e15]) {
    assert.equal(at({ kind: 'recovery', domain: 'd', deployment: 'a', began, level: 0 }), undefined)
    assert.equal(at({ kind: 'rest', domain: 'd', deployment: 'a', began, rest }), undefined)
  }
  // A level that a thousand successes would not take back.
  const level = at({ kind: 'rest', domain: 'd', deployment: 'a', began: NOW, rest: { ...rest, level: 1e9 } })
  assert.equal(level?.kind === 'rest' && level.rest.level, 64)
})

test('what a board tells is heard', () => {
  for (const event of [
    { kind: 'bound', domain: 'd', until: NOW + HOUR },
    { kind: 'rest', domain: 'd', deployment: 'a', began: NOW, rest },
    { kind: 'rest', domain: 'd', deployment: 'a', began: NOW, rest: { ...rest, until: NOW + 24 * HOUR } },
    { kind: 'recovery', domain: 'd', deployment: 'a', began: NOW, level: 2 },
  ])
    assert.deepEqual(at(event), event)
})

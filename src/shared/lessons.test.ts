import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { createLessons, type Lectern, type Lesson, type Lessons, MOST_LESSONS } from './lessons.ts'

const HOUR = 3_600_000
const user: Lesson = { kind: 'without', path: ['user'], value: undefined }
const tier: Lesson = { kind: 'without', path: ['service_tier'], value: '"flex"' }

const at = (more: Partial<Lectern> & { id?: string; domain?: string } = {}): Lectern => ({
  deployment: { id: more.id ?? 'one', domain: more.domain ?? 'there' },
  route: more.route ?? 'chat.completions',
  model: more.model ?? 'm',
})

const of = (lessons: Lessons, { deployment, route, model }: Lectern) => lessons.of(deployment, route, model)

test('a lesson holds where it was learned, for its time, and no longer', async () => {
  const { clock, advance } = virtualClock()
  const lessons = createLessons(clock)
  assert.equal(of(lessons, at()), undefined)
  assert.equal(lessons.learn(at(), user, 24 * HOUR), true)
  assert.equal(lessons.learn(at(), user, 24 * HOUR), false, 'it is known')
  lessons.learn(at({ route: 'responses.create' }), tier, HOUR)
  assert.deepEqual(of(lessons, at()), [user])
  assert.deepEqual(of(lessons, at({ route: 'responses.create' })), [tier])
  for (const other of [{ id: 'two' }, { model: 'n' }, { route: 'embeddings' }, { domain: 'elsewhere' }])
    assert.equal(of(lessons, at(other)), undefined, JSON.stringify(other))
  await advance(24 * HOUR - 1)
  assert.deepEqual(of(lessons, at()), [user])
  assert.equal(of(lessons, at({ route: 'responses.create' })), undefined)
  await advance(1)
  assert.equal(of(lessons, at()), undefined)
  assert.equal(lessons.size(), 0, 'what is over is held by nobody')
  assert.equal(lessons.learn(at(), user, HOUR), true)
})

test('another credential, address or model under the same id begins with nothing', () => {
  const lessons = createLessons(virtualClock().clock)
  lessons.learn(at(), user, HOUR)
  lessons.learn(at({ domain: 'elsewhere' }), tier, HOUR)
  assert.deepEqual(of(lessons, at({ domain: 'elsewhere' })), [tier])
  assert.equal(of(lessons, at()), undefined)
})

test('a reload keeps what is known of deployments that stay', () => {
  const lessons = createLessons(virtualClock().clock)
  lessons.learn(at(), user, HOUR)
  lessons.learn(at({ id: 'two' }), user, HOUR)
  lessons.keep(new Set(['two']))
  assert.equal(of(lessons, at()), undefined)
  assert.deepEqual(of(lessons, at({ id: 'two' })), [user])
})

test('of too many lessons the oldest goes; one that is learned again is young', () => {
  const lessons = createLessons(virtualClock().clock)
  const nth = (n: number): Lesson => ({ kind: 'without', path: [`p${n}`], value: undefined })
  for (let n = 0; n < MOST_LESSONS; n++) lessons.learn(at(), nth(n), HOUR)
  lessons.learn(at(), nth(0), HOUR)
  lessons.learn(at(), nth(MOST_LESSONS), HOUR)
  assert.equal(lessons.size(), MOST_LESSONS)
  const known = of(lessons, at())?.map(one => (one.kind === 'without' ? one.path[0] : ''))
  assert.ok(known?.includes('p0') && !known.includes('p1'))
})

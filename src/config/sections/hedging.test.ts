import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderPlan } from '../effective.ts'
import { accepted, lines, loadText, models } from '../load.fixture.ts'

const LIST = models('a', 'b')
const read = async (hedge: string) =>
  (await accepted(`${LIST}router_settings: {hedge: ${hedge}}\n`)).router.hedges
const said = async (hedge: string) =>
  lines((await loadText(`${LIST}router_settings:\n  hedge: ${hedge}\n`)).notices)

test('nobody hedges who did not ask for it', async () => {
  assert.equal((await accepted(LIST)).router.hedges, undefined)
  assert.equal(await read('{}'), undefined)
})

test('a group that is only named has the defaults, seconds become milliseconds, a star is for the others', async () => {
  const hedges = await read(
    '{a: {}, b: {after: 0.25, max_percent: "2.5"}, "*": {after: P95, max_percent: 100}}',
  )
  assert.deepEqual(
    [...(hedges ?? [])],
    [
      ['a', { after: 'p95', maxPercent: 5 }],
      ['b', { after: 250, maxPercent: 2.5 }],
      ['*', { after: 'p95', maxPercent: 100 }],
    ],
  )
  assert.deepEqual([...((await read('{a: }')) ?? [])], [['a', { after: 'p95', maxPercent: 5 }]])
})

test('what is wrong is named where it stands, with what to write instead', async () => {
  for (const [hedge, expected] of [
    ['p95', /^error.*config\.yaml:7:10.*router_settings\.hedge.*must be a map of group names/],
    ['{a: p95}', /router_settings\.hedge\.a.*must be a map: \{after: p95 or seconds/],
    ['{a: {after: p99}}', /hedge\.a\.after.*must be a number of seconds, or p95/],
    ['{a: {after: 0}}', /hedge\.a\.after.*must be more than 0, or p95/],
    ['{a: {max_percent: 0}}', /hedge\.a\.max_percent.*must be more than 0; leave the group out/],
    ['{a: {max_percent: 500}}', /hedge\.a\.max_percent.*must be 100 or less/],
    ['{a: {max_percent: many}}', /hedge\.a\.max_percent.*must be a number/],
    ['{a: {afer: 1}}', /hedge\.a\.afer.*unknown field\. Did you mean after\?/],
  ] as const) {
    const notices = await said(hedge)
    assert.ok(
      notices.some(line => expected.test(line)),
      `${hedge}\n${notices.join('\n')}`,
    )
  }
})

test('a group that nobody serves is a warning', async () => {
  const notices = await said('{aa: {}, z: {}, "*": {}}')
  assert.equal(notices.filter(line => /no group has this name/.test(line)).length, 2, notices.join('\n'))
})

test('the effective plan says when a group hedges, and how often at most', async () => {
  const plan = renderPlan(await accepted(`${LIST}router_settings: {hedge: {a: {after: 2}, "*": {}}}\n`))
  assert.match(plan, /hedge {6}after 2 s, at most 5 % of the requests/)
  assert.match(plan, /hedge {6}after p95, at most 5 % of the requests/)
  assert.doesNotMatch(renderPlan(await accepted(LIST)), /hedge/)
})

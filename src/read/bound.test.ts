import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../authenticate/caller.ts'
import type { GeneralSettings } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import { testConfig, testDeployment } from '../plan/testing.ts'
import { Seal } from '../seal.ts'
import type { JsonObject } from '../wire/json.ts'
import { type Opener, openBody, openId } from './bound.ts'

const left = testDeployment({ id: 'left' })
const right = testDeployment({ id: 'right' })
const seal = new Seal('material')

const callerOf = (owner: string, admin = false): Caller => ({
  admin,
  keyHash: owner,
  owner,
  mayUse: () => true,
})
const alice = callerOf('alice')
const bob = callerOf('bob')
const root = callerOf('root', true)

const openerFor = (caller: Caller, general: Partial<GeneralSettings> = {}): Opener => {
  const config = testConfig({ deployments: [left, right] })
  return { seal, caller, config: { ...config, general: { ...config.general, ...general } } }
}

const refusalOf = (action: () => unknown): Refusal => {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof Refusal)
    return error
  }
  return assert.fail('nothing was refused')
}

const mine = seal.seal('resp_raw', left, 'alice')
const RAW = 'resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b'

test('the owner’s id opens to the provider’s, pinned to the deployment that made it', () => {
  assert.deepEqual(openId(mine, 'response_id', openerFor(alice)), {
    upstreamId: 'resp_raw',
    pin: { deploymentId: 'left', boundary: left.boundary, because: 'response_id' },
  })
})

test('another owner’s id is forbidden in LiteLLM’s words, in a path and in a body, for an admin key too', () => {
  for (const caller of [bob, root])
    for (const action of [
      () => openId(mine, 'response_id', openerFor(caller)),
      () => openBody(key => ({ previous_response_id: mine })[key], openerFor(caller)),
    ]) {
      const refusal = refusalOf(action)
      assert.equal(refusal.status, 403)
      assert.match(
        refusal.message,
        /^Forbidden\. The response id is not associated with the user, who this key belongs to\./,
      )
      assert.ok(!refusal.message.includes('resp_raw') && !refusal.message.includes('alice'))
    }
})

test('an id that was not made here: an admin’s passes as it is, anybody else’s is forbidden', () => {
  assert.deepEqual(openId(RAW, 'response_id', openerFor(root)), { upstreamId: RAW, pin: undefined })
  const refusal = refusalOf(() => openId(RAW, 'response_id', openerFor(alice)))
  assert.equal(refusal.status, 403)
  assert.match(refusal.message, /^Forbidden\. The response id is not associated/)
})

test('a changed id is treated as one that was not made here', () => {
  const changed = `${mine.slice(0, 40)}${mine[40] === 'A' ? 'B' : 'A'}${mine.slice(41)}`
  assert.equal(refusalOf(() => openId(changed, 'response_id', openerFor(alice))).status, 403)
})

test('allow_unmanaged_response_ids lets foreign ids pass and no other owner’s', () => {
  const settings = { allowUnmanagedResponseIds: true }
  assert.equal(openId(RAW, 'response_id', openerFor(bob, settings)).upstreamId, RAW)
  assert.equal(refusalOf(() => openId(mine, 'response_id', openerFor(bob, settings))).status, 403)
})

test('disable_responses_id_security lets every id pass, and a sealed one still goes home', () => {
  const settings = { disableResponsesIdSecurity: true }
  assert.equal(openId(RAW, 'response_id', openerFor(bob, settings)).upstreamId, RAW)
  const opened = openId(mine, 'response_id', openerFor(bob, settings))
  assert.deepEqual([opened.upstreamId, opened.pin?.deploymentId], ['resp_raw', 'left'])
})

test('an id whose account is not configured any more is not found, before anybody asks whose it was', () => {
  const gone = seal.seal('resp_gone', testDeployment({ id: 'removed' }), 'alice')
  const inPath = refusalOf(() => openId(gone, 'response_id', openerFor(alice)))
  assert.deepEqual([inPath.status, inPath.code, inPath.param], [404, 'not_found', 'response_id'])
  const inBody = refusalOf(() => openBody(key => ({ previous_response_id: gone })[key], openerFor(alice)))
  assert.deepEqual(
    [inBody.status, inBody.code, inBody.param],
    [400, 'previous_response_not_found', 'previous_response_id'],
  )
})

const openIn = (body: JsonObject, caller = alice) => openBody(key => body[key], openerFor(caller))

test('a body’s references become named edits, a pin, and echoes of what the client wrote', () => {
  const conversation = seal.seal('conv_raw', left, 'alice')
  assert.deepEqual(openIn({ previous_response_id: mine }), {
    edits: [{ op: 'set', path: ['previous_response_id'], value: 'resp_raw', why: 'sealed-id' }],
    pin: { deploymentId: 'left', boundary: left.boundary, because: 'previous_response_id' },
    echoes: new Map([['resp_raw', mine]]),
    unowned: false,
    asides: [],
  })
  assert.deepEqual(openIn({ conversation }).edits, [
    { op: 'set', path: ['conversation'], value: 'conv_raw', why: 'sealed-id' },
  ])
  assert.deepEqual(openIn({ conversation: { id: conversation } }).edits, [
    { op: 'set', path: ['conversation', 'id'], value: 'conv_raw', why: 'sealed-id' },
  ])
})

test('an admin’s foreign reference is passed without an edit and marked as nobody’s', () => {
  assert.deepEqual(openIn({ previous_response_id: RAW }, root), {
    edits: [],
    pin: undefined,
    echoes: new Map([[RAW, RAW]]),
    unowned: true,
    asides: [],
  })
})

test('no reference, an empty one and a null one bind nothing', () => {
  for (const body of [
    {},
    { previous_response_id: null },
    { previous_response_id: '', conversation: '' },
    { conversation: null },
  ]) {
    const { edits, pin, unowned } = openIn(body)
    assert.deepEqual({ edits, pin, unowned }, { edits: [], pin: undefined, unowned: false })
  }
})

test('references to two accounts in one body are refused', () => {
  const conversation = seal.seal('conv_raw', right, 'alice')
  const refusal = refusalOf(() => openIn({ previous_response_id: mine, conversation }))
  assert.deepEqual([refusal.status, refusal.param], [400, 'conversation'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAPSULE_PREFIX } from '../capsule.ts'
import type { Config } from '../config/config.ts'
import { accepted } from '../config/load.fixture.ts'
import { FOREIGN_SEAL } from '../dialects/responses-seal.ts'
import { virtualClock } from '../shared/clock.ts'
import { createOrigins, type Origins } from '../shared/origins.ts'
import { fingerprintOf } from '../wire/encrypted.ts'
import { indexObject } from '../wire/index.ts'
import { keptAs } from '../wire/items.ts'
import type { JsonObject } from '../wire/json.ts'
import { bindsCiphertext, homeOfItems, NO_HOME } from './encrypted.ts'

const load = (keys: readonly string[], checks = ''): Promise<Config> =>
  accepted(
    `model_list:\n${keys
      .map(
        key =>
          `  - {model_name: g, litellm_params: {model: openai/m, api_key: ${key}}, model_info: {id: d-${key}}}`,
      )
      .join('\n')}\nrouter_settings: {optional_pre_call_checks: [${checks}]}\n`,
  )

const two = await load(['a', 'b'])
const pinned = await load(['a', 'b'], 'encrypted_content_affinity')
const boundary = (key: string): string => two.byId.get(`d-${key}`)?.boundary ?? ''

const seen = (made: Readonly<Record<string, string>>): Origins => {
  const origins = createOrigins(virtualClock().clock)
  for (const [what, key] of Object.entries(made))
    origins.made(what, { id: `d-${key}`, boundary: boundary(key) })
  return origins
}
const home = (items: readonly JsonObject[], origins: Origins, config = two) =>
  homeOfItems(indexObject(Buffer.from(JSON.stringify({ input: items }))), config, { origins })

const reasoning = (encrypted_content: string): JsonObject => ({
  type: 'reasoning',
  summary: [],
  encrypted_content,
})
const compaction = (encrypted_content: string): JsonObject => ({ type: 'compaction', encrypted_content })
const of = (sealed: string): string => fingerprintOf(sealed)

test('reasoning draws to who can read the newest of it, and binds only where the operator says so', () => {
  const origins = seen({ [of('one')]: 'a', [of('two')]: 'b' })
  const items = [reasoning('one'), reasoning('two'), reasoning('three')]
  assert.deepEqual(home(items, origins), { pin: undefined, origin: boundary('b'), unowned: false })
  assert.equal(home(items, origins, pinned).pin?.deploymentId, 'd-a')
})

test('a compaction and a reference bind, whatever the operator says', () => {
  const origins = seen({ [of('all')]: 'a', [keptAs('msg_1')]: 'b' })
  assert.deepEqual(home([compaction('all')], origins).pin, {
    deploymentId: 'd-a',
    boundary: boundary('a'),
    because: 'encrypted_content',
  })
  assert.equal(home([{ type: 'item_reference', id: 'msg_1' }], origins).pin?.because, 'item_reference')
})

test('what this gateway has sealed itself binds nobody', () => {
  for (const mark of [CAPSULE_PREFIX, FOREIGN_SEAL])
    assert.deepEqual(home([compaction(`${mark}e30`)], seen({ [of(`${mark}e30`)]: 'a' })), NO_HOME)
})

test('what nobody saw being made is at home nowhere; a reference to it is nobody’s to guess', () => {
  const nothing = seen({})
  assert.deepEqual(home([reasoning('x'), compaction('y')], nothing), NO_HOME)
  assert.equal(home([{ type: 'item_reference', id: 'msg_2' }], nothing).unowned, true)
})

test('an account that is not configured any more is nobody’s home', () => {
  const origins = createOrigins(virtualClock().clock)
  origins.made(of('old'), { id: 'd-old', boundary: 'elsewhere' })
  assert.equal(home([compaction('old')], origins).pin, undefined)
})

test('who made what matters only where there is more than one account, or the operator says so', async () => {
  assert.ok(bindsCiphertext(two, 'responses') && bindsCiphertext(two, 'compaction'))
  assert.ok(!bindsCiphertext(two, 'chat'))
  assert.ok(!bindsCiphertext(await load(['a', 'a']), 'responses'))
  assert.ok(bindsCiphertext(await load(['a'], 'encrypted_content_affinity'), 'responses'))
})

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { assertErrorShape } from './support/answers.ts'
import { deployment, play } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { steady } from './support/steady.ts'

/** One model makes vectors of many lengths: a failover may not change the one that the client's index is made of. */

const MODEL = 'text-embedding-3-small'

const house = await play(
  { after },
  {
    stages: { lead: {}, backup: {} },
    start: steady().start,
    config: ({ lead, backup }) => {
      const short = (group: string, where: typeof lead, more: JsonObject): JsonObject => ({
        ...deployment(group, where, MODEL, more),
        model_info: { mode: 'embedding' },
      })
      return {
        model_list: [
          short('short', lead, { dimensions: 256 }),
          short('native', backup, {}),
          short('also-short', backup, { dimensions: 256 }),
          short('native-first', lead, {}),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ short: ['native', 'also-short'] }, { 'native-first': ['also-short'] }],
        },
      }
    },
  },
)
const { lead, backup } = house.stages
beforeEach(() => {
  lead.clear()
  backup.clear()
  lead.script(always({ kind: 'status', status: 503 }))
})

const embed = (model: string, more: JsonObject = {}) =>
  house.ask('/v1/embeddings', { model, input: 'The understudy', ...more })

test('a deployment’s own length is kept: who would make another one is passed over', async () => {
  const reply = await embed('short')
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['x-litellm-model-group'], 'also-short')
  assert.deepEqual(
    backup.requests.map(({ json }) => json),
    [{ model: MODEL, input: 'The understudy', dimensions: 256 }],
  )
})

test('a length that only the backup is asked for is another one', async () => {
  const reply = await embed('native-first')
  assertErrorShape(reply, 503)
  assert.match(reply.text, /also-short makes other vectors: of another model, or of another length/)
  assert.equal(backup.requests.length, 0)
})

test('a length that the client asks for is the same everywhere', async () => {
  assert.equal((await embed('short', { dimensions: 64 })).headers['x-litellm-model-group'], 'native')
  assert.equal(
    (await embed('native-first', { dimensions: 64 })).headers['x-litellm-model-group'],
    'also-short',
  )
  assert.deepEqual(
    backup.requests.map(({ json }) => (json as JsonObject).dimensions),
    [64, 64],
  )
})

test('a fallback entry that names the length is followed', async () => {
  const fallbacks = [
    { model: 'also-short', dimensions: 1536 },
    { model: 'native', dimensions: 256 },
  ]
  const reply = await embed('short', { fallbacks })
  assert.equal(reply.headers['x-litellm-model-group'], 'native')
  assert.deepEqual(
    backup.requests.map(({ json }) => (json as JsonObject).dimensions),
    [256],
  )
})

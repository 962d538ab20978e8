import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testConfig, testDeployment } from './plan/testing.ts'
import { Seal } from './seal.ts'

const left = testDeployment({ id: 'left' })
const right = testDeployment({ id: 'right' })
/** Another deployment with the base URL and credential of `left`. */
const twin = testDeployment({ id: 'twin', boundary: left.boundary })
const config = testConfig({ deployments: [left, right, twin] })
const seal = new Seal('material')

const upstreamId = fc.oneof(
  fc
    .tuple(fc.constantFrom('resp_', 'conv_', 'caresp_', ''), fc.stringMatching(/^[A-Za-z0-9_-]{1,200}$/))
    .map(([prefix, rest]) => prefix + rest),
  fc.uuid(),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  fc.constant(`resp_${'x'.repeat(2000)}`),
)

test('a sealed id opens to what it was made of, for its owner', () => {
  fc.assert(
    fc.property(upstreamId, fc.constantFrom(left, right, twin), fc.string(), (id, deployment, owner) => {
      const sealed = seal.seal(id, deployment, owner)
      assert.match(sealed, /^[A-Za-z0-9_-]+$/, 'it stands in a path as it is')
      assert.deepEqual(seal.open(sealed, owner, config), {
        kind: 'bound',
        bound: { deployment, upstreamId: id, mine: true },
      })
    }),
  )
})

test('another owner can open an id and is told that it is not theirs', () => {
  const opened = seal.open(seal.seal('resp_1', left, 'alice'), 'bob', config)
  assert.ok(opened.kind === 'bound' && !opened.bound.mine)
})

test('the same object has the same id, whoever of those that share the material seals it', () => {
  const again = new Seal('material')
  assert.equal(again.seal('resp_1', left, 'alice'), seal.seal('resp_1', left, 'alice'))
  const others = [
    seal.seal('resp_2', left, 'alice'),
    seal.seal('resp_1', right, 'alice'),
    seal.seal('resp_1', left, 'bob'),
    new Seal('other material').seal('resp_1', left, 'alice'),
  ]
  assert.equal(new Set([...others, seal.seal('resp_1', left, 'alice')]).size, 5)
})

test('an id that was sealed before a rotation opens after it, and a new one has the new key', () => {
  const rotated = new Seal('new', ['older', 'material'])
  const opened = rotated.open(seal.seal('resp_1', left, 'alice'), 'alice', config)
  assert.ok(opened.kind === 'bound' && opened.bound.mine && opened.bound.upstreamId === 'resp_1')
  assert.equal(rotated.seal('resp_1', left, 'alice'), new Seal('new').seal('resp_1', left, 'alice'))
})

test('the prefix of the id is kept, because clients look at it', () => {
  assert.match(seal.seal('resp_abc', left, ''), /^resp_/)
  assert.match(seal.seal('conv_abc', left, ''), /^conv_/)
})

test('nothing of the id, the deployment or the owner can be read from it', () => {
  const sealed = seal.seal('resp_secretsecretsecret', left, 'alice')
  const bytes = Buffer.from(sealed.slice('resp_'.length), 'base64url').toString('latin1')
  for (const word of ['secret', 'left', 'alice']) assert.ok(!bytes.includes(word) && !sealed.includes(word))
})

test('a change of any one character makes it nobody’s', () => {
  const sealed = seal.seal('resp_0123456789abcdef', left, 'alice')
  const start = 'resp_'.length
  fc.assert(
    fc.property(
      fc.integer({ min: start, max: sealed.length - 1 }),
      fc.constantFrom(...'ABCXYZabcxyz0189-_'),
      (at, letter) => {
        const changed = sealed.slice(0, at) + letter + sealed.slice(at + 1)
        if (changed === sealed) return
        // The spare bits of the last base64 letter carry nothing.
        if (
          Buffer.from(changed.slice(start), 'base64url').equals(Buffer.from(sealed.slice(start), 'base64url'))
        )
          return
        assert.deepEqual(seal.open(changed, 'alice', config), { kind: 'foreign' })
      },
    ),
    { numRuns: 500 },
  )
})

test('an id of another key, a raw one, a long one and any other text are foreign, and nothing throws', () => {
  const foreign = [
    new Seal('other material').seal('resp_1', left, 'alice'),
    'resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b',
    `resp_${'A'.repeat(100)}`,
    `resp_${'A'.repeat(100_000)}`,
    '',
    '_',
  ]
  for (const id of foreign) assert.deepEqual(seal.open(id, 'alice', config), { kind: 'foreign' })
  fc.assert(fc.property(fc.string({ unit: 'binary' }), id => seal.open(id, 'x', config).kind === 'foreign'))
})

test('an id outlives its deployment while another has the same account, and says so when none has', () => {
  const sealed = seal.seal('resp_1', left, 'alice')
  const kept = seal.open(sealed, 'alice', testConfig({ deployments: [right, twin] }))
  assert.ok(kept.kind === 'bound' && kept.bound.deployment === twin)
  assert.deepEqual(seal.open(sealed, 'alice', testConfig({ deployments: [right] })), { kind: 'gone' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CAPSULE_PREFIX, type Capsule, Capsules, MOST_CAPSULE_CHARS, Shadows } from './capsule.ts'

const capsules = new Capsules('material')
const capsule: Capsule = {
  summary: 'They want a bridge.',
  created: 1_790_000_000,
  model: 'a-model',
  transcript: 'ab',
}

const anyCapsule: fc.Arbitrary<Capsule> = fc.record(
  {
    summary: fc.string({ unit: 'binary', maxLength: 2000 }).map(text => text.toWellFormed()),
    created: fc.integer({ min: 0, max: 2 ** 40 }),
    model: fc.string({ unit: 'grapheme' }),
    transcript: fc.stringMatching(/^[0-9a-f]{64}$/),
  },
  { noNullPrototype: true },
)
const anyTenant = fc.string({ unit: 'grapheme' })

test('a capsule opens to what was sealed, for the tenant it was sealed for', () => {
  fc.assert(
    fc.property(anyCapsule, anyTenant, (made, tenant) => {
      const text = capsules.seal(made, tenant)
      assert.match(text, /^gwc1\.[A-Za-z0-9_-]+$/)
      assert.deepEqual(capsules.open(text, tenant), { kind: 'opened', content: made })
    }),
  )
})

test('no other tenant opens it, whatever its name', () => {
  fc.assert(
    fc.property(anyCapsule, anyTenant, anyTenant, (made, tenant, other) => {
      fc.pre(tenant !== other)
      assert.deepEqual(capsules.open(capsules.seal(made, tenant), other), { kind: 'broken' })
    }),
  )
})

test('a change of any byte, a cut and an addition make it nobody’s', () => {
  const text = capsules.seal(capsule, 'alice')
  const bytes = Buffer.from(text.slice(CAPSULE_PREFIX.length), 'base64url')
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ mask
      const kind = capsules.open(CAPSULE_PREFIX + changed.toString('base64url'), 'alice').kind
      assert.equal(kind, at < 4 ? 'unknown' : 'broken')
    }),
    { numRuns: 500 },
  )
  for (let length = CAPSULE_PREFIX.length; length < text.length; length += 7)
    assert.notEqual(capsules.open(text.slice(0, length), 'alice').kind, 'opened')
  for (const more of ['A', '_', 'AAAA'])
    assert.equal(capsules.open(text + more, 'alice').kind, 'broken', more)
  // The last letter has bits that no byte is made of.
  for (const summary of ['a', 'ab', 'abc']) {
    const sealed = capsules.seal({ ...capsule, summary }, 'alice')
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    const opening = letters.filter(
      letter => capsules.open(sealed.slice(0, -1) + letter, 'alice').kind === 'opened',
    )
    assert.deepEqual(opening, [sealed.at(-1)])
  }
})

test('what was sealed before a rotation opens after it, and the other way round it does not', () => {
  const old = new Capsules('old').seal(capsule, 'alice')
  const rotated = new Capsules('new', ['older', 'old'])
  assert.deepEqual(rotated.open(old, 'alice'), { kind: 'opened', content: capsule })
  assert.deepEqual(rotated.open(old, 'bob'), { kind: 'broken' })
  const fresh = rotated.seal(capsule, 'alice')
  assert.deepEqual(new Capsules('new').open(fresh, 'alice'), { kind: 'opened', content: capsule })
  assert.deepEqual(new Capsules('old').open(fresh, 'alice'), { kind: 'unknown' })
})

test('one capsule is one text, wherever it is sealed; another tenant’s is another one', () => {
  assert.equal(new Capsules('material').seal(capsule, 'alice'), capsules.seal(capsule, 'alice'))
  assert.notEqual(capsules.seal(capsule, 'bob'), capsules.seal(capsule, 'alice'))
})

test('nothing of its content or its tenant can be read from it', () => {
  const text = capsules.seal(capsule, 'tenant-alice')
  const bytes = Buffer.from(text.slice(CAPSULE_PREFIX.length), 'base64url').toString('latin1')
  for (const word of ['bridge', 'a-model', 'alice', '1790000000', 'summary'])
    assert.ok(!bytes.includes(word) && !text.includes(word), word)
})

test('garbage is broken, and nothing throws', () => {
  const garbage = [
    '',
    'gwc1.',
    'gwc1.====',
    `gwc1.${'A'.repeat(60)}`,
    'gAAAAB',
    'gwc2.AAAA',
    JSON.stringify(capsule),
  ]
  for (const text of garbage) assert.notEqual(capsules.open(text, 'alice').kind, 'opened')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      assert.notEqual(capsules.open(CAPSULE_PREFIX + text, 'alice').kind, 'opened')
    }),
  )
})

test('a capsule is never longer than the published limit, and one of that length opens', () => {
  const withSummary = (length: number): Capsule => ({ ...capsule, summary: 'x'.repeat(length) })
  const spare = Buffer.byteLength(JSON.stringify(withSummary(0))) + 32
  const most = Math.floor(((MOST_CAPSULE_CHARS - CAPSULE_PREFIX.length) * 3) / 4) - spare
  const text = capsules.seal(withSummary(most), 'alice')
  assert.ok(text.length <= MOST_CAPSULE_CHARS && text.length > MOST_CAPSULE_CHARS - 4)
  assert.equal(capsules.open(text, 'alice').kind, 'opened')
  assert.throws(() => capsules.seal(withSummary(most + 3), 'alice'), RangeError)
  assert.equal(capsules.open(`${CAPSULE_PREFIX}${'A'.repeat(MOST_CAPSULE_CHARS)}`, 'alice').kind, 'broken')
})

test('what is kept here is no capsule, although the same key seals it', () => {
  const shadows = new Shadows('material')
  const kept = shadows.seal({ text: 'user: Hello.', boundary: 'b' }, 'alice')
  assert.deepEqual(shadows.open(kept, 'alice'), {
    kind: 'opened',
    content: { text: 'user: Hello.', boundary: 'b' },
  })
  assert.equal(capsules.open(kept, 'alice').kind, 'unknown')
  assert.equal(shadows.open(capsules.seal(capsule, 'alice'), 'alice').kind, 'unknown')
})

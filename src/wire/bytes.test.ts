import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gatherSegments } from './bytes.ts'

test('property: gathered segments are the same bytes; large ones are not copied, small ones are never neighbours', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 12 })),
      fc.integer({ min: 1, max: 12 }),
      (segments, small) => {
        const gathered = gatherSegments(segments, small)
        assert.deepEqual(Buffer.concat(gathered), Buffer.concat(segments))
        for (const segment of segments.filter(({ length }) => length >= small))
          assert(gathered.includes(segment))
        const sizes = gathered.map(({ length }) => length)
        const larges = segments.filter(({ length }) => length >= small).length
        assert(sizes.length <= 2 * larges + 1)
      },
    ),
  )
})

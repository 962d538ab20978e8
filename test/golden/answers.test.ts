import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromUpstream } from './answers.ts'
import { casesIn, written } from './golden.ts'
import { DIALECTS } from './targets.ts'

/** What each kind of provider's answer becomes for each kind of client, whole and streamed. */
describe('golden answers', () => {
  const cases = casesIn('answers')
  for (const one of cases)
    test(one.name, () =>
      assert.equal(
        written(one, ({ content }) => fromUpstream(content)),
        one.text,
      ),
    )
  test('every dialect of a provider has some, whole and streamed', () => {
    const found = (member: 'answer' | 'stream'): readonly string[] =>
      [
        ...new Set(
          cases.filter(({ content }) => member in content).map(({ content }) => String(content.from)),
        ),
      ].sort()
    assert.deepEqual([found('answer'), found('stream')], [[...DIALECTS].sort(), [...DIALECTS].sort()])
  })
})

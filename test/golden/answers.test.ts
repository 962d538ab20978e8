import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromUpstream } from './answers.ts'
import { casesIn, written } from './golden.ts'

/** What each kind of provider's answer becomes for each kind of client, whole and streamed. */
describe('golden answers', () => {
  for (const one of casesIn('answers'))
    test(one.name, () =>
      assert.equal(
        written(one, ({ content }) => fromUpstream(content)),
        one.text,
      ),
    )
})

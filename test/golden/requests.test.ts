import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { casesIn, written } from './golden.ts'
import { DIALECTS, refusedBy, toAll } from './targets.ts'

/**
 * What each kind of client's request becomes for each kind of provider. What is compared has been read by somebody;
 * `npm run golden -- --write` renews it.
 */
describe('golden requests', () => {
  for (const one of casesIn('requests'))
    test(one.name, () => {
      // Throws for a body that its provider would refuse.
      assert.equal(
        written(one, ({ content }) => toAll(content)),
        one.text,
      )
      const { to = {} } = one.content as { to?: Record<string, { dropped?: readonly string[] }> }
      for (const dialect of DIALECTS) {
        const { dropped = [] } = to[dialect] ?? {}
        const refused = refusedBy(one.content, dialect)
        // What is dropped where drop_params is on, is what a refusal names where it is off.
        for (const line of dropped)
          assert.ok(refused?.includes(line.split(': ')[0] ?? ''), `${dialect}: ${line}`)
        assert.equal(refused === undefined, !('refused' in (to[dialect] ?? {})) && dropped.length === 0)
      }
    })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployment, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { asked, chat } from './support/steady.ts'

/** A group that was left although nobody in it was asked has no step: the record says all the same why. */

test('the record of a call names the group it was for, and why it and the fallbacks before the one that served were left', async t => {
  const within = inside()
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: within.start,
    config: ({ stage }) => ({
      model_list: ['first', 'second', 'third'].map(name => deployment(name, stage, name)),
      router_settings: {
        num_retries: 0,
        fallbacks: [{ first: ['second', 'third'] }],
        model_group_alias: { nickname: 'first' },
      },
    }),
  })
  const { stage } = on.stages
  const refused = { kind: 'status', status: 401 } as const
  stage.script([refused], { model: 'first' })
  stage.script([refused], { model: 'second' })
  assert.equal((await on.ask('/v1/chat/completions', chat('first'))).status, 200)
  // Both rest for their keys now.
  assert.equal((await on.ask('/v1/chat/completions', chat('nickname'))).status, 200)
  assert.deepEqual(asked(stage), ['first', 'second', 'third', 'third'])
  const [before, after] = await within.recorded(2)
  assert.equal(before?.skipped, undefined, 'whoever was asked has a step that tells it')
  assert.deepEqual([after?.requestedModel, after?.group, after?.servedGroup], ['nickname', 'first', 'third'])
  assert.equal(after?.skipped?.length, 2)
  assert.match(
    after?.skipped?.[0] ?? '',
    /^nickname: No deployments available .* in cooldown\. Passed model=first\./,
  )
  assert.match(
    after?.skipped?.[1] ?? '',
    /^second: No deployments available .* in cooldown\. Passed model=second\./,
  )
})

test('a call that nobody was asked for and that had nowhere else to go says it once', async t => {
  const within = inside()
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: within.start,
    config: ({ stage }) => ({
      model_list: [deployment('only', stage, 'only')],
      router_settings: { num_retries: 0 },
    }),
  })
  on.stages.stage.script([{ kind: 'status', status: 401 }])
  assert.equal((await on.ask('/v1/chat/completions', chat('only'))).status, 401)
  assert.equal((await on.ask('/v1/chat/completions', chat('only'))).status, 429)
  const [, after] = await within.recorded(2)
  assert.deepEqual([after?.group, after?.error?.class, after?.skipped], ['only', 'no_deployment', undefined])
})

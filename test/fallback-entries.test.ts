import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused } from './support/bodies.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, failing, steady } from './support/steady.ts'

test('what a fallback of the client’s says for its own hop is a number, as text or not', async t => {
  const theatre = await play(t, {
    stages: { stage: {} },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: ['a', 'b'].map(group => deployment(group, stage, group)),
      router_settings: { num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const send = (fallbacks: NonNullable<Parameters<typeof chat>[1]>[string]) =>
    theatre.ask('/v1/chat/completions', chat('a', { fallbacks }))
  for (const model of ['a', 'b']) failing(stage, model, 500)
  await send([{ model: 'b', num_retries: '1' }])
  assert.deepEqual(asked(stage), ['a', 'b', 'b'])
  stage.clear()
  for (const key of ['num_retries', 'timeout', 'request_timeout', 'stream_timeout'])
    assertRefused(await send(['b', { model: 'b', [key]: 'soon' }]), 400, `fallbacks[1].${key}`)
  assert.deepEqual(asked(stage), [], 'nothing is spent on a request that is wrong')
})

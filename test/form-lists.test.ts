import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseForm } from '../src/stage/form.ts'
import type { Stage } from '../src/stage/stage.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { failing } from './support/steady.ts'

/** Lists in a form are fields `name[]`: the gateway reads, adds and leaves out what they spell. */

const TRANSCRIPTIONS = '/v1/audio/transcriptions'
const stages = { stage: { models: ['*'] } }

const form = (...fields: readonly (readonly [name: string, value: string])[]): string =>
  [...fields.map(([name, value]) => [`name="${name}"`, value]), ['name="file"; filename="a.wav"', 'RIFF']]
    .map(([name, value]) => `--x\r\ncontent-disposition: form-data; ${name}\r\n\r\n${value}\r\n`)
    .concat('--x--\r\n')
    .join('')

/** The fields of each request as the provider reads them, names with their brackets; files and what is not named are left out. */
const fieldsOf = (stage: Stage, ...wanted: readonly string[]) =>
  stage.requests.map(({ body, headers }) => {
    const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
    const fields = parseForm(body, type)
    assert.ok(typeof fields !== 'string')
    return fields
      .filter(({ name }) => wanted.includes(name))
      .map(({ name, list, bytes }) => `${name}${list ? '[]' : ''}=${Buffer.from(bytes)}`)
  })

const typed = {
  headers: [
    ['authorization', `Bearer ${MASTER_KEY}`],
    ['content-type', 'multipart/form-data; boundary=x'],
  ] as const,
}

test('a list of the operator goes as a form writes lists, and the client’s own wins', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'a', {
          timestamp_granularities: ['word', 'segment'],
          response_format: 'verbose_json',
        }),
      ],
      router_settings: { num_retries: 0, learn_unsupported_params: false },
    }),
  })
  const { stage } = theatre.stages
  const name = 'timestamp_granularities'
  assert.equal((await theatre.ask(TRANSCRIPTIONS, form(['model', 'a']), typed)).status, 200)
  const own = form(['model', 'a'], [`${name}[]`, 'segment'])
  assert.equal((await theatre.ask(TRANSCRIPTIONS, own, typed)).status, 200)
  assert.deepEqual(fieldsOf(stage, name), [[`${name}[]=word`, `${name}[]=segment`], [`${name}[]=segment`]])
})

test('a list in a form is left out, and replaced, by its name', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'a', { additional_drop_params: ['include'] }),
        deployment('b', stage, 'b'),
      ],
      router_settings: {
        num_retries: 0,
        learn_unsupported_params: false,
        fallbacks: [{ a: [{ model: 'b', include: ['logprobs'], timestamp_granularities: null }] }],
      },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'a', 500)
  const body = form(
    ['model', 'a'],
    ['include[]', 'usage'],
    ['include[]', 'x'],
    ['timestamp_granularities[]', 'word'],
  )
  assert.equal((await theatre.ask(TRANSCRIPTIONS, body, typed)).status, 200)
  assert.deepEqual(fieldsOf(stage, 'include', 'timestamp_granularities'), [
    ['timestamp_granularities[]=word'],
    ['include[]=logprobs'],
  ])
})

test('what a form asks of the gateway in lists or in metadata is heard, and stays here', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'free', { tags: ['free'] }),
        deployment('a', stage, 'paid', { tags: ['paid'] }),
      ],
      router_settings: { num_retries: 0, enable_tag_filtering: true, learn_unsupported_params: false },
    }),
  })
  const { stage } = theatre.stages
  for (const [name, value] of [
    ['tags[]', 'paid'],
    ['tags', 'paid'],
    ['metadata', '{"tags":["paid"]}'],
  ] as const) {
    stage.clear()
    const reply = await theatre.ask(TRANSCRIPTIONS, form(['model', 'a'], [name, value]), typed)
    assert.equal(reply.status, 200, `${name}: ${reply.text}`)
    assert.deepEqual(fieldsOf(stage, 'model', 'tags', 'metadata'), [['model=paid']], name)
  }
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { errorOf, openHall } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { asked, chat, failing, message, response } from './support/steady.ts'

/** Prompts that do not fit, refusals, and lists that lead in circles. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const stages = { stage: { models: ['*'] } } as const
const groups = (stage: Stage, names: readonly string[]) =>
  names.map(name => ({ ...deployment(name, stage, name), model_info: { id: name } }))

type Worded = { readonly who: string; readonly status: number; readonly body: string }

/** JSON bodies in which providers say this, from the table that the classification is tested against. */
const wordings = (wanted: string): readonly Worded[] =>
  readFileSync(new URL('../src/dialects/error-bodies.txt', import.meta.url), 'utf8')
    .split('\n')
    .flatMap(line => {
      const [, who = '', status = '', expected = '', body = ''] =
        /^(\S+)\s+(\d{3})\s+(\w+)\s+\d{3}\s+([[{].*[\]}])$/.exec(line) ?? []
      return expected === wanted ? [{ who, status: Number(status), body }] : []
    })

const TYPED = [
  {
    name: 'M-104 every provider’s way to say that a prompt does not fit leads to context_window_fallbacks at once, stream or not',
    list: 'context_window_fallbacks',
    wanted: 'context_window',
    least: 25,
  },
  {
    name: 'M-106 every provider’s way to refuse a prompt leads to content_policy_fallbacks at once, stream or not',
    list: 'content_policy_fallbacks',
    wanted: 'content_policy',
    least: 10,
  },
] as const

const CONTENTS: JsonObject = { contents: [{ role: 'user', parts: [{ text: 'Line, please.' }] }] }

/** The group of a provider that does not speak OpenAI's dialect, and a call in its own. */
const OWN_DOORS: Readonly<
  Record<string, { group: string; own: (stream: boolean) => readonly [path: string, body: JsonObject] }>
> = {
  anthropic: { group: 'claude', own: stream => ['/v1/messages', message('claude', { stream })] },
  gemini: {
    group: 'flash',
    own: stream => [`/v1beta/models/flash:${stream ? 'streamGenerateContent' : 'generateContent'}`, CONTENTS],
  },
}

for (const { name, list, wanted, least } of TYPED)
  test(name, async t => {
    const hall = await openHall(t, {
      stages: {
        ...stages,
        anthropic: { flavour: 'anthropic', models: ['*'] },
        gemini: { flavour: 'gemini', models: ['*'] },
      },
      config: ({ stage, anthropic, gemini }) => ({
        model_list: [
          ...groups(stage, ['star', 'typed', 'general']),
          deployment('claude', anthropic, 'claude-sonnet-4-5'),
          deployment('flash', gemini, 'gemini-2.5-flash'),
        ],
        router_settings: {
          num_retries: 3,
          allowed_fails: 0,
          cooldown_time: 60,
          fallbacks: ['star', 'claude', 'flash'].map(group => ({ [group]: ['general'] })),
          [list]: ['star', 'claude', 'flash'].map(group => ({ [group]: ['typed'] })),
        },
      }),
    })
    const { stage, anthropic, gemini } = hall.stages
    const rows = wordings(wanted)
    assert.ok(rows.length >= least, String(rows.length))
    for (const { who, status, body } of rows)
      for (const stream of [false, true]) {
        stage.clear()
        const headers = { 'content-type': 'application/json' }
        stage.script([{ kind: 'status', status, body, headers }], { model: 'star' })
        const reply = await hall.ask(CHAT, chat('star', { stream }))
        assert.equal(reply.status, 200, `${who}: ${body}`)
        assert.deepEqual(asked(stage), ['star', 'typed'], `${who}: ${body}`)
        assert.deepEqual(hall.resting(), [])
      }
    // The same from who really says it, heard by its own clients and by others.
    for (const { who, status, body } of rows) {
      const { group, own } = OWN_DOORS[who] ?? {}
      if (group === undefined || own === undefined) continue
      const native = who === 'anthropic' ? anthropic : gemini
      // Behind a 200 a stream would say it in an event.
      for (const stream of status === 200 ? [false] : [false, true])
        for (const [path, asking] of [own(stream), [CHAT, chat(group, { stream })] as const]) {
          native.clear()
          stage.clear()
          native.script([{ kind: 'status', status, body, headers: { 'content-type': 'application/json' } }])
          const reply = await hall.ask(path, asking)
          assert.equal(reply.headers['x-litellm-model-group'], 'typed', `${who} ${path}: ${body}`)
          assert.deepEqual([native.requests.length, asked(stage)], [1, ['typed']], `${who} ${path}: ${body}`)
          assert.deepEqual(hall.resting(), [])
        }
    }
  })

test('M-109 when the prompt fits nowhere the client still gets the word that agents act on', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b', 'c', 'general']),
      router_settings: {
        num_retries: 1,
        fallbacks: [{ general: ['b', 'c'] }],
        context_window_fallbacks: [{ a: ['b', 'c'] }],
      },
    }),
  })
  const { stage } = hall.stages
  const words = {
    a: 'prompt is too long: 210000 tokens > 200000 maximum',
    b: 'The input (61709 tokens) is longer than the model’s context length (40960 tokens).',
    c: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    general: 'Input is too long for requested model.',
  }
  for (const [model, message] of Object.entries(words))
    failing(stage, model, 400, { body: { error: { message, type: 'invalid_request_error', code: null } } })
  for (const stream of [false, true])
    for (const [path, body] of [
      [CHAT, chat('a', { stream })],
      [CHAT, chat('general', { stream, context_window_fallbacks: [{ general: ['b', 'c'] }] })],
      ['/v1/responses', response('a', { stream })],
      ['/v1/responses/compact', response('a')],
      ['/v1/messages', message('a', { stream })],
      [`/v1beta/models/a:${stream ? 'streamGenerateContent' : 'generateContent'}`, CONTENTS],
    ] as const) {
      stage.clear()
      for (const [model, message] of Object.entries(words))
        failing(stage, model, 400, {
          body: { error: { message, type: 'invalid_request_error', code: null } },
        })
      const reply = await hall.ask(path, body)
      assert.equal(reply.status, 400, reply.text)
      // Where the dialect has a word of its own for it, that is what its agents read; the code stands in the details.
      const { code, message: said, details } = errorOf(reply)
      if (path.startsWith('/v1beta'))
        assert.match(JSON.stringify(details), /"reason":"CONTEXT_LENGTH_EXCEEDED"/, path)
      else if (path === '/v1/messages') {
        assert.match(String(said), /prompt is too long/, path)
        assert.deepEqual(details, { error_code: 'context_length_exceeded' }, path)
      } else assert.equal(code, 'context_length_exceeded', path)
      assert.equal(asked(stage).length, 3, 'each group once')
    }
})

test('M-107 the hop that a refusal was allowed to take is told in the headers and in the log', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b']),
      router_settings: { fallbacks: [{ a: ['b'] }], fallback_on_content_policy: true },
    }),
  })
  const { stage } = hall.stages
  failing(stage, 'a', 400, {
    body: { error: { message: 'Not this.', type: null, code: 'content_policy_violation' } },
  })
  const reply = await hall.ask(CHAT, chat('a'))
  assert.deepEqual(
    ['x-litellm-model-group', 'x-litellm-attempted-fallbacks', 'x-litellm-attempted-retries'].map(
      name => reply.headers[name],
    ),
    ['b', '1', '0'],
  )
  const [record] = await hall.recorded(1)
  assert.match(String(record?.steps[0]?.next), /a → b: content_policy/)
})

const graphs: readonly (readonly [name: string, lists: JsonObject[], most: readonly string[]])[] = [
  ['two', [{ A: ['B'] }, { B: ['A'] }], ['A', 'B']],
  ['three', [{ A: ['B'] }, { B: ['C'] }, { C: ['A'] }], ['A', 'B', 'C']],
  [
    'a bush',
    [
      { A: ['B', 'C'] },
      { B: ['C', 'D', 'A'] },
      { C: ['D', 'B'] },
      { D: ['A', 'B', 'C', 'E'] },
      { '*': ['A', 'F'] },
    ],
    ['A', 'B', 'C', 'D', 'E', 'F'],
  ],
]

for (const [name, lists, most] of graphs)
  test(`M-110 lists that lead in a circle (${name}) end: every group at most once, and little to log`, async t => {
    const hall = await openHall(t, {
      stages,
      config: ({ stage }) => ({
        model_list: groups(stage, ['A', 'B', 'C', 'D', 'E', 'F']),
        router_settings: { num_retries: 0, max_fallbacks: 50, disable_cooldowns: true, fallbacks: lists },
      }),
    })
    const { stage } = hall.stages
    for (const model of ['A', 'B', 'C', 'D', 'E', 'F']) failing(stage, model, 500)
    for (const stream of [false, true]) {
      const before = stage.requests.length
      const reply = await hall.ask(CHAT, chat('A', { stream }))
      assert.equal(reply.status, 500)
      assert.ok(reply.text.length < 64 * 1024)
      const round = asked(stage).slice(before)
      assert.equal(new Set(round).size, round.length, `asked twice: ${round.join()}`)
      assert.deepEqual(round.toSorted(), most)
    }
    await hall.recorded(2)
    const { size } = await stat(requestLogPath(hall.dataDir))
    assert.ok(size < 2 * 64 * 1024, `${size} bytes of log for two requests`)
  })

test('M-110 what cannot be translated is told at once, sent to nobody, and no reason for anybody to rest', async t => {
  const bedrock = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)) })
  t.after(() => bedrock.close())
  const hall = await openHall(t, {
    config: {
      model_list: ['one', 'two'].map(group => ({
        model_name: group,
        litellm_params: {
          model: 'bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0',
          aws_bedrock_runtime_endpoint: bedrock.url,
          aws_region_name: 'us-east-1',
          aws_access_key_id: 'AKIASTAGE',
          aws_secret_access_key: 'stage-secret',
        },
        model_info: { id: group },
      })),
      router_settings: {
        num_retries: 3,
        allowed_fails: 0,
        cooldown_time: 60,
        fallbacks: [{ one: ['two'] }, { two: ['one'] }],
      },
    },
  })
  const started = performance.now()
  for (const stream of [false, true]) {
    const tools = [{ type: 'web_search' }]
    const reply = await hall.ask(CHAT, chat('one', { tools, stream }))
    assert.equal(reply.status, 400, reply.text)
    assert.match(String(errorOf(reply).message), /tools\[0\]/)
  }
  assert.ok(performance.now() - started < 1000)
  assert.equal(bedrock.requests.length, 0)
  assert.deepEqual(hall.resting(), [])
  // Arguments that are no JSON can still be carried, as a text: one request, and the log says what was done.
  const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{bad' } }
  const messages = [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c1', content: 'seen' },
  ]
  const reply = await hall.ask(CHAT, { model: 'one', messages })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(bedrock.requests.length, 1)
  const record = (await hall.recorded(3)).at(-1)
  assert.match(String(record?.steps[0]?.lost), /tool_calls/)
})

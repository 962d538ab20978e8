import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'

/**
 * Items of the Responses API that no other dialect has. What a hosted tool did is history: it is told in words. An item of
 * an unknown type is nobody's to leave out: whoever speaks the dialect is asked, and where nobody does, it is named.
 */

const STAGES = {
  openai: { accepts: ['x_item'], models: ['*'] },
  azure: { flavour: 'azure', models: ['*'] },
  plain: { models: ['*'] },
  anthropic: { flavour: 'anthropic', models: ['*'] },
  gemini: { flavour: 'gemini', models: ['*'] },
} as const

const house: Play<typeof STAGES> = await play(
  { after },
  {
    stages: STAGES,
    config: ({ openai, azure, plain, anthropic, gemini }) => {
      const chat = { model: 'groq/gpt-4.1' }
      return {
        model_list: [
          deployment('responses', openai, 'gpt-4.1'),
          deployment('chat', plain, 'gpt-4.1', chat),
          deployment('messages', anthropic, 'claude-sonnet-4-5'),
          deployment('gemini', gemini, 'gemini-2.5-flash'),
          deployment('mixed', plain, 'gpt-4.1', { ...chat, order: 1 }),
          deployment('mixed', openai, 'gpt-4.1', { order: 2 }),
          deployment('falling', plain, 'gpt-4.1', chat),
          deployment('way', openai, 'gpt-4.1'),
          deployment('other-way', openai, 'gpt-4.1'),
          deployment('older', azure, 'gpt-4.1', { order: 1 }),
          deployment('older', openai, 'gpt-4.1', { order: 2 }),
        ],
        router_settings: {
          num_retries: 0,
          cooldown_time: 600,
          fallbacks: [
            { falling: ['messages', 'responses'] },
            { way: ['chat', 'gemini', 'responses'] },
            { 'other-way': ['chat', 'gemini'] },
          ],
        },
      }
    },
  },
)
const { stages } = house
const GROUPS = { chat: stages.plain, messages: stages.anthropic, gemini: stages.gemini }

beforeEach(() => {
  for (const stage of Object.values(stages)) stage.clear()
})

const user = (content: string): JsonObject => ({ role: 'user', content })
const ask = (model: string, items: readonly JsonObject[]): Promise<Reply> =>
  house.ask('/v1/responses', {
    model,
    input: [user('Before.'), ...items, user('After.')] as Json,
    store: false,
  })

/** What was done, with a word of it that has to be told; '' where nothing of it means anything without its tool. */
const DEEDS: readonly (readonly [word: string, ...items: JsonObject[]])[] = [
  ['', { type: 'mcp_list_tools', id: 'mcpl_1', server_label: 'docs', tools: [] }],
  [
    'Denmark',
    { type: 'mcp_call', id: 'mcp_1', server_label: 'docs', name: 'find', arguments: '{}', output: 'Denmark' },
  ],
  ['owls', { type: 'file_search_call', id: 'fs_1', status: 'completed', queries: ['owls'], results: [] }],
  [
    'ramparts',
    {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'ramparts' },
    },
  ],
  [
    'print(42)',
    {
      type: 'code_interpreter_call',
      id: 'ci_1',
      status: 'completed',
      container_id: 'cntr_1',
      code: 'print(42)',
      outputs: [{ type: 'logs', logs: '42' }],
    },
  ],
  [
    'screenshot',
    {
      type: 'computer_call',
      id: 'cu_1',
      call_id: 'call_c',
      status: 'completed',
      pending_safety_checks: [],
      action: { type: 'screenshot' },
    },
    {
      type: 'computer_call_output',
      call_id: 'call_c',
      output: { type: 'computer_screenshot', image_url: 'data:image/png;base64,iVBORw0KGgo=' },
    },
  ],
  [
    'ls -l',
    {
      type: 'local_shell_call',
      id: 'lsh_1',
      call_id: 'call_l',
      status: 'completed',
      action: { type: 'exec', command: ['ls -l'], env: {} },
    },
    { type: 'local_shell_call_output', id: 'lsh_2', call_id: 'call_l', output: 'elsinore.txt' },
  ],
  [
    'poem.md',
    {
      type: 'apply_patch_call',
      call_id: 'call_p',
      status: 'completed',
      operation: { type: 'delete_file', path: 'poem.md' },
    },
    { type: 'apply_patch_call_output', call_id: 'call_p', status: 'completed', output: 'gone' },
  ],
  ['pwd', { type: 'shell_call', call_id: 'call_s', action: { commands: ['pwd'] } }],
]

for (const group of Object.keys(GROUPS) as (keyof typeof GROUPS)[])
  describe(`what a hosted tool did, told to ${group}`, () => {
    for (const [word, ...items] of DEEDS)
      test(items.map(({ type }) => type).join(' and '), async () => {
        const reply = await ask(group, items)
        assert.equal(reply.status, 200, reply.text)
        assertNothingRefused(GROUPS[group].requests)
        const sent = JSON.stringify(GROUPS[group].requests[0]?.json)
        for (const said of ['Before.', word, 'After.']) assert.ok(sent.includes(said), sent)
        assert.match(reply.headers['x-understudy-dropped'] ?? '', new RegExp(String(items[0]?.type)))
      })
  })

test('a picture that another dialect’s model drew goes back to a provider of the API as the item it is', async () => {
  const drawn: JsonObject = {
    id: 'ig_understudy_made_1',
    type: 'image_generation_call',
    status: 'completed',
    result: 'iVBORw0KGgo=',
  }
  const reply = await ask('responses', [drawn])
  assert.equal(reply.status, 200, reply.text)
  assertNothingRefused(stages.openai.requests)
})

const UNKNOWN: JsonObject = { type: 'x_item', id: 'x_1', what: 'nobody knows' }

describe('an item of a type that nobody knows', () => {
  test('goes to whoever of its group speaks the dialect', async () => {
    const reply = await ask('mixed', [UNKNOWN])
    assert.equal(reply.status, 200, reply.text)
    assert.equal(stages.plain.requests.length, 0)
    const [hit] = stages.openai.requests
    assert.ok(hit !== undefined)
    assert.deepEqual((hit.json as { input: Json[] }).input[1], UNKNOWN)
  })

  test('goes to the fallback that speaks it', async () => {
    const reply = await ask('falling', [UNKNOWN])
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['x-litellm-model-group'], 'responses')
    for (const stage of [stages.plain, stages.anthropic]) assert.equal(stage.requests.length, 0)
  })

  test('passes by those who do not, when its own provider is out', async () => {
    stages.openai.script([{ kind: 'status', status: 503 }])
    const reply = await ask('way', [UNKNOWN])
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['x-litellm-model-group'], 'responses')
  })

  for (const group of Object.keys(GROUPS) as (keyof typeof GROUPS)[])
    test(`is refused by its name and with the mend where there is nobody else (${group}), and nobody rests`, async () => {
      for (let call = 0; call < 3; call += 1) {
        const reply = await ask(group, [UNKNOWN])
        assert.equal(reply.status, 400, reply.text)
        const error = reply.json().error as JsonObject
        assert.equal(error.param, 'input[1].type')
        assert.match(
          String(error.message),
          /input\[1\].*'x_item'\. Say what it holds in a message, or leave it out/,
        )
      }
      assert.equal((await ask(group, [])).status, 200)
    })

  test('goes on to a sibling that is newer than the one that has not heard of it, which does not rest', async () => {
    for (let call = 0; call < 3; call += 1) {
      const reply = await ask('older', [UNKNOWN])
      assert.equal(reply.status, 200, reply.text)
    }
    assert.equal(stages.azure.requests.length, 3)
    assert.equal(stages.openai.requests.length, 3)
  })

  test('the failure of its own provider is told, and what kept the others from it', async () => {
    stages.openai.script(always({ kind: 'status', status: 503 }))
    const reply = await ask('other-way', [UNKNOWN])
    assert.equal(reply.status, 503, reply.text)
    assert.match(reply.text, /'x_item'\. Say what it holds in a message, or leave it out/)
  })
})

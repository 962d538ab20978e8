import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'
import { inside } from './support/inside.ts'

/** What a request says of where it may go, and what Claude alone has written: kept on every way to somebody else. */

const CLAUDE = 'claude-sonnet-4-6'
const within = inside()
const bedrock = await startBedrockStage({ now: () => new Date() })
after(() => bedrock.close())

const onBedrock = deploymentsOn(bedrock)

/** By their ways: another dialect, Claude elsewhere, and another account of Anthropic's. */
const ELSEWHERE = ['gpt', 'gemini', 'converse', 'invoke', 'vertex', 'foundry'] as const

const house = await play(
  { after },
  {
    stages: {
      claude: { flavour: 'anthropic', models: ['*'] },
      second: { flavour: 'anthropic', models: ['*'] },
      openai: { models: ['*'] },
      google: { flavour: 'gemini', models: ['*'] },
    },
    start: within.start,
    config: ({ claude, second, openai, google }) => ({
      model_list: [
        ...ELSEWHERE.map(each => deployment(`to-${each}`, claude, CLAUDE)),
        deployment('to-second', claude, CLAUDE),
        deployment('second', second, CLAUDE),
        deployment('gpt', openai, 'gpt-4.1'),
        deployment('gemini', google, 'gemini-3-pro', { model: 'gemini/gemini-3-pro' }),
        onBedrock('converse', `converse/anthropic.${CLAUDE}-v1:0`),
        onBedrock('invoke', `invoke/anthropic.${CLAUDE}-v1:0`),
        {
          model_name: 'vertex',
          litellm_params: {
            model: `vertex_ai/${CLAUDE}`,
            api_base: second.baseUrl,
            api_key: 'ya29.token',
            vertex_project: 'p',
          },
        },
        {
          model_name: 'foundry',
          litellm_params: { model: `azure_ai/${CLAUDE}`, api_base: second.baseUrl, api_key: 'k' },
        },
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [...ELSEWHERE, 'second'].map(each => ({ [`to-${each}`]: [each] })),
      },
    }),
  },
)
const { claude, second, openai, google } = house.stages
const STAGES: readonly Stage[] = [claude, second, openai, google]
let bedrockFrom = 0
let calls = 0
beforeEach(() => {
  for (const stage of STAGES) stage.clear()
  bedrockFrom = bedrock.requests.length
})

const ask = async (model: string, more: JsonObject, path = '/v1/messages') => {
  const reply = await house.ask(path, {
    model,
    max_tokens: 64,
    messages: [{ role: 'user', content: 'What is your line?' }],
    ...more,
  })
  calls += 1
  const record = (await within.recorded(calls)).at(-1)
  return { reply, outcomes: record?.steps.map(({ outcome }) => outcome) }
}

const geoSent = ({ requests: [first] }: Stage) =>
  isObject(first?.json) ? first.json.inference_geo : undefined

const down = { kind: 'status', status: 529 } as const
const elsewhere = (): number =>
  second.requests.length +
  openai.requests.length +
  google.requests.length +
  bedrock.requests.length -
  bedrockFrom

describe('where an answer may be made', () => {
  for (const path of ['/v1/messages', '/v1/chat/completions'])
    for (const group of ELSEWHERE.filter(each => each !== 'gpt' || path === '/v1/messages'))
      test(`is no matter for ${group}: it is not asked by ${path}, whatever may be dropped`, async () => {
        for (const drops of [{}, { drop_params: true }]) {
          claude.script([down])
          const { reply, outcomes } = await ask(`to-${group}`, { inference_geo: 'us', ...drops }, path)
          assert.ok(reply.status >= 400, reply.text)
          assert.deepEqual(outcomes, ['overloaded', 'unsupported'])
          assert.equal(elsewhere(), 0)
        }
        assert.equal(geoSent(claude), 'us')
      })

  test('goes along to another account of Anthropic’s', async () => {
    claude.script([down])
    const { reply } = await ask('to-second', { inference_geo: 'us' })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(geoSent(second), 'us')
    assertNothingRefused(second.requests)
  })

  test('is nothing to refuse where it says nothing', async () => {
    claude.script([down])
    const { reply } = await ask('to-gemini', { inference_geo: null })
    assert.equal(reply.status, 200, reply.text)
  })

  test('is never left out for somebody who refuses it by name, and nothing is learned', async () => {
    for (let each = 0; each < 2; each++) {
      openai.clear()
      const { reply } = await ask('gpt', { inference_geo: 'us' }, '/v1/chat/completions')
      assert.equal(reply.status, 400, reply.text)
      assert.match(reply.text, /inference_geo/)
      assert.equal(openai.requests.length, 1)
      assert.equal(geoSent(openai), 'us')
    }
  })
})

const COMPACTED: readonly JsonObject[] = [
  { role: 'user', content: 'The first act, word by word.' },
  { role: 'assistant', content: [{ type: 'text', text: 'I know the first act.' }] },
  {
    role: 'user',
    content: [
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'All of the first act.' } },
    ],
  },
  {
    role: 'assistant',
    content: [
      { type: 'text', text: 'Before the summary.' },
      {
        type: 'compaction',
        content: 'They met at midnight.',
        encrypted_content: 'sealed',
        signature: 'c2ln',
      },
      { type: 'text', text: 'After the summary.' },
    ],
  },
  { role: 'user', content: 'What is your line?' },
]

const FAILED: readonly JsonObject[] = [
  { role: 'user', content: 'The first act, word by word.' },
  {
    role: 'assistant',
    content: [
      { type: 'compaction', content: null },
      { type: 'text', text: 'After the summary.' },
    ],
  },
  { role: 'user', content: 'What is your line?' },
]

const lastBody = (group: string): string => {
  if (group === 'converse') return JSON.stringify(bedrock.requests.at(-1)?.json)
  return JSON.stringify((group === 'gpt' ? openai : google).requests.at(-1)?.json)
}

describe('a compaction of Claude', () => {
  for (const group of ['gpt', 'gemini', 'converse'] as const) {
    test(`is told in words to ${group}, in the place of all that Claude would not read either`, async () => {
      claude.script([down])
      const { reply } = await ask(`to-${group}`, { messages: [...COMPACTED] })
      assert.equal(reply.status, 200, reply.text)
      const body = lastBody(group)
      assert.match(body, /They met at midnight\./)
      assert.match(body, /After the summary\./)
      assert.doesNotMatch(body, /first act|Before the summary|sealed|c2ln|compaction/)
      assert.ok(body.indexOf('They met') < body.indexOf('After the summary'))
      assertNothingRefused(STAGES.filter(stage => stage !== claude).flatMap(stage => stage.requests))
      if (group === 'converse') assert.equal(bedrock.requests.at(-1)?.refused, undefined)
    })

    test(`that failed says nothing to ${group}, and all before it stays`, async () => {
      claude.script([down])
      const { reply } = await ask(`to-${group}`, { messages: [...FAILED] })
      assert.equal(reply.status, 200, reply.text)
      assert.match(lastBody(group), /The first act, word by word\..*After the summary\./)
      assert.doesNotMatch(lastBody(group), /compaction/)
    })
  }

  test('goes as it came to Claude of another account', async () => {
    claude.script([down])
    await ask('to-second', { messages: [...COMPACTED] })
    const sent = second.requests[0]?.json as JsonObject | undefined
    assert.deepEqual(sent?.messages, COMPACTED)
  })

  test('changes nothing of the answer: a message of the client’s own dialect', async () => {
    claude.script([down])
    const { reply } = await ask('to-gpt', { messages: [...COMPACTED] })
    const { type, content } = reply.json()
    assert.equal(type, 'message')
    const [block] = Array.isArray(content) ? content.filter(isObject) : []
    assert.equal(block?.text, CANONICAL)
  })
})

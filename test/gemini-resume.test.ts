import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { CANONICAL } from '../src/stage/lines.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { parseSse } from './support/sse.ts'

/** A stream of Google's API that breaks and is gone on with: one answer with one id and one end, whoever finishes it. */

const FLASH = 'gemini-2.5-flash'
const prefilling = { model_info: { supports_assistant_prefill: true } }
const google = { flavour: 'gemini', models: ['*'] } as const
const house = await play(
  { after },
  {
    stages: {
      lead: google,
      backup: { ...google, prefill: 'continue' },
      other: { ...google, says: 'Another line altogether.' },
      claude: { flavour: 'anthropic', models: ['*'] },
      chat: { prefill: 'continue', models: ['*'] },
    },
    config: ({ lead, backup, other, claude, chat }) => ({
      model_list: [
        deployment('continued', lead, FLASH),
        { ...deployment('goes-on', backup, FLASH), ...prefilling },
        deployment('spliced', lead, FLASH),
        deployment('repeats', lead, 'gemini-2.5-pro'),
        deployment('differs', lead, FLASH),
        deployment('says-else', other, FLASH),
        deployment('crossed', lead, FLASH),
        { ...deployment('claude-goes-on', claude, 'claude-sonnet-4-5'), ...prefilling },
        deployment('from-chat', chat, 'gpt-4.1'),
        deployment('from-claude', claude, 'claude-sonnet-4-5'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [
          { continued: ['goes-on'] },
          { spliced: ['repeats'] },
          { differs: ['says-else'] },
          { crossed: ['claude-goes-on'] },
          { 'from-chat': ['goes-on'] },
          { 'from-claude': ['goes-on'] },
        ],
      },
    }),
  },
)
const { lead, backup, claude, chat } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
})

const CONTENTS = [{ role: 'user', parts: [{ text: 'What is your line?' }] }]
const CUT = { kind: 'cut', how: 'fin', afterContent: 3 } as const
const BEGUN = 'The understudy knows'

const read = async (path: string, body: JsonObject): Promise<readonly JsonObject[]> => {
  const client = await house.send({
    path,
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['content-type', 'application/json'],
    ],
    body,
  })
  assert.equal((await client.head()).status, 200)
  const bytes = await client.body()
  client.leave()
  return parseSse(bytes).flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data) as JsonObject] : []))
}

const stream = (group: string, more: JsonObject = {}) =>
  read(`/v1beta/models/${group}:streamGenerateContent?alt=sse`, { contents: CONTENTS, ...more })

const candidatesOf = (chunks: readonly JsonObject[]): readonly JsonObject[] =>
  chunks.flatMap(({ candidates }) => (Array.isArray(candidates) ? candidates.filter(isObject) : []))

const partsOf = (chunks: readonly JsonObject[]): readonly JsonObject[] =>
  candidatesOf(chunks).flatMap(({ content }) =>
    isObject(content) && Array.isArray(content.parts) ? content.parts.filter(isObject) : [],
  )

const textOf = (chunks: readonly JsonObject[]): string =>
  partsOf(chunks)
    .map(({ text, thought }) => (typeof text === 'string' && thought !== true ? text : ''))
    .join('')

/** One id, one end, the whole line. */
const assertOneAnswer = (chunks: readonly JsonObject[]): void => {
  assert.equal(textOf(chunks), CANONICAL)
  assert.equal(new Set(chunks.map(({ responseId }) => responseId)).size, 1)
  const ends = candidatesOf(chunks).filter(({ finishReason }) => finishReason !== undefined)
  assert.deepEqual(
    ends.map(({ finishReason }) => finishReason),
    ['STOP'],
  )
}

const promptsOf = (chunks: readonly JsonObject[]): readonly number[] =>
  chunks.map(({ usageMetadata: usage }) => (isObject(usage) ? Number(usage.promptTokenCount) : 0))

const lastOf = (json: unknown, key: string): unknown =>
  (json as Readonly<Record<string, readonly unknown[]>>)[key]?.at(-1)

test('by prefill: the backup is given the beginning as the model’s own turn', async () => {
  lead.script([CUT])
  const chunks = await stream('continued')
  assertOneAnswer(chunks)
  assert.deepEqual(lastOf(backup.requests[0]?.json, 'contents'), { role: 'model', parts: [{ text: BEGUN }] })
  const prompts = promptsOf(chunks)
  // The prompt of the broken part is counted with that of the second.
  assert.ok(Number(prompts.at(-1)) > Number(prompts[0]), prompts.join())
  assertNothingRefused([...lead.requests, ...backup.requests])
})

test('one JSON array, as a client without alt=sse gets it, is one answer as well', async () => {
  lead.script([CUT])
  const reply = await house.ask('/v1beta/models/continued:streamGenerateContent', { contents: CONTENTS })
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
  assertOneAnswer(JSON.parse(reply.text) as JsonObject[])
})

test('by repetition: the same line goes on where it was broken, and another one does not', async () => {
  lead.script([CUT])
  const whole = await stream('spliced')
  assertOneAnswer(whole)
  const prompts = promptsOf(whole)
  assert.equal(prompts.at(-1), 2 * Number(prompts[0]), 'the prompt was read twice, and the client is told so')
  assert.equal(lead.requests.length, 2)
  assert.deepEqual(lead.requests[1]?.json, { contents: CONTENTS })
  lead.script([CUT])
  const chunks = await stream('differs')
  assert.equal(textOf(chunks), BEGUN)
  assert.ok(isObject(chunks.at(-1)?.error))
})

test('across dialects: Gemini breaks and Claude goes on; chat and Claude break and Gemini goes on', async () => {
  lead.script([CUT])
  assertOneAnswer(await stream('crossed'))
  assert.deepEqual(lastOf(claude.requests[0]?.json, 'messages'), {
    role: 'assistant',
    content: [{ type: 'text', text: BEGUN }],
  })
  claude.clear()
  for (const stage of [chat, claude]) stage.script([CUT])
  const messages = [{ role: 'user', content: 'What is your line?' }]
  const chunks = await read('/v1/chat/completions', { model: 'from-chat', stream: true, messages })
  const deltas = chunks.flatMap(({ choices }) =>
    (choices as JsonObject[]).map(({ delta }) => delta as JsonObject),
  )
  assert.equal(deltas.map(({ content }) => content ?? '').join(''), CANONICAL)
  const asked = { model: 'from-claude', stream: true, max_tokens: 64, messages }
  const events = await read('/v1/messages', asked)
  const said = events.map(({ delta }) =>
    isObject(delta) && typeof delta.text === 'string' ? delta.text : '',
  )
  assert.equal(said.join(''), CANONICAL)
  for (const { json } of backup.requests)
    assert.deepEqual(lastOf(json, 'contents'), { role: 'model', parts: [{ text: BEGUN }] })
  assert.equal(backup.requests.length, 2)
})

test('Gemini that breaks behind another door is gone on with as well', async () => {
  const messages = [{ role: 'user', content: 'What is your line?' }]
  for (const group of ['continued', 'spliced', 'crossed']) {
    lead.script([CUT])
    const chunks = await read('/v1/chat/completions', { model: group, stream: true, messages })
    const deltas = chunks.flatMap(({ choices }) =>
      (choices as JsonObject[]).map(({ delta }) => delta as JsonObject),
    )
    assert.equal(deltas.map(({ content }) => content ?? '').join(''), CANONICAL, group)
  }
})

test('thoughts that are shown are compared and never given; a call cannot be said again', async () => {
  const contents = [{ role: 'user', parts: [{ text: '[stage:reason] Your line?' }] }]
  const generationConfig = { thinkingConfig: { includeThoughts: true, thinkingBudget: 100 } }
  lead.script([CUT])
  const chunks = await stream('continued', { contents, generationConfig })
  assertOneAnswer(chunks)
  assert.equal(partsOf(chunks).filter(({ thought }) => thought === true).length, 1)
  assert.deepEqual(lastOf(backup.requests[0]?.json, 'contents'), {
    role: 'model',
    parts: [{ text: 'The understudy' }],
  })
  lead.script([{ ...CUT, afterContent: 1 }])
  const tools = [{ functionDeclarations: [{ name: 'look' }] }]
  const toolConfig = { functionCallingConfig: { mode: 'ANY' } }
  backup.clear()
  const called = await stream('continued', { tools, toolConfig })
  assert.ok(isObject(called.at(-1)?.error))
  assert.equal(backup.requests.length, 0)
})

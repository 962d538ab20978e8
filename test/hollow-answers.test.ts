import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { SHAPES } from '../src/dialects/index.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { startPuppet } from './support/puppet.ts'
import { requestFor, routeNamed } from './support/requests.ts'

/**
 * A whole answer that does not hold what its endpoint is asked for is none, whatever its status says: somebody else is
 * asked. What may be empty is passed on.
 */

type Row = {
  readonly route: string
  /** Which deployment; default: OpenAI's. */
  readonly group?: keyof typeof PREFIXES
  readonly hollow: readonly JsonObject[]
  readonly legal: readonly JsonObject[]
}

const choices = (...list: readonly JsonObject[]): JsonObject => ({ id: 'c', choices: [...list] })
const spent = { usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 } }
const REASONS = ['length', 'content_filter']
const message = (more: JsonObject): JsonObject => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  ...more,
})
const response = (more: JsonObject): JsonObject => ({ id: 'resp_1', object: 'response', ...more })
const list = (data: JsonObject['data']): JsonObject => ({ object: 'list', data: data ?? null })

const NO_DATA: readonly JsonObject[] = [{ object: 'list' }, list(null), list([]), list({}), list([null])]
const PICTURES = {
  hollow: NO_DATA,
  legal: [{ created: 1, data: [{ b64_json: 'AA' }] }, list([{ url: 'u' }])],
}
const WORDS = {
  hollow: [{}, { task: 'transcribe' }, { text: null }, { text: 3 }, { segments: null }],
  legal: [
    { text: '' },
    { text: 'a' },
    { segments: [] },
    { text: '', usage: { type: 'duration', seconds: 1 } },
  ],
}
const RANKS = {
  hollow: [{}, { id: 'r' }, { results: null }, { results: {} }],
  legal: [{ results: [] }, { id: 'r', results: [{ index: 0, relevance_score: 0.5 }] }],
}

const PREFIXES = { artist: 'openai', claude: 'anthropic', google: 'gemini' } as const

const ROWS: readonly Row[] = [
  {
    route: 'chat.completions',
    hollow: [
      {},
      choices(),
      { choices: null },
      choices({ index: 0, finish_reason: 'stop' }),
      { ...choices({ index: 0, finish_reason: 'stop' }), ...spent },
      choices({ index: 0, message: null, finish_reason: 'stop' }),
      choices({ index: 0, message: 'a', finish_reason: null }),
      choices({ index: 0, text: 'a', finish_reason: 'tool_calls' }),
    ],
    legal: [
      choices({ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }),
      choices({ index: 0, message: { role: 'assistant', content: null }, finish_reason: 'length' }),
      { ...choices({ index: 0, message: {}, finish_reason: 'stop' }), ...spent },
      ...REASONS.map(finish_reason => choices({ index: 0, finish_reason })),
    ],
  },
  {
    route: 'completions',
    hollow: [
      {},
      choices(),
      choices({ index: 0, finish_reason: 'stop' }),
      { ...choices({ index: 0, text: null, finish_reason: 'stop' }), ...spent },
      choices({ index: 0, message: { content: 'a' }, finish_reason: 'stop' }),
    ],
    legal: [
      choices({ index: 0, text: '', finish_reason: 'stop' }),
      ...REASONS.map(finish_reason => choices({ index: 0, finish_reason })),
    ],
  },
  { route: 'embeddings', hollow: NO_DATA, legal: [list([{ index: 0, embedding: [0] }])] },
  {
    route: 'moderations',
    hollow: [{}, { id: 'm' }, { results: null }, { results: [] }],
    legal: [{ id: 'm', results: [{ flagged: false }] }],
  },
  { route: 'images.generations', ...PICTURES },
  { route: 'images.edits', ...PICTURES },
  { route: 'images.variations', ...PICTURES },
  { route: 'audio.transcriptions', ...WORDS },
  { route: 'audio.translations', ...WORDS },
  { route: 'rerank', ...RANKS },
  { route: 'rerank.v2', ...RANKS },
  {
    route: 'responses.create',
    hollow: [
      {},
      response({}),
      response({ status: 'completed' }),
      response({ status: 'completed', output: null, usage: { input_tokens: 3, output_tokens: 5 } }),
      response({ status: 'completed', output: [], usage: { input_tokens: 3, output_tokens: 0 } }),
    ],
    legal: [
      response({ status: 'completed', output: [] }),
      response({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } }),
      response({ status: 'incomplete', output: [], incomplete_details: { reason: 'max_output_tokens' } }),
      response({ status: 'queued', background: true }),
    ],
  },
  {
    route: 'responses.compact',
    hollow: [
      {},
      { object: 'response.compaction' },
      { object: 'response.compaction', output: [] },
      { output: null },
    ],
    legal: [{ object: 'response.compaction', output: [{ type: 'compaction', encrypted_content: 'x' }] }],
  },
  {
    route: 'messages.create',
    group: 'claude',
    hollow: [
      message({}),
      message({ content: null, stop_reason: 'end_turn' }),
      message({ content: 'a', stop_reason: 'end_turn' }),
      message({ content: [], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 0 } }),
    ],
    legal: [
      message({ content: [], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 2 } }),
      message({ content: [], stop_reason: 'max_tokens', usage: { input_tokens: 3, output_tokens: 0 } }),
      message({ content: [], stop_reason: 'refusal' }),
    ],
  },
  {
    route: 'gemini.generate',
    group: 'google',
    hollow: [
      {},
      { candidates: [] },
      { candidates: null },
      { candidates: [{}] },
      { candidates: [{ index: 0 }], usageMetadata: { promptTokenCount: 3 } },
    ],
    legal: [
      { promptFeedback: { blockReason: 'SAFETY' } },
      { candidates: [{ index: 0, finishReason: 'MAX_TOKENS' }], usageMetadata: { promptTokenCount: 3 } },
      { candidates: [{ index: 0, finishReason: 'SAFETY' }] },
    ],
  },
  {
    route: 'gemini.embed',
    group: 'google',
    hollow: [{}, { embedding: null }, { embedding: {} }],
    legal: [{ embedding: { values: [0] } }],
  },
  {
    route: 'gemini.batch_embed',
    group: 'google',
    hollow: [{}, { embeddings: [] }, { embeddings: [{}] }],
    legal: [{ embeddings: [{ values: [0] }] }],
  },
]

/** Answers that are no document, that are judged elsewhere, or that may hold anything. */
const OTHERS = {
  speech: 'bytes',
  trigger: 'a response',
  raw: 'bytes of a file',
  resource: 'an object that its provider owns',
  message_tokens: 'counted here where nobody can',
  response_tokens: 'counted here where nobody can',
  gemini_tokens: 'counted here where nobody can',
}

test('every kind of answer has its row', () => {
  const named = [...ROWS.map(({ route }) => routeNamed(route).shape), ...Object.keys(OTHERS)]
  assert.deepEqual([...new Set(named)].sort(), Object.keys(SHAPES).sort())
})

const [lead, spare] = [await startPuppet({ after }), await startPuppet({ after })]
const gateway = inside()
const bare = ({ baseUrl }: typeof lead): string => new URL(baseUrl).origin
const deployments = Object.entries(PREFIXES).flatMap(([group, provider]) =>
  [lead, spare].map(puppet => ({
    model_name: puppet === lead ? group : `${group}-spare`,
    litellm_params: {
      model: `${provider}/m`,
      api_base: provider === 'openai' ? puppet.baseUrl : bare(puppet),
      api_key: 'k',
    },
  })),
)
const house = await play(
  { after },
  {
    config: {
      model_list: deployments,
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: Object.keys(PREFIXES).map(group => ({ [group]: [`${group}-spare`] })),
      },
    },
    start: gateway.start,
  },
)

const ask = async ({ route, group = 'artist' }: Row) => {
  const { path, headers, body } = requestFor(routeNamed(route), { group })
  return house.send({
    path,
    headers: [...headers, ['authorization', `Bearer ${MASTER_KEY}`]],
    ...(body === undefined ? {} : { body }),
  })
}

const said = { 'content-type': 'application/json' }
let calls = 0
let atSpare = spare.next()
const stepsOf = async (): Promise<readonly string[]> => {
  calls += 1
  const record = (await gateway.recorded(calls))[calls - 1]
  return record?.steps.map(({ outcome }) => outcome) ?? []
}

for (const row of ROWS)
  describe(row.route, () => {
    for (const hollow of row.hollow)
      test(`${JSON.stringify(hollow)} is no answer`, async () => {
        const client = await ask(row)
        const call = await lead.next()
        call.head(said)
        call.end(JSON.stringify(hollow))
        const head = client.head()
        const second = await Promise.race([atSpare, head.then(() => undefined)])
        if (second === undefined) await stepsOf()
        assert.ok(second !== undefined, 'it was told as an answer')
        atSpare = spare.next()
        second.head(said)
        second.end(JSON.stringify(row.legal[0]))
        assert.equal((await head).status, 200)
        await client.body()
        assert.deepEqual(await stepsOf(), ['empty_answer', 'answered'])
      })
    for (const legal of row.legal)
      test(`${JSON.stringify(legal)} is one`, async () => {
        const client = await ask(row)
        const call = await lead.next()
        call.head(said)
        call.end(JSON.stringify(legal))
        assert.equal((await client.head()).status, 200)
        await client.body()
        assert.deepEqual(await stepsOf(), ['answered'])
      })
  })

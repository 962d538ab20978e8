import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Edit, printPath } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyText, connectTo, jsonBody } from './ask.fixture.ts'
import { ROWS } from './compatible-rows.ts'
import { providers } from './index.ts'
import { type Ask, type Draft, Unsupported } from './provider.ts'

const draftAt = (name: string, text: string, more: Partial<Ask> = {}): Draft =>
  connectTo(providers[name], { apiBase: 'https://somewhere.test/v1', key: 'k' }).draft(
    askFor('chat.completions', { body: jsonBody(text), model: 'm', ...more }),
  )

const told = (edits: readonly Edit[]): readonly string[] =>
  edits.map(({ op, path, why }) => `${op} ${printPath(path)} (${why})`)

const CALL = 'call_PTLP8xhu3uwZk4l3nlnrrJha'

/** As clients of OpenAI's send a conversation back, spaces and all. */
const HISTORY =
  '{"model":"m","messages":[ {"role":"developer","content":"a"},{"role":"user","name":"Ann","content":"b"}, ' +
  `{"role":"assistant","content":null,"refusal":null,"annotations":[],"reasoning_content":"I look.","tool_calls":[{"id":"${CALL}","type":"function","function":{"name":"look","arguments":"{}"}}]},` +
  `{"role":"tool","tool_call_id":"${CALL}","name":"look","content":"c"} ],"top_p":1.0}`

describe('what a provider refuses is changed by name, and every other byte stays', () => {
  test('Mistral: roles, names, what answers have, and ids of nine letters and digits', () => {
    const draft = draftAt('mistral', HISTORY)
    const text = bodyText(draft)
    const [, id] = /"id":"([a-zA-Z0-9]{9})"/.exec(text) ?? []
    assert.equal(
      text,
      '{"model":"m","messages":[ {"role":"system","content":"a"},{"role":"user","content":"b"}, ' +
        `{"role":"assistant","content":null,"tool_calls":[{"id":"${id}","type":"function","function":{"name":"look","arguments":"{}"}}]},` +
        `{"role":"tool","tool_call_id":"${id}","name":"look","content":"c"} ],"top_p":1.0}`,
    )
    assert.deepEqual(told(draft.edits), [
      'set messages[0].role (provider-rename)',
      'drop messages[1].name (foreign-key)',
      'drop messages[2].annotations (foreign-key)',
      'drop messages[2].refusal (foreign-key)',
      'set messages[2].tool_calls[0].id (call-id)',
      'set messages[3].tool_call_id (call-id)',
      'drop messages[*].reasoning_content (foreign-reasoning)',
    ])
    assert.deepEqual(
      draft.warnings.map(({ lost }) => lost),
      ['messages[].name'],
    )
    // The same conversation, longer: the same ids.
    assert.ok(bodyText(draftAt('codestral', HISTORY.replace('"top_p":1.0', '"n":1'))).includes(`"${id}"`))
  })

  test('Mistral: documents, sound and refusals among the parts of content', () => {
    const pdf = 'data:application/pdf;base64,JVBERi0='
    const parts = (...list: readonly JsonObject[]): string =>
      JSON.stringify({ model: 'm', messages: [{ role: 'user', content: list }] })
    const text = { type: 'text', text: 'Read.' }
    const sent = parts(
      text,
      { type: 'file', file: { filename: 'a.pdf', file_data: pdf } },
      { type: 'file', file: { file_id: 'f-1' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      { type: 'refusal', refusal: 'No.' },
    )
    const got = parts(
      text,
      { type: 'document_url', document_url: pdf, document_name: 'a.pdf' },
      { type: 'file', file_id: 'f-1' },
      { type: 'input_audio', input_audio: 'AAAA' },
      { type: 'text', text: 'No.' },
    )
    assert.equal(bodyText(draftAt('mistral', sent)), got)
    const own = draftAt('mistral', got)
    assert.deepEqual([bodyText(own), own.edits], [got, []])
    const refused = JSON.parse(sent)
    Object.assign(refused.messages[0], { role: 'assistant', refusal: 'Never.' })
    const content = JSON.parse(bodyText(draftAt('mistral', JSON.stringify(refused)))).messages[0].content
    assert.deepEqual(content, [...JSON.parse(got).messages[0].content, { type: 'text', text: 'Never.' }])
  })

  test('an id that fits stays, and so does what nobody has said anything about', () => {
    const fitting =
      '{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a1B2c3D4e","function":{"name":"x","arguments":""}}],"novelty":1},{"role":"tool","tool_call_id":"a1B2c3D4e","content":""}]}'
    for (const name of ['mistral', 'groq', 'xai', 'hosted_vllm', 'ollama']) {
      const draft = draftAt(name, fitting)
      assert.equal(bodyText(draft), fitting, name)
      assert.deepEqual(draft.edits, [])
    }
  })

  const rows: readonly (readonly [name: string, model: string, sent: string, got: string])[] = [
    ['mistral', 'm', '"stream_options":{"include_usage":true},"stream":true', '"stream":true'],
    ['mistral', 'm', '"max_completion_tokens":9,"max_tokens":8', '"max_tokens":8'],
    ['mistral', 'm', '"seed":7', '"random_seed":7'],
    ['mistral', 'm', '"reasoning_effort":"medium"', '"reasoning_effort":"high"'],
    ['mistral', 'm', '"reasoning_effort":"none"', '"reasoning_effort":"none"'],
    ['mistral', 'm', '"tool_choice":"required"', '"tool_choice":"required"'],
    ['ollama', 'm', '"max_completion_tokens":9', '"max_tokens":9'],
    ['deepseek', 'm', '"max_completion_tokens":9', '"max_tokens":9'],
    ['ollama_chat', 'm', '"seed":7', '"seed":7'],
    ['groq', 'qwen/qwen3-32b', '"reasoning_effort":"low"', '"reasoning_effort":"default"'],
    ['groq', 'qwen/qwen3.6-27b', '"reasoning_effort":"max"', '"reasoning_effort":"default"'],
    ['groq', 'openai/gpt-oss-20b', '"reasoning_effort":"low"', '"reasoning_effort":"low"'],
    ['groq', 'openai/gpt-oss-20b', '"reasoning_effort":"none"', '"reasoning_effort":"low"'],
    ['together_ai', 'm', '"max_completion_tokens":9', '"max_tokens":9'],
    ['fireworks_ai', 'accounts/a/models/m', '"reasoning_effort":"minimal"', '"reasoning_effort":"low"'],
    ['fireworks_ai', 'accounts/a/models/m', '"reasoning_effort":"none"', '"reasoning_effort":"none"'],
    [
      'fireworks_ai',
      'accounts/a/models/gpt-oss-120b',
      '"reasoning_effort":"none"',
      '"reasoning_effort":"low"',
    ],
    ['groq', 'm', '"max_completion_tokens":9', '"max_completion_tokens":9'],
    ['deepseek', 'm', '"reasoning_effort":"none"', '"thinking":{"type":"disabled"}'],
    [
      'deepseek',
      'm',
      '"thinking":{"type":"enabled"},"reasoning_effort":"none"',
      '"thinking":{"type":"enabled"}',
    ],
    ['deepseek', 'm', '"reasoning_effort":"low"', '"reasoning_effort":"low"'],
  ]
  for (const [name, model, sent, got] of rows)
    test(`${name}, ${model}: ${sent}`, () => {
      assert.deepEqual(
        JSON.parse(bodyText(draftAt(name, `{"model":"m",${sent}}`, { model }))),
        JSON.parse(`{"model":"${model}",${got}}`),
      )
    })

  test('who may speak by name', () => {
    const named =
      '{"model":"m","messages":[{"role":"system","name":"a","content":""},{"role":"user","name":"b","content":""}]}'
    const names = (provider: string): readonly unknown[] =>
      (JSON.parse(bodyText(draftAt(provider, named))).messages as JsonObject[]).map(({ name }) => name)
    assert.deepEqual(names('xai'), [undefined, 'b'])
    assert.deepEqual(names('groq'), [undefined, undefined])
    assert.deepEqual(names('openrouter'), ['a', 'b'])
    assert.deepEqual(told(draftAt('groq', named).edits), ['drop messages[*].name (foreign-key)'])
  })

  test('thoughts that come back go to who takes them, under the name that it takes', () => {
    const thought =
      '{"model":"m","messages":[{"role":"assistant","content":"a","reasoning":"b","reasoning_content":"c","reasoning_details":[]}]}'
    const kept = (name: string, model = 'm'): readonly string[] =>
      Object.keys(JSON.parse(bodyText(draftAt(name, thought, { model }))).messages[0]).slice(2)
    assert.deepEqual(kept('groq', 'openai/gpt-oss-120b'), ['reasoning'])
    assert.deepEqual(kept('groq', 'llama-3.3-70b-versatile'), [])
    assert.deepEqual(kept('fireworks_ai'), ['reasoning_content'])
    assert.deepEqual(kept('cerebras'), ['reasoning', 'reasoning_details'])
    for (const name of ['openrouter', 'together_ai'])
      assert.deepEqual(kept(name), ['reasoning', 'reasoning_content', 'reasoning_details'])
  })

  test('DeepSeek: a call that another provider made gets blank thoughts while the model thinks', () => {
    const called = (more: string, thoughts = '') =>
      `{"model":"m"${more},"messages":[{"role":"assistant"${thoughts},"tool_calls":[{"id":"x"}]}]}`
    const thoughtsOf = (text: string, model = 'deepseek-v4-pro'): unknown =>
      JSON.parse(bodyText(draftAt('deepseek', text, { model }))).messages[0].reasoning_content
    assert.equal(thoughtsOf(called('')), ' ')
    assert.equal(thoughtsOf(called('', ',"reasoning_content":"I look."')), 'I look.')
    assert.equal(thoughtsOf(called(',"thinking":{"type":"disabled"}')), undefined)
    assert.equal(thoughtsOf(called(',"reasoning_effort":"none"')), undefined)
    assert.equal(thoughtsOf(called(''), 'deepseek-chat'), undefined)
  })

  test('who knows no developer, and who does', () => {
    const text = '{"model":"m","messages":[{"role":"developer","content":"a"}]}'
    const role = (name: string, model = 'm'): unknown =>
      JSON.parse(bodyText(draftAt(name, text, { model }))).messages[0].role
    const unknowing = ['mistral', 'deepseek', 'fireworks_ai', 'cerebras', 'moonshot', 'dashscope']
    const asked = [...unknowing, 'xai', 'groq', 'hosted_vllm', 'together_ai', 'openrouter']
    assert.deepEqual(
      asked.filter(name => role(name) === 'system'),
      unknowing,
    )
    assert.equal(role('cerebras', 'gpt-oss-120b'), 'developer')
  })

  test('models of the family have the same ids wherever vLLM runs them', () => {
    const text = `{"model":"m","messages":[{"role":"tool","tool_call_id":"${CALL}","content":""}]}`
    assert.match(
      bodyText(draftAt('hosted_vllm', text, { model: 'mistralai/Mistral-7B' })),
      /"tool_call_id":"\w{9}"/,
    )
    assert.equal(bodyText(draftAt('hosted_vllm', text, { model: 'm' })), text)
  })
})

test('places are those after the edits before, and names may be spelled with escapes', () => {
  const edits: readonly Edit[] = [
    { op: 'drop', path: ['messages', '0'], why: 'additional-drop-params' },
    { op: 'set', path: ['stream_options'], value: { include_usage: true }, why: 'stream-usage' },
  ]
  const text =
    '{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","\\u006eame":"b","content":"c"}]}'
  assert.equal(
    bodyText(draftAt('mistral', text, { edits })),
    '{"model":"m","messages":[{"role":"user","content":"c"}]}',
  )
})

test('what the operator lets through is sent as it came', () => {
  const text = `{"model":"m","stream_options":{},"seed":1,"messages":[{"role":"user","name":"b","content":"c"}]}`
  const allowedParams = ['stream_options', 'seed', 'messages[*].name']
  assert.equal(bodyText(draftAt('mistral', text, { allowedParams })), text)
})

test('messages that are none are left to the provider', () => {
  for (const messages of ['"a"', '[1,null,{"role":5,"name":1,"tool_calls":[null,{"id":2}]}]', '{"name":1}'])
    assert.doesNotThrow(() => draftAt('mistral', `{"model":"m","messages":${messages}}`))
})

test('Grok: models that think refuse stop and penalties, others take them', () => {
  const text = '{"model":"m","stop":["a"]}'
  assert.throws(() => draftAt('xai', text, { model: 'grok-4' }), Unsupported)
  assert.doesNotThrow(() => draftAt('xai', text, { model: 'grok-4-fast-non-reasoning' }))
  const penalty = '{"model":"m","presence_penalty":0}'
  // A hint: it goes, whoever asks.
  assert.equal(bodyText(draftAt('xai', penalty, { model: 'grok-4' })), '{"model":"grok-4"}')
  assert.equal(bodyText(draftAt('xai', penalty, { model: 'grok-3-mini' })), '{"model":"grok-3-mini"}')
  assert.equal(bodyText(draftAt('xai', text, { model: 'grok-4', dropParams: true })), '{"model":"grok-4"}')
})

test('Fireworks: a short name becomes the whole one', () => {
  const sent = (model: string, route = 'chat.completions'): unknown =>
    JSON.parse(
      bodyText(
        connectTo(providers.fireworks_ai, { key: 'k' }).draft(
          askFor(route, { body: jsonBody('{"model":"g","input":"a"}'), model }),
        ),
      ),
    ).model
  assert.equal(sent('kimi-k2p5'), 'accounts/fireworks/models/kimi-k2p5')
  assert.equal(sent('glm-5-fast'), 'accounts/fireworks/routers/glm-5-fast')
  assert.equal(sent('accounts/me/models/x'), 'accounts/me/models/x')
  assert.equal(sent('x#accounts/me/deployments/y'), 'x#accounts/me/deployments/y')
  assert.equal(sent('nomic-ai/nomic-embed-text-v1.5', 'embeddings'), 'nomic-ai/nomic-embed-text-v1.5')
})

test('a request without anything of the kind is the client’s own bytes', () => {
  const text = '{"model":"m","messages":[{"role":"user","content":"Who is there?"}],"temperature":1.0}'
  for (const { name } of ROWS.filter(row => row.chat !== undefined)) {
    const draft = draftAt(name, text)
    if (name === 'fireworks_ai') continue
    assert.deepEqual(draft.edits, [], name)
    assert.equal(bodyText(draft), text)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyText, connectTo, headersOf, jsonBody } from './ask.fixture.ts'
import { bedrock } from './bedrock.ts'
import { betasFor } from './bedrock-betas.ts'
import { type Ask, Unsupported } from './provider.ts'

const NEWEST = 'global.anthropic.claude-opus-4-6-v1'
const RECENT = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const OLD = 'anthropic.claude-3-haiku-20240307-v1:0'
const ARN = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/x'

const connection = connectTo(bedrock, {
  model: `bedrock/${RECENT}`,
  extra: { aws_access_key_id: 'a', aws_secret_access_key: 'b', aws_region_name: 'us-east-1' },
})

const MESSAGES = '"max_tokens":9,"messages":[{"role":"user","content":"hi"}]'

const asking = (members: string, more: Partial<Ask> = {}): Ask =>
  askFor('messages.create', { body: jsonBody(`{${members}${MESSAGES}}`), model: RECENT, ...more })

const sent = (members: string, more: Partial<Ask> = {}) => connection.draft(asking(members, more))
const bodyOf = (members: string, more: Partial<Ask> = {}): JsonObject =>
  JSON.parse(bodyText(sent(members, more)))

/** The members of a body beside those that each has. */
const besides = (members: string, more: Partial<Ask> = {}): JsonObject => {
  const { anthropic_version: version, max_tokens: _, messages: __, ...rest } = bodyOf(members, more)
  assert.equal(version, 'bedrock-2023-05-31')
  return rest
}

test('the edits are told by name, and idle ones are not', () => {
  const { edits, warnings, path, headers } = sent('"model":"group","stream":true,"speed":"fast",', {
    stream: true,
    headers: [
      ['anthropic-version', '2023-06-01'],
      ['anthropic-beta', 'fast-mode-2026-02-01'],
      ['x-own', '1'],
    ],
  })
  assert.deepEqual(
    edits.map(({ op, path: [key], why }) => `${op} ${key} (${why})`),
    [
      'drop model (model)',
      'drop stream (provider-rename)',
      'set anthropic_version (provider-rename)',
      'drop speed (foreign-key)',
    ],
  )
  assert.deepEqual(
    warnings.map(({ lost }) => lost),
    ['anthropic-beta: fast-mode-2026-02-01', 'speed'],
  )
  assert.match(path, /\/invoke-with-response-stream$/)
  const { accept, 'content-type': type, 'x-own': own, ...others } = headersOf(headers)
  assert.deepEqual([accept, type, own], ['application/vnd.amazon.eventstream', 'application/json', '1'])
  assert.equal(
    Object.keys(others).some(name => name.startsWith('anthropic-')),
    false,
  )
})

test('what Bedrock does not take stays behind, unless the operator says otherwise', () => {
  const members =
    '"cache_control":{"type":"ephemeral"},"context_management":{"edits":[]},"service_tier":"auto","container":null,"mcp_servers":[],"diagnostics":{},"unknown":1,'
  assert.deepEqual(besides(members), { unknown: 1 })
  assert.deepEqual(besides(members, { allowedParams: ['cache_control', 'context_management'] }), {
    cache_control: { type: 'ephemeral' },
    context_management: { edits: [] },
    unknown: 1,
  })
  for (const key of ['container', 'mcp_servers', 'compaction', 'inference_geo'])
    assert.throws(
      () => sent(`"${key}":{"a":1},`),
      (error: unknown) => error instanceof Unsupported && error.param === key,
    )
})

test('marks keep their hour where the model has it, in every place', () => {
  const mark = '"cache_control":{"type":"ephemeral", "ttl":"1h","scope":"global"}'
  const members = `"system":[{"type":"text","text":"s",${mark}}],"tools":[{"name":"t",${mark}}],`
  const inner = `"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"x",${mark}}],${mark}}]}]`
  const body = (model: string): string =>
    bodyText(connection.draft(asking('', { model, body: jsonBody(`{${members}"max_tokens":9,${inner}}`) })))
  const marks = (text: string) => text.match(/"cache_control":\{[^}]*\}/g)
  assert.deepEqual(marks(body(RECENT)), Array(4).fill('"cache_control":{"type":"ephemeral", "ttl":"1h"}'))
  assert.deepEqual(marks(body(OLD)), Array(4).fill('"cache_control":{"type":"ephemeral"}'))
  assert.deepEqual(marks(body(ARN.replace('x', 'anthropic.claude-x'))), marks(body(RECENT)))
})

test('tools lose the members of a beta that is not there, and hosted ones are refused', () => {
  const tools =
    '"tools":[{"name":"t","input_schema":{"type":"object"},"defer_loading":true,"input_examples":[{}],"custom":{"defer_loading":true}}],'
  const beta = (value: string): Partial<Ask> => ({ headers: [['anthropic-beta', value]] })
  const plain = { name: 't', input_schema: { type: 'object' } }
  assert.deepEqual(besides(tools), { tools: [plain] })
  assert.deepEqual(besides(tools, beta('advanced-tool-use-2025-11-20')), {
    anthropic_beta: ['tool-search-tool-2025-10-19', 'tool-examples-2025-10-29'],
    tools: [{ ...plain, defer_loading: true, input_examples: [{}] }],
  })
  assert.throws(
    () => sent('"tools":[{"name":"t"},{"type":"code_execution_20250825","name":"c"}],'),
    (error: unknown) => error instanceof Unsupported && error.param === 'tools[1].type',
  )
  const bash = '"tools":[{"type":"bash_20250124","name":"bash"}],'
  assert.deepEqual(besides(bash), { tools: [{ type: 'bash_20250124', name: 'bash' }] })
})

test('an effort needs a model that has one; a format keeps its meaning under its newer name', () => {
  const effort = '"output_config":{"effort":"low"},'
  assert.deepEqual(besides(effort), {})
  assert.deepEqual(besides(effort, { model: NEWEST }), { output_config: { effort: 'low' } })
  assert.deepEqual(besides(effort, { model: OLD }), {})
  const format = { type: 'json_schema', schema: {} }
  const both = `${effort}"output_format":${JSON.stringify(format)},`
  assert.deepEqual(besides(both), { output_config: { format } })
  assert.deepEqual(besides(both, { model: NEWEST }), { output_config: { effort: 'low', format } })
  assert.deepEqual(besides('"output_format":null,'), {})
})

test('an answer bound by a schema goes by Converse where the model’s own API knows no schema', () => {
  const format = '{"type":"json_schema","schema":{"type":"object","properties":{}}}'
  const bound = [`"output_config":{"format":${format}},`, `"output_format":${format},`]
  for (const members of bound) {
    const draft = sent(members, { model: OLD })
    assert.match(draft.path, /\/converse$/)
    // There it knows none either: a tool that has to be called takes its place.
    assert.match(bodyText(draft), /"understudy_json_answer"/)
    assert.match(sent(members, { model: OLD, stream: true }).path, /\/converse-stream$/)
    assert.match(sent(members).path, /\/invoke$/)
    // The operator has chosen.
    assert.match(sent(members, { model: `invoke/${OLD}` }).path, /\/invoke$/)
  }
  for (const unbound of ['"output_config":{"effort":"low"},', '"output_format":null,'])
    assert.match(sent(unbound, { model: OLD }).path, /\/invoke$/)
})

test('betas go by the model, each once, and by the operator’s word', () => {
  const asked = [
    'computer-use-2025-01-24',
    'interleaved-thinking-2025-05-14',
    'context-1m-2025-08-07',
    'effort-2025-11-24',
    'computer-use-2025-01-24',
    'toString',
  ]
  const taken = (model: string, allowedParams: readonly string[] = []) =>
    besides('', { model, allowedParams, headers: [['anthropic-beta', asked.join(', ')]] }).anthropic_beta
  assert.equal(taken(OLD), undefined)
  assert.deepEqual(taken(RECENT), asked.slice(0, 3))
  assert.deepEqual(taken(NEWEST), asked.slice(0, 4))
  assert.deepEqual(taken(OLD, ['toString']), ['toString'])
  // A body that was written for Bedrock says it itself.
  assert.deepEqual(besides('"anthropic_beta":["context-1m-2025-08-07","x"],'), {
    anthropic_beta: ['context-1m-2025-08-07'],
  })
  const { left } = betasFor(['x'], { id: '', generation: 5, traits: {} as never }, [])
  assert.deepEqual(left, ['x'])
})

test('a count has a limit above the budget for thinking', () => {
  const body = jsonBody('{"thinking":{"type":"enabled","budget_tokens":2000},"messages":[]}')
  const { path, body: bytes } = connection.draft(askFor('messages.count_tokens', { body, model: RECENT }))
  assert.equal(path, `/model/${encodeURIComponent(RECENT.slice(3))}/count-tokens`)
  const { input } = JSON.parse(Buffer.concat(bytes).toString())
  const counted = JSON.parse(Buffer.from(input.invokeModel.body, 'base64').toString())
  assert.equal(counted.max_tokens, 2001)
})

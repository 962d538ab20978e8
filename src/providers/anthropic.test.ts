import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askFor, bodyOf, bodyText, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { providers } from './index.ts'
import { type Ask, Unsupported } from './provider.ts'

const { anthropic, openai, mistral, bedrock } = providers

const KEY = 'sk-ant-api03-x'
const body =
  '{"model":"group", "max_tokens":9,"messages":[{"role":"user","content":"Hello"}],"temperature":1.0}'
const native = (more: Partial<Ask> = {}): Ask =>
  askFor('messages.create', { body: jsonBody(body), model: 'claude-sonnet-4-5', ...more })

test('the client’s bytes go as they are, but for the model', () => {
  const draft = connectTo(anthropic, { key: KEY }).draft(native({ query: 'beta=true' }))
  assert.equal(urlOf(draft), 'https://api.anthropic.com/v1/messages?beta=true')
  assert.equal(bodyText(draft), body.replace('"group"', '"claude-sonnet-4-5"'))
  assert.deepEqual(
    draft.edits.map(edit => edit.why),
    ['model'],
  )
})

test('addresses: the host, the version or the whole route, in the file or in the environment', () => {
  const at = (apiBase: string | undefined, env = {}) =>
    urlOf(connectTo(anthropic, { key: KEY, apiBase, env }).draft(native()))
  for (const written of ['', '/v1', '/v1/', '/v1/messages'])
    assert.equal(at(`https://relay.example${written}`), 'https://relay.example/v1/messages')
  assert.equal(at('https://relay.example/claude'), 'https://relay.example/claude/v1/messages')
  assert.equal(at(undefined, { ANTHROPIC_API_BASE: 'https://a.example' }), 'https://a.example/v1/messages')
  assert.equal(at(undefined, { ANTHROPIC_BASE_URL: 'https://b.example' }), 'https://b.example/v1/messages')
  const counted = connectTo(anthropic, { key: KEY }).draft(
    askFor('messages.count_tokens', { body: jsonBody(body) }),
  )
  assert.equal(urlOf(counted), 'https://api.anthropic.com/v1/messages/count_tokens')
  assert.equal(counted.local, undefined)
})

test('the version is the client’s, or the one that everybody speaks', () => {
  const versionOf = (ask: Ask) =>
    headersOf(connectTo(anthropic, { key: KEY }).draft(ask).headers)['anthropic-version']
  assert.equal(versionOf(native()), '2023-06-01')
  assert.equal(versionOf(native({ headers: [['anthropic-version', '2026-10-21']] })), '2026-10-21')
})

test('credentials: a key in its header, a token of a sign-in as bearer with its beta', async () => {
  const credentialOf = async (params: Parameters<typeof connectTo>[1], ask = native()) => {
    const connection = connectTo(anthropic, params)
    const draft = connection.draft(ask)
    const given = await connection.authorize(draft, new Date(0))
    return { given, beta: headersOf(draft.headers)['anthropic-beta'], missing: connection.missing }
  }
  const beta = undefined
  const missing = undefined
  assert.deepEqual(await credentialOf({ key: KEY }), { given: [['x-api-key', KEY]], beta, missing })
  assert.deepEqual(await credentialOf({ env: { ANTHROPIC_API_KEY: KEY } }), {
    given: [['x-api-key', KEY]],
    beta,
    missing,
  })
  assert.deepEqual(await credentialOf({ env: { ANTHROPIC_AUTH_TOKEN: 'token' } }), {
    given: [['authorization', 'Bearer token']],
    beta,
    missing,
  })
  const oauth = 'sk-ant-oat01-x'
  assert.deepEqual(await credentialOf({ key: oauth }), {
    given: [['authorization', `Bearer ${oauth}`]],
    beta: 'oauth-2025-04-20',
    missing,
  })
  const withBeta = native({ headers: [['anthropic-beta', 'effort-2025-11-24']] })
  assert.equal((await credentialOf({ key: oauth }, withBeta)).beta, 'effort-2025-11-24,oauth-2025-04-20')
  assert.match(String((await credentialOf({})).missing), /ANTHROPIC_API_KEY/)
})

test('chat is translated, and what only other providers read stays behind', () => {
  const chat = askFor('chat.completions', {
    body: jsonBody('{"model":"group","messages":[{"role":"user","content":"Hello"}],"stream":true}'),
    headers: [
      ['openai-beta', 'x'],
      ['openai-organization', 'org'],
      ['anthropic-beta', 'y'],
    ],
    model: 'claude-sonnet-4-5',
    stream: true,
    query: 'a=b',
  })
  const draft = connectTo(anthropic, { key: KEY }).draft(chat)
  assert.equal(urlOf(draft), 'https://api.anthropic.com/v1/messages')
  assert.deepEqual(bodyOf(draft), {
    model: 'claude-sonnet-4-5',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    max_tokens: 32_000,
    stream: true,
  })
  const headers = headersOf(draft.headers)
  assert.deepEqual(
    [headers['openai-beta'], headers['openai-organization'], headers['anthropic-beta'], headers.accept],
    [undefined, undefined, 'y', 'text/event-stream'],
  )
})

test('what it has no endpoint for is refused before anything is sent', () => {
  const connection = connectTo(anthropic, { key: KEY })
  for (const name of ['embeddings', 'responses.compact', 'images.generations', 'files.list'])
    assert.throws(() => connection.draft(askFor(name)), Unsupported, name)
})

test('a provider that speaks chat gets chat, at its own address and with its own names', () => {
  const asked = native({ headers: [['anthropic-version', '2023-06-01']], model: 'gpt-4.1' })
  const draft = connectTo(openai, { key: 'sk-x' }).draft(asked)
  assert.equal(urlOf(draft), 'https://api.openai.com/v1/chat/completions')
  assert.deepEqual(bodyOf(draft), {
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'Hello' }],
    max_completion_tokens: 9,
    temperature: 1,
  })
  assert.equal(headersOf(draft.headers)['anthropic-version'], undefined)
  assert.equal(bodyOf(connectTo(mistral, { key: 'sk-m' }).draft(asked)).max_tokens, 9)
})

test('who counts no prompts is not asked: the answer is there before anything is sent', () => {
  const asked = askFor('messages.count_tokens', { body: jsonBody(body), model: 'gpt-4.1' })
  for (const connection of [
    connectTo(openai, { key: 'sk-x', apiBase: 'http://localhost:8000/v1' }),
    connectTo(bedrock, { extra: { aws_access_key_id: 'a', aws_secret_access_key: 'b' } }),
  ]) {
    const draft = connection.draft(asked)
    const { input_tokens } = JSON.parse(Buffer.from(draft.local ?? []).toString()) as { input_tokens: number }
    assert.ok(input_tokens > 0 && input_tokens < 20, String(input_tokens))
    assert.equal(draft.warnings[0]?.lost, 'the exact count')
    assert.deepEqual(connection.reading(asked), {})
  }
})

const TURN = [
  { role: 'user', content: 'Look' },
  { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'look', input: {} }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'dark' }] },
]
const thinking = { type: 'enabled', budget_tokens: 2000 }
const thought = { type: 'thinking', thinking: 'Where?', signature: 'x' }
const thinks = (more: object): Ask =>
  native({
    body: jsonBody(JSON.stringify({ model: 'group', max_tokens: 4000, thinking, messages: TURN, ...more })),
  })

test('a turn whose calls another provider made, without thoughts, goes on without thinking', () => {
  const keep = { type: 'clear_thinking_20251015', keep: 'all' }
  const uses = { type: 'clear_tool_uses_20250919' }
  const draft = (more: object) => connectTo(anthropic, { key: KEY }).draft(thinks(more))
  const bare = draft({ context_management: { edits: [keep] } })
  assert.equal(bodyOf(bare).thinking, undefined)
  assert.equal(bodyOf(bare).context_management, undefined)
  assert.deepEqual(bodyOf(bare).messages, TURN)
  assert.ok(bare.edits.some(({ why }) => why === 'missing-thinking'))
  assert.deepEqual(
    bare.warnings.map(({ lost }) => lost),
    ['thinking'],
  )
  const both = draft({ context_management: { edits: [keep, uses] } })
  assert.deepEqual(bodyOf(both).context_management, { edits: [uses] })
})

test('a block that is none goes as it came: the provider tells of it', () => {
  const [user, , result] = TURN as [object, object, object]
  for (const messages of [
    [user, { role: 'assistant', content: [null] }, result],
    [...TURN.slice(0, 2), { role: 'user', content: [null, 'x'] }],
  ]) {
    const draft = connectTo(anthropic, { key: KEY }).draft(thinks({ messages }))
    assert.deepEqual(bodyOf(draft).messages, messages)
  }
})

test('thinking stays where the turn has its thoughts, has made no call, or the model adapts', () => {
  const [user, { content }, result] = TURN as [object, { content: object[] }, object]
  for (const more of [
    { messages: [user, { role: 'assistant', content: [thought, ...content] }, result] },
    { messages: [...TURN, { role: 'assistant', content: 'Dark.' }, user] },
    { thinking: { type: 'adaptive' } },
    { thinking: 'all of it' },
    { messages: 'none' },
    { messages: [null, 7, { role: 'assistant' }] },
  ]) {
    const draft = connectTo(anthropic, { key: KEY }).draft(thinks(more))
    assert.deepEqual(
      draft.edits.map(({ why }) => why),
      ['model'],
    )
    assert.deepEqual(draft.warnings, [])
  }
})

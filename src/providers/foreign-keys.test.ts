import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Edit } from '../wire/edit.ts'
import { printPath } from '../wire/edit.ts'
import { askFor, bodyText, connectTo, jsonBody } from './ask.fixture.ts'
import { azure } from './azure.ts'
import { providers } from './index.ts'
import type { Ask, Draft } from './provider.ts'

const HOST = 'https://somewhere.test/v1'

/** As Codex writes it. */
const CODEX =
  '{"model":"group","client_metadata":{"session":"s"},"input":[{"type":"message","role":"user","content":"a \\"metadata\\" b","internal_chat_message_metadata_passthrough":{"x":1}},\n {"metadata":{"k":"v"},"type":"reasoning","summary":[],"encrypted_content":"gAAA=="}], "store":false}'
const PLAIN =
  '{"model":"group","input":[{"type":"message","role":"user","content":"a \\"metadata\\" b"},\n {"type":"reasoning","summary":[],"encrypted_content":"gAAA=="}], "store":false}'

const draftAt = (name: string, text: string, more: Partial<Ask> = {}): Draft =>
  connectTo(name === 'azure' ? azure : providers[name], { apiBase: HOST, key: 'k' }).draft(
    askFor('responses.create', { body: jsonBody(text), model: 'group', ...more }),
  )

const told = (edits: readonly Edit[]): readonly string[] =>
  edits.map(edit => `${printPath(edit.path)} (${edit.why})`)

describe('keys that clients write for another provider', () => {
  for (const name of ['azure', 'hosted_vllm', 'openrouter'])
    test(`${name}: they are dropped and named, and every other byte stays`, () => {
      const draft = draftAt(name, CODEX)
      assert.equal(bodyText(draft), PLAIN)
      assert.deepEqual(told(draft.edits), [
        'client_metadata (foreign-key)',
        'input[*].internal_chat_message_metadata_passthrough (foreign-key)',
        'input[*].metadata (foreign-key)',
      ])
    })

  test('they do not come through a translation either', () => {
    const draft = draftAt('groq', CODEX)
    assert.ok(!bodyText(draft).includes('client_metadata') && !bodyText(draft).includes('passthrough'))
    assert.equal(draft.warnings.filter(one => one.lost === 'client_metadata').length, 1)
  })

  for (const name of ['openai', 'text-completion-openai', 'litellm_proxy'])
    test(`${name}: whose keys they are gets the client’s own bytes`, () => {
      const draft = draftAt(name, CODEX)
      assert.equal(bodyText(draft), CODEX)
      assert.deepEqual(draft.edits, [])
    })

  test('compaction and token counts as well, other endpoints not at all', () => {
    const connection = connectTo(azure, { apiBase: HOST, key: 'k' })
    const at = (route: string) =>
      bodyText(connection.draft(askFor(route, { body: jsonBody(CODEX), model: 'group' })))
    assert.equal(at('responses.compact'), PLAIN)
    assert.equal(at('responses.input_tokens'), PLAIN)
    const chat = '{"model":"group","messages":[],"metadata":{"a":"b"},"client_metadata":{}}'
    const body = jsonBody(chat)
    assert.equal(bodyText(connection.draft(askFor('chat.completions', { body, model: 'group' }))), chat)
  })

  test('entitlements and agents of an account that is not asked stay behind, the request’s own metadata goes along', () => {
    const text =
      '{"model":"group","input":"x","access_programs":{},"multi_agent":{"a":1},"metadata":{"m":"1"}}'
    const draft = draftAt('azure', text)
    assert.equal(bodyText(draft), '{"model":"group","input":"x","metadata":{"m":"1"}}')
  })

  test('nothing is dropped, nothing is named: a mention elsewhere in the input is no key of an item', () => {
    const text = '{"model":"group","input":[{"type":"message","role":"user","content":[{"metadata":1}]}]}'
    const draft = draftAt('azure', text)
    assert.equal(bodyText(draft), text)
    assert.deepEqual(draft.edits, [])
  })

  test('a key that is spelled with escapes is dropped too', () => {
    const text =
      '{"model":"group","input":[{"type":"message","role":"user","content":"","m\\u0065tadata":1}]}'
    assert.equal(
      bodyText(draftAt('azure', text)),
      '{"model":"group","input":[{"type":"message","role":"user","content":""}]}',
    )
  })

  test('allowed_openai_params keeps one', () => {
    const draft = draftAt('azure', CODEX, { allowedParams: ['client_metadata', 'input[*].metadata'] })
    assert.deepEqual(told(draft.edits), ['input[*].internal_chat_message_metadata_passthrough (foreign-key)'])
  })

  test('an input that a fallback brings is looked through as well', () => {
    const input = [{ type: 'message', role: 'user', content: 'x', metadata: { a: 'b' } }]
    const edits: readonly Edit[] = [{ op: 'set', path: ['input'], value: input, why: 'fallback-override' }]
    const draft = draftAt('azure', PLAIN, { edits })
    assert.ok(!bodyText(draft).includes('"a":"b"'))
  })
})

test('an edit that leads nowhere is not told', () => {
  const drop: Edit = { op: 'drop', path: ['user'], why: 'additional-drop-params' }
  assert.deepEqual(draftAt('openai', PLAIN, { edits: [drop] }).edits, [])
  assert.deepEqual(told(draftAt('openai', PLAIN, { edits: [drop], model: 'm' }).edits), ['model (model)'])
  const other: Edit = { op: 'drop', path: ['store'], why: 'additional-drop-params' }
  assert.deepEqual(told(draftAt('openai', PLAIN, { edits: [drop, other] }).edits), [
    'store (additional-drop-params)',
  ])
})

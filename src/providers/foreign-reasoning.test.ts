import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sealText } from '../dialects/responses-seal.ts'
import type { Edit } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyText, connectTo, jsonBody } from './ask.fixture.ts'
import { azure } from './azure.ts'
import { openai } from './openai.ts'
import type { Ask, Draft } from './provider.ts'

const SEAL = sealText({ issuer: 'messages', payload: 'sig' })
const foreign = `{"type":"reasoning","id":"rs_x","summary":[],"encrypted_content":"${SEAL}"}`
const unsealed = '{"type":"reasoning","id":"rs_understudy_u1_0","summary":[]}'
const own = '{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"}'
const message = '{"role":"user","content":"about \\"understudy.r1.\\" and rs_understudy_ 1.0"}'
const bodyWith = (...items: readonly string[]): string => `{"model":"group", "input":[${items.join(',')}]}`

const draftOf = (text: string, more: Partial<Ask> = {}, provider = openai): Draft =>
  connectTo(provider, { apiBase: 'https://h/v1', key: 'k' }).draft(
    askFor('responses.create', { body: jsonBody(text), model: 'group', ...more }),
  )

const names = (edits: readonly Edit[]): readonly string[] =>
  edits.map(edit => `${edit.op} ${edit.path.join('.')} (${edit.why})`)

describe('reasoning that another dialect’s provider made', () => {
  for (const provider of [openai, azure])
    test(`${provider.name}: it leaves, what the provider made itself stays, byte for byte`, () => {
      const draft = draftOf(bodyWith(message, foreign, own, unsealed, message), {}, provider)
      assert.equal(bodyText(draft), bodyWith(message, own, message))
      assert.deepEqual(names(draft.edits), [
        'drop input.3 (foreign-reasoning)',
        'drop input.1 (foreign-reasoning)',
      ])
    })

  test('a request without any is the client’s bytes, though it speaks of the marks', () => {
    const text = bodyWith(message, own)
    const draft = draftOf(text)
    assert.equal(bodyText(draft), text)
    assert.deepEqual(draft.edits, [])
  })

  test('compaction and token counts as well, other endpoints not at all', () => {
    const made = connectTo(openai, { apiBase: 'https://h/v1', key: 'k' })
    const body = jsonBody(bodyWith(message, foreign))
    const sent = (route: string): string => bodyText(made.draft(askFor(route, { body, model: 'group' })))
    assert.equal(sent('responses.compact'), bodyWith(message))
    assert.equal(sent('responses.input_tokens'), bodyWith(message))
    assert.equal(sent('embeddings'), bodyWith(message, foreign))
  })

  test('places are those that the edits before it have left', () => {
    const edits: readonly Edit[] = [{ op: 'drop', path: ['input', '0'], why: 'additional-drop-params' }]
    assert.equal(bodyText(draftOf(bodyWith(message, foreign, own), { edits })), bodyWith(own))
    const input: readonly JsonObject[] = [{ role: 'user', content: 'new' }]
    const replaced: readonly Edit[] = [{ op: 'set', path: ['input'], value: input, why: 'fallback-override' }]
    assert.equal(
      bodyText(draftOf(bodyWith(message, foreign), { edits: replaced })),
      bodyWith('{"role":"user","content":"new"}'),
    )
  })
})

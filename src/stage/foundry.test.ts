import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Stage, startStage } from './stage.ts'

/** What the simulated Foundry resource refuses, and in whose words. */

let stage: Stage
before(async () => {
  stage = await startStage({ flavour: 'azure_ai', name: 'f', models: ['*'] })
})
after(() => stage.close())

const post = async (path: string, body: object, headers: Readonly<Record<string, string>>) => {
  const response = await fetch(stage.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', ...body }),
  })
  return `${response.status} ${await response.text()}`
}

const messages = [{ role: 'user', content: 'hi' }]
const picture = { image: 'data:image/png;base64,AAAA' }

test('each API takes its own credential, version and members', async () => {
  const key = { 'api-key': stage.key }
  const claude = { 'x-api-key': stage.key, 'anthropic-version': '2023-06-01' }
  const version = '?api-version=2024-05-01-preview'
  const scoped = [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', scope: 'global' } }]
  const asked = { messages, max_tokens: 9, model: 'claude-sonnet-4-5' }
  const rows: readonly (readonly [path: string, body: object, headers: object, says: RegExp])[] = [
    [`/models/chat/completions${version}`, { messages }, key, /^200/],
    ['/models/chat/completions', { messages }, key, /^400 .*api-version/],
    [`/models/chat/completions${version}`, { messages }, { 'x-api-key': stage.key }, /^400/],
    [`/models/chat/completions${version}`, { messages, novelty: 1 }, key, /^400 .*novelty/],
    ['/openai/v1/responses', { input: 'a' }, key, /^200/],
    ['/chat/completions', { messages }, key, /^404/],
    ['/v1/rerank', { query: 'a', documents: ['a'] }, key, /^200/],
    [`/models/images/embeddings${version}`, { input: [picture] }, key, /^200/],
    [`/models/images/embeddings${version}`, { input: ['a'] }, key, /^422 .*an object/],
    [`/models/images/embeddings${version}`, { input: [picture], user: 'a' }, key, /^422 .*user/],
    ['/anthropic/v1/messages', asked, claude, /^200/],
    ['/anthropic/v1/messages', asked, { ...claude, 'anthropic-version': '1' }, /^400 \{"type":"error"/],
    ['/anthropic/v1/messages', asked, { 'x-api-key': stage.key }, /^400 .*anthropic-version/],
    ['/anthropic/v1/messages', { ...asked, system: scoped }, claude, /^400 .*scope/],
  ]
  for (const [path, body, headers, says] of rows)
    assert.match(await post(path, body, headers as Record<string, string>), says, path)
})

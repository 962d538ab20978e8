import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { deployment, play } from './support/harness.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'

/** A backup whose model counts its calls anew in every turn, and a lead that wants each id once. */

const call = (index: number) => ({
  index,
  id: 'call_0',
  type: 'function',
  function: { name: 'look', arguments: '{"at":"left"}' },
})

/** Two calls of one id, whole or streamed. */
const answer = async (backup: Puppet, stream: boolean): Promise<void> => {
  const told = await backup.next()
  const calls = [call(0), call(1)]
  if (!stream) {
    const choice = {
      index: 0,
      message: { role: 'assistant', content: null, tool_calls: calls },
      finish_reason: 'tool_calls',
    }
    told.head({ 'content-type': 'application/json' })
    return told.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices: [choice] }))
  }
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  told.events()
  told.end(
    `${chunk({ role: 'assistant', tool_calls: calls }, null)}${chunk({}, 'tool_calls')}data: [DONE]\n\n`,
  )
}

for (const stream of [false, true])
  test(`calls of a backup have ids that the lead takes back${stream ? ', streamed' : ''}`, async t => {
    const backup = await startPuppet(t)
    const house = await play(t, {
      stages: { lead: { flavour: 'anthropic' as const, models: ['*'] } },
      config: ({ lead }) => ({
        model_list: [
          deployment('star', lead, 'claude-sonnet-4-5'),
          {
            model_name: 'second',
            litellm_params: { model: 'openai_like/m', api_base: backup.baseUrl, api_key: 'k' },
          },
        ],
        router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
      }),
    })
    const client = new Anthropic({ apiKey: house.key, baseURL: house.url, maxRetries: 0 })
    const tools: Anthropic.Tool[] = [{ name: 'look', input_schema: { type: 'object', properties: {} } }]
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Where?' }]
    const ids: string[] = []
    const turn = async (): Promise<Anthropic.Message> => {
      const asked = { model: 'star', max_tokens: 64, messages, tools }
      const message = stream
        ? await client.messages.stream(asked).finalMessage()
        : await client.messages.create(asked)
      messages.push({ role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] })
      return message
    }
    for (let count = 0; count < 2; count += 1) {
      house.stages.lead.script([{ kind: 'status', status: 529 }])
      const [message] = await Promise.all([turn(), answer(backup, stream)])
      const results = message.content.flatMap(block => (block.type === 'tool_use' ? [block.id] : []))
      ids.push(...results)
      messages.push({
        role: 'user',
        content: results.map(id => ({ type: 'tool_result', tool_use_id: id, content: 'Nothing.' })),
      })
    }
    assert.deepEqual([ids.length, new Set(ids).size], [4, 4], ids.join(' '))
    assert.equal((await turn()).model, 'star', 'the lead reads all of it, byte for byte')
  })

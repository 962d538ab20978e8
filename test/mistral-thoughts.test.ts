import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import OpenAI from 'openai'
import type { JsonObject } from '../src/wire/json.ts'
import { type Play, play } from './support/harness.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'

/** Mistral's models that think answer with parts, where clients of OpenAI's know a text. */

type House = Play<Record<never, never>> & { readonly puppet: Puppet; readonly client: OpenAI }

const house = async (t: TestContext): Promise<House> => {
  const puppet = await startPuppet(t)
  const params = { model: 'mistral/magistral-medium-latest', api_base: puppet.baseUrl, api_key: 'k' }
  const theatre = await play(t, {
    config: {
      model_list: [{ model_name: 'thinker', litellm_params: params }],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  })
  const client = new OpenAI({ apiKey: theatre.key, baseURL: `${theatre.url}/v1`, maxRetries: 0 })
  return { ...theatre, puppet, client }
}

const thinking = (text: string): JsonObject => ({ type: 'thinking', thinking: [{ type: 'text', text }] })
const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
const asked = { model: 'thinker', messages: [{ role: 'user' as const, content: 'How many?' }] }
const SEED = '12345678901234567890'

test('a whole answer has its words as content and its thoughts beside it, and every other byte as it came', async t => {
  const { client, puppet, ask } = await house(t)
  const content = [thinking('Two and two.'), { type: 'text', text: 'Four.' }]
  const choice = {
    index: 0,
    finish_reason: 'stop',
    message: { role: 'assistant', content, tool_calls: null },
  }
  const body = JSON.stringify({ id: 'a', object: 'chat.completion', created: 1, choices: [choice], usage })
  const answered = async (): Promise<void> => {
    const call = await puppet.next()
    call.head({ 'content-type': 'application/json' })
    call.end(`${body.slice(0, -1)},"seed":${SEED}}`)
  }
  const [completion] = await Promise.all([client.chat.completions.create(asked), answered()])
  const message = completion.choices[0]?.message as
    | { content: string; reasoning_content?: string }
    | undefined
  assert.deepEqual([message?.content, message?.reasoning_content], ['Four.', 'Two and two.'])
  const [{ text }] = await Promise.all([ask('/v1/chat/completions', asked), answered()])
  assert.ok(text.includes(`"seed":${SEED}`), text)
})

test('a stream is put together by the official client', async t => {
  const { client, puppet } = await house(t)
  const chunk = (delta: JsonObject, finish: string | null = null, more: JsonObject = {}): string =>
    `data: ${JSON.stringify({
      ...{ id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm' },
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    })}\n\n`
  const answered = async (): Promise<void> => {
    const call = await puppet.next()
    call.events()
    await call.write(chunk({ role: 'assistant', content: '' }))
    await call.write(chunk({ content: [thinking('Two ')] }) + chunk({ content: [thinking('and two.')] }))
    await call.write(chunk({ content: [{ type: 'text', text: 'Fo' }] }) + chunk({ content: 'ur.' }))
    await call.write(`${chunk({ content: '' }, 'stop', { usage })}data: [DONE]\n\n`)
    call.end()
  }
  const stream = client.chat.completions.stream(asked)
  const thoughts: string[] = []
  stream.on('chunk', ({ choices }) => {
    const { reasoning_content: thought } = (choices[0]?.delta ?? {}) as { reasoning_content?: string }
    if (thought !== undefined) thoughts.push(thought)
  })
  const [content] = await Promise.all([stream.finalContent(), answered()])
  assert.equal(content, 'Four.')
  assert.deepEqual(thoughts, ['Two ', 'and two.'])
})

test('an answer whose content is a text comes as it was written', async t => {
  const { puppet, ask } = await house(t)
  const choice = '{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"1.0" } }'
  const whole = `{"id":"a", "object":"chat.completion","created":1.0,"model":"m","choices":[${choice}],"usage":${JSON.stringify(usage)}}`
  const answered = async (): Promise<void> => {
    const call = await puppet.next()
    call.head({ 'content-type': 'application/json' })
    call.end(whole)
  }
  const [{ text }] = await Promise.all([ask('/v1/chat/completions', asked), answered()])
  assert.equal(text, whole.replace('"model":"m"', '"model":"thinker"'))
})

import type { TestContext } from 'node:test'
import type { JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY, play, type Start } from './harness.ts'
import { inside } from './inside.ts'
import { type Puppet, type PuppetCall, startPuppet } from './puppet.ts'
import type { RawClient } from './raw.ts'

/** A chat stream that breaks by hand, and whoever goes on with it. */

export const chunk = (choice: JsonObject, more: JsonObject = {}): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, finish_reason: null, ...choice }], ...more })}\n\n`
export const says = (content: string): string => chunk({ delta: { content } })
export const STOP = chunk({ delta: {}, finish_reason: 'stop' })
export const DONE = 'data: [DONE]\n\n'
export const CHAT = '/v1/chat/completions'

export type Cast = {
  readonly first?: JsonObject
  readonly second?: JsonObject
  readonly info?: JsonObject
  readonly router?: JsonObject
  readonly start?: Start
  readonly fallback?: JsonObject | string
}

/** Three puppets, one behind the other: `first` falls back to `second`, and that to `third`. */
export const playPuppets = async (t: TestContext, set: Cast = {}) => {
  const puppets = [await startPuppet(t), await startPuppet(t), await startPuppet(t)] as const
  const gateway = inside()
  const entry = (name: string, puppet: Puppet, params: JsonObject = {}) => ({
    model_name: name,
    litellm_params: { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'sk-x', ...params },
  })
  const on = await play(t, {
    config: {
      model_list: [
        entry('first', puppets[0], set.first),
        { ...entry('second', puppets[1], set.second), model_info: set.info ?? {} },
        entry('third', puppets[2]),
      ],
      router_settings: {
        num_retries: 0,
        allowed_fails: 0,
        cooldown_time: 60,
        fallbacks: [{ first: [set.fallback ?? 'second'] }, { second: ['third'] }],
        ...set.router,
      },
    },
    start: set.start ?? gateway.start,
  })
  const open = (body: JsonObject = {}, path = CHAT): Promise<RawClient> =>
    on.send({
      path,
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: 'first', stream: true, messages: [{ role: 'user', content: 'x' }], ...body },
    })
  const [first, second, third] = puppets
  return { ...on, ...gateway, first, second, third, open }
}

export type On = Awaited<ReturnType<typeof playPuppets>>

/** A client that has read `text` from the first puppet, whose stream then breaks. */
export const broken = async (on: On, text: readonly string[], body: JsonObject = {}, path = CHAT) => {
  const client = await on.open(body, path)
  const call = await on.first.next()
  call.events()
  for (const piece of text) {
    await call.write(piece)
    if (piece === text[0]) await client.head()
    await client.event()
  }
  call.reset()
  return client
}

export const textIn = (data: string | undefined): string => {
  if (data === undefined || !data.startsWith('{')) return ''
  const { choices = [] } = JSON.parse(data) as {
    choices?: readonly { delta?: { content?: string }; text?: string }[]
  }
  return choices.map(choice => choice.delta?.content ?? choice.text ?? '').join('')
}

export const readRest = async (client: RawClient): Promise<{ text: string; last: string | undefined }> => {
  const events = await client.events()
  return { text: events.map(event => textIn(event.data)).join(''), last: events.at(-1)?.data }
}

export const whole = (call: PuppetCall, ...pieces: readonly string[]): void => {
  call.events()
  call.end([...pieces.map(says), STOP, DONE].join(''))
}

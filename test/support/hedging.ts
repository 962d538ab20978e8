import type { TestContext } from 'node:test'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY, play } from './harness.ts'
import { inside } from './inside.ts'
import { type PuppetCall, startPuppet } from './puppet.ts'

/** Soon enough for a test, late enough for a busy machine to answer before it. */
export const AFTER_SECONDS = 0.15

export const CHAT = '/v1/chat/completions'

const PRICES = {
  slow: { input_cost_per_token: 0.001, output_cost_per_token: 0.002 },
  quick: { input_cost_per_token: 0.01, output_cost_per_token: 0.02 },
}

/**
 * Two providers on strings behind `star`: `slow` is always asked first, because `quick` has no weight, and hedges go to
 * `quick`; `spare` is the group that follows. The other groups are made of the same two, each with something of its own:
 * `params` are those of `odd`.
 */
export const playHedges = async (
  t: TestContext,
  {
    router = {},
    params = {},
    hedge = { after: AFTER_SECONDS, max_percent: 100 },
  }: { readonly router?: JsonObject; readonly params?: JsonObject; readonly hedge?: Json } = {},
) => {
  const [slow, quick, spare] = [await startPuppet(t), await startPuppet(t), await startPuppet(t)]
  const gateway = inside()
  const entry = (group: string, id: string, base: string, more: JsonObject = {}): JsonObject => ({
    model_name: group,
    litellm_params: { model: 'openai/m', api_base: base, api_key: 'sk-x', ...more },
    model_info: { id },
  })
  const on = await play(t, {
    config: {
      model_list: [
        entry('star', 'slow', slow.baseUrl, { weight: 1, ...PRICES.slow }),
        entry('star', 'quick', quick.baseUrl, { weight: 0, ...PRICES.quick }),
        entry('spare', 'other', spare.baseUrl),
        entry('twins', 'left', slow.baseUrl, { weight: 1 }),
        entry('twins', 'right', slow.baseUrl, { weight: 0 }),
        entry('odd', 'odd-1', slow.baseUrl, { weight: 1, ...params }),
        entry('odd', 'odd-2', quick.baseUrl, { weight: 0, ...params }),
        entry('ranked', 'high', slow.baseUrl, { order: 1 }),
        entry('ranked', 'low', quick.baseUrl, { order: 2 }),
        entry('alone', 'sole', slow.baseUrl),
        entry('account', 'acc-1', slow.baseUrl, { weight: 1 }),
        entry('account', 'acc-2', slow.baseUrl, { weight: 0, model: 'openai/m2' }),
        entry('broken', 'broken-1', spare.baseUrl),
        entry('unhedged', 'this', slow.baseUrl, { weight: 1 }),
        entry('unhedged', 'that', quick.baseUrl, { weight: 0 }),
      ],
      router_settings: {
        num_retries: 0,
        soft_cooldown_failures: 1,
        fallbacks: [{ star: ['spare'] }, { broken: ['odd'] }],
        optional_pre_call_checks: ['encrypted_content_affinity'],
        hedge: { account: hedge, star: hedge, twins: hedge, odd: hedge, ranked: hedge, alone: hedge },
        ...router,
      },
    },
    start: gateway.start,
  })
  const open = (path: string, body: JsonObject) =>
    on.send({ path, headers: [['authorization', `Bearer ${MASTER_KEY}`]], body })
  return { ...on, ...gateway, slow, quick, spare, open }
}

export const chunk = (content: string, finish: string | null = null, usage?: JsonObject): string =>
  `data: ${JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: content === '' ? {} : { content }, finish_reason: finish }],
    ...(usage === undefined ? {} : { usage }),
  })}\n\n`

export const USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }

/** A whole stream that says this. */
export const stream = (call: PuppetCall, text: string): void => {
  call.events()
  call.end(`${chunk(text)}${chunk('', 'stop', USAGE)}data: [DONE]\n\n`)
}

/** A whole answer that says this. */
export const document = (call: PuppetCall, text: string): void => {
  call.head({ 'content-type': 'application/json' })
  call.end(
    JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      usage: USAGE,
    }),
  )
}

export const refuse = (call: PuppetCall, status: number, message = 'out'): void => {
  call.head({ 'content-type': 'application/json' }, status)
  call.end(JSON.stringify({ error: { message, type: null, param: null, code: null } }))
}

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play, type Reply } from './harness.ts'
import { type Inside, type InsideOptions, inside } from './inside.ts'

export const MESSAGES = '"messages":[{"role":"user","content":"Hello"}]'
export const CHAT = '/v1/chat/completions'
export const KEY = ['authorization', `Bearer ${MASTER_KEY}`] as const
export const JSON_TYPE = ['content-type', 'application/json'] as const

export type House = Play<{ lead: object; backup: object }> & Inside

/** `g` falls back to `b` after one retry; bodies of at most 1 MB. */
export const open = async (
  t: TestContext,
  more: { inside?: InsideOptions; maxMb?: number } = {},
): Promise<House> => {
  const gateway = inside(more.inside)
  const accepts = ['x', 'zz', 'frobnicate']
  const running = await play(t, {
    stages: { lead: { accepts }, backup: { accepts } },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('g', lead, 'gpt-4.1'),
        deployment('b', backup, 'gpt-4.1'),
        deployment('\u{1F3AD} stage', lead, 'gpt-4.1-mini'),
        deployment('painter', lead, 'gpt-image-1'),
        deployment('second-painter', backup, 'gpt-image-1'),
        deployment('vectors', lead, 'text-embedding-3-small'),
        deployment('ear', lead, 'whisper-1'),
        deployment('second-ear', backup, 'whisper-1'),
        deployment('voice', lead, 'tts-1'),
        // Any other name goes to the lead: what must not, is stopped by its form alone.
        deployment('*', lead, '*'),
      ],
      router_settings: {
        num_retries: 1,
        disable_cooldowns: true,
        fallbacks: [{ g: ['b'] }, { painter: ['second-painter'] }, { ear: ['second-ear'] }],
      },
      general_settings: { max_request_size_mb: more.maxMb ?? 1 },
    }),
    start: gateway.start,
  })
  return { ...running, ...gateway }
}

export const asked = (on: House): number => on.stages.lead.requests.length + on.stages.backup.requests.length

/** LiteLLM's error object; `param` names what is wrong. */
export const assertRefused = (reply: Reply, status: number, param: string | null) => {
  assert.equal(reply.status, status, reply.text)
  assert.equal(reply.headers['content-type'], 'application/json')
  const { error } = reply.json() as { error: JsonObject }
  assert.ok(isObject(error))
  assert.equal(typeof error.message, 'string')
  assert.equal(error.param, param)
  assert.equal(error.code, String(status))
  assert.equal(typeof error.type, 'string')
}

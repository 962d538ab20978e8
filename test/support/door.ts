import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play } from './harness.ts'
import { type Inside, inside } from './inside.ts'
import { headerIn, type RawClient, type RawHead } from './raw.ts'

export type Door = Play<{ lead: object }> & Inside

/** A gateway with one provider, and with these limits for its clients. */
export const openDoor = async (
  t: TestContext,
  settings: JsonObject = {},
  says = 'The understudy knows every line.',
): Promise<Door> => {
  const gateway = inside()
  const running = await play(t, {
    stages: { lead: { says } },
    config: ({ lead }) => ({
      model_list: [deployment('g', lead, 'gpt-4.1'), deployment('voice', lead, 'tts-1')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: settings,
    }),
    start: gateway.start,
  })
  return { ...running, ...gateway }
}

export const CHAT = '/v1/chat/completions'
export const CHAT_BODY = JSON.stringify({ model: 'g', messages: [{ role: 'user', content: 'Hello' }] })

/** The head of a request as text, its last line end included. */
export const headOf = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>> = {},
): string => {
  const all = { host: 'gateway', authorization: `Bearer ${MASTER_KEY}`, ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** The next answer, which is an error in the caller's dialect. */
export const refusedWith = async (
  client: RawClient,
  status: number,
): Promise<JsonObject & { head: RawHead }> => {
  const head = await client.head()
  assert.equal(head.status, status, head.raw)
  assert.equal(headerIn(head, 'content-type'), 'application/json')
  const { error } = JSON.parse((await client.body()).toString()) as { error: JsonObject }
  assert.ok(isObject(error))
  assert.equal(typeof error.message, 'string')
  assert.equal(error.code, String(status))
  return { ...error, head }
}

export const nobodyInside = (on: Door): boolean =>
  on.served().traffic.inside === 0 &&
  on.served().house.memory.held === 0 &&
  on
    .served()
    .house.board.snapshot()
    .every(one => one.inFlight === 0)

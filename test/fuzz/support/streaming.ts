import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startStage } from '../../../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../../../src/wire/json.ts'
import { MASTER_KEY, type Play, play } from '../../support/harness.ts'
import { type Inside, inside } from '../../support/inside.ts'
import { requestBytes } from '../../support/raw.ts'
import { parseSse } from '../../support/sse.ts'
import { STREAM_KINDS, type StreamKind } from '../../support/stream-kinds.ts'
import { exchange, type HttpAnswer } from './answers.ts'
import type { Meant } from './spelling.ts'
import { startWire, type Wire } from './wire.ts'

/** A chat group whose provider speaks binary frames. */
export const CONVERSE = 'converse'

export type Theatre = Play<Record<string, never>> &
  Inside & {
    readonly wire: Wire
    /** Asks for a stream of this kind that the provider answers with these bytes, head included. */
    readonly stream: (kind: StreamKind, bytes: Uint8Array, group?: string) => Promise<HttpAnswer>
  }

/** A gateway whose provider says, byte for byte, what each request was promised; many may be under way at once. */
export const playBytes = async (t: TestContext): Promise<Theatre> => {
  const wire = await startWire(t)
  const gateway = inside()
  const running = await play(t, {
    config: {
      model_list: [
        ...STREAM_KINDS.map(({ name, model }) => ({
          model_name: name,
          litellm_params: { model: `openai/${model}`, api_base: wire.baseUrl, api_key: 'sk-wire' },
        })),
        {
          model_name: CONVERSE,
          litellm_params: {
            model: 'bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0',
            aws_bedrock_runtime_endpoint: new URL(wire.baseUrl).origin,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIAWIREWIREWIREWIRE',
            aws_secret_access_key: 'wire',
          },
        },
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: { forward_client_headers_to_llm_api: true },
    },
    start: gateway.start,
  })
  const promised = new Map<string, Uint8Array>()
  let cases = 0
  wire.answer(({ head, socket }) => {
    const name = /^x-case: (\d+)/im.exec(head)?.[1] ?? ''
    socket.write(promised.get(name) ?? assert.fail('an unknown case'))
  })
  const stream: Theatre['stream'] = async (kind, bytes, group = kind.name) => {
    const name = String(cases++)
    promised.set(name, bytes)
    const request = kind.request(group)
    const headers = [...request.headers, ['x-case', name], ['authorization', `Bearer ${MASTER_KEY}`]] as const
    const answer = await exchange(running.url, requestBytes('gateway', { ...request, headers }))
    promised.delete(name)
    return answer
  }
  return { ...running, ...gateway, wire, stream }
}

/** The events with which a provider answers, one list for each kind. */
export const plainStreams = async (): Promise<ReadonlyMap<StreamKind, readonly Meant[]>> => {
  const stage = await startStage({ name: 'model' })
  const streams = new Map<StreamKind, readonly Meant[]>()
  try {
    for (const kind of STREAM_KINDS) {
      const request = kind.request(kind.model)
      const headers = [...request.headers, ['authorization', `Bearer ${stage.key}`]] as const
      const answer = await exchange(stage.baseUrl, requestBytes('stage', { ...request, headers }))
      assert.equal(answer.status, 200, answer.body.toString())
      streams.set(kind, parseSse(answer.body))
    }
  } finally {
    await stage.close()
  }
  return streams
}

const sealed = (key: string, value: unknown): unknown =>
  // Ids of stored answers are sealed, each answer's own.
  typeof value === 'string' && /(?:^|_)id$/.test(key) && value.length > 60 ? '<sealed>' : value

/** Events as their reader takes them: JSON by its value, anything else by its letters. */
export const asRead = (
  events: readonly Meant[],
): readonly { readonly event: string; readonly data: Json }[] =>
  events.map(({ event, data }) => {
    try {
      return { event, data: JSON.parse(data, sealed) as Json }
    } catch {
      return { event, data }
    }
  })

/** Everything a chat stream says to its reader. */
export const textOf = (events: readonly Meant[]): string =>
  asRead(events)
    .map(({ data }) => {
      const choices = isObject(data) && Array.isArray(data.choices) ? data.choices : []
      return choices.map(choice => (choice as { delta?: JsonObject }).delta?.content ?? '').join('')
    })
    .join('')

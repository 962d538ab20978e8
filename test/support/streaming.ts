import type { TestContext } from 'node:test'
import type { JsonObject } from '../../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play, type Start } from './harness.ts'
import { type Inside, inside } from './inside.ts'
import type { RawClient } from './raw.ts'
import { parseSse, type SeenEvent } from './sse.ts'
import { STREAM_KINDS, type StreamKind } from './stream-kinds.ts'

export type StreamingStages = { readonly lead: object; readonly backup: object }
export type Streaming = Play<StreamingStages> & Inside

/** Long enough for a busy machine, short enough to wait for. */
const HASTY_SECONDS = 0.5

/**
 * One gateway with three groups for each kind: `chat` on the lead alone, `hasty-chat` the same with short
 * limits, and `safe-chat` on the lead with `spare-chat` on the backup to fall back to.
 */
export const playStreaming = async (
  t: TestContext,
  { start, settings = {} }: { readonly start?: Start; readonly settings?: JsonObject } = {},
): Promise<Streaming> => {
  const gateway = inside()
  const running = await play(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: STREAM_KINDS.flatMap(({ name, model }) => [
        deployment(name, lead, model),
        deployment(`hasty-${name}`, lead, model, { stream_timeout: HASTY_SECONDS, timeout: HASTY_SECONDS }),
        deployment(`safe-${name}`, lead, model),
        deployment(`spare-${name}`, backup, model),
      ]),
      litellm_settings: settings,
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: STREAM_KINDS.map(({ name }) => ({ [`safe-${name}`]: [`spare-${name}`] })),
      },
    }),
    start: start ?? gateway.start,
  })
  return { ...running, ...gateway }
}

/** Opens a stream of this kind; nothing of the answer is read yet. */
export const openStream = (on: Streaming, kind: StreamKind, group: string): Promise<RawClient> => {
  const request = kind.request(group)
  return on.send({ ...request, headers: [['authorization', `Bearer ${MASTER_KEY}`], ...request.headers] })
}

export type StreamAnswer = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Buffer
  readonly events: readonly SeenEvent[]
}

/** The whole answer; rejects when the HTTP framing does not end in order. */
export const readStream = async (client: RawClient): Promise<StreamAnswer> => {
  const head = await client.head()
  const bytes = await client.body()
  client.leave()
  return {
    status: head.status,
    headers: new Map(head.headers.map(([name, value]) => [name.toLowerCase(), value])),
    bytes,
    events: parseSse(bytes),
  }
}

export const streamWhole = async (
  on: Streaming,
  kind: StreamKind,
  group = kind.name,
): Promise<StreamAnswer> => readStream(await openStream(on, kind, group))

/** Ids and times differ from answer to answer; everything else of two answers to one request is equal. */
const VOLATILE: ReadonlySet<string> = new Set(['id', 'item_id', 'created', 'created_at', 'completed_at'])

const steady = (key: string, value: unknown): unknown => (VOLATILE.has(key) ? '*' : value)

export const comparable = (events: readonly SeenEvent[]): readonly SeenEvent[] =>
  events.map(event =>
    event.data.startsWith('{')
      ? { ...event, data: JSON.stringify(JSON.parse(event.data) as JsonObject, steady) }
      : event,
  )

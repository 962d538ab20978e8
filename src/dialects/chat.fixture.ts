import assert from 'node:assert/strict'
import type { JsonObject } from '../wire/json.ts'
import { chatDecoder } from './chat-decoder.ts'
import { chatWriter } from './chat-writer.ts'
import { collectLosses } from './losses.ts'
import { request } from './neutral.fixture.ts'
import type { Asked, NeutralDecoder, NeutralEvent, NeutralRequest } from './neutral.ts'

/** A question that answers in tests belong to. */
export const askedWith = (more: Partial<NeutralRequest> = {}, body: JsonObject = {}): Asked => ({
  body,
  request: request([], { stream: true, streamUsage: true, ...more }),
  model: 'group',
  unique: 'u1',
  created: 1_700_000_000,
})

/** What a translation made, and what it lost: warnings by name, and parameters. */
export const losing = <Made>(
  make: (losses: ReturnType<typeof collectLosses>) => Made,
): { readonly made: Made; readonly warned: readonly string[]; readonly lost: readonly string[] } => {
  const losses = collectLosses()
  const made = make(losses)
  const { warnings, lost } = losses.found()
  return { made, warned: warnings.map(warning => warning.lost), lost }
}

/** The data of every event that a client gets. */
export const written = (events: readonly NeutralEvent[], asked = askedWith()): readonly string[] => {
  const writer = chatWriter(asked)
  return events
    .flatMap(event => writer.write(event))
    .flatMap(({ bytes, data }) => {
      if (data === undefined) return []
      assert.equal(new TextDecoder().decode(bytes), `data: ${data}\n\n`)
      return [data]
    })
}

/** What a decoder makes of bytes that come in these pieces. */
export const decodedBy = (
  decoder: NeutralDecoder,
  pieces: readonly Uint8Array[],
): readonly NeutralEvent[] => [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]

/** What a provider says, each a chunk of its own. */
export const hearing = (...chunks: readonly (JsonObject | string)[]): readonly NeutralEvent[] =>
  decodedBy(
    chatDecoder(),
    chunks.map(chunk =>
      new TextEncoder().encode(`data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`),
    ),
  )
export const saying = (delta: JsonObject, finish: string | null = null): JsonObject => ({
  id: 'chatcmpl-9',
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
})

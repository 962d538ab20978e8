import type { StreamEvent } from '../dialects/shape.ts'
import { isKeptFor, makesResponse, previousOf, transcriptKey } from '../plan/transcripts.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import { writtenAt } from '../wire/items.ts'
import { isObject, type Json } from '../wire/json.ts'
import { isOpenCapsule, openCapsule, sealedCapsule } from './compaction.ts'
import { keepTurn } from './mirror.ts'
import type { Served } from './served.ts'

/**
 * Transcripts: input and output of a response, kept for its owner. When its maker is out, the conversation stands in for
 * the id wherever else it goes on.
 */

/** The operator wants transcripts of this group, and the client has not said that nothing is to be kept. */
export const keepsTranscript = ({ call, turn }: Pick<Served, 'call' | 'turn'>): boolean =>
  call.config.router.transcripts !== undefined &&
  makesResponse(call.route) &&
  call.body.kind === 'json' &&
  isKeptFor(call.config.router.transcripts, call) &&
  valueAt(call.body.index, 'store') !== false &&
  // The turns of a conversation have no response before them: what it holds is mirrored, or kept by its provider alone.
  (turn !== undefined || !call.body.index.members.has('conversation'))

/** What others can go on from. */
const WHOLE: ReadonlySet<string | undefined> = new Set(['"completed"', '"incomplete"'])

/** As the client gets it: what was compacted here is not to lie open, and is opened again when it goes on. */
const outputIn = (
  { answered, call, house }: Served,
  index: JsonIndex,
  path: readonly string[],
): string | undefined => {
  if (!isOpenCapsule(answered)) return writtenAt(index, path)
  const output = (JSON.parse(writtenAt(index, path) ?? '[]') as Json[]).map(item => {
    const plain = openCapsule(item)
    if (plain === undefined || !isObject(item)) return item
    return {
      ...item,
      encrypted_content: sealedCapsule(plain, house.seal.capsules, call.context.caller.owner),
    }
  })
  return JSON.stringify(output)
}

/** `at`: where the response stands in what was answered. */
const keep = (served: Served, index: JsonIndex, at: readonly string[]): void => {
  const { call, answered, house, turn } = served
  const { transcripts } = call.config.router
  const said = (name: string): string | undefined => writtenAt(index, [...at, name])
  if (transcripts === undefined || call.body.kind !== 'json' || !WHOLE.has(said('status'))) return
  const [written, output] = [said('id'), outputIn(served, index, [...at, 'output'])]
  if (written === undefined || output?.startsWith('[') !== true) return
  if (turn !== undefined)
    return keepTurn(served, { input: writtenAt(call.body.index, ['input']) ?? '[]', output })
  const { owner } = call.context.caller
  const { id: deployment, boundary } = answered.deployment
  try {
    const id = String(JSON.parse(written))
    const transcript = {
      id,
      input: writtenAt(call.body.index, ['input']) ?? '[]',
      output,
      previous: previousOf(call) ?? '',
      deployment,
      boundary,
    }
    const sealed = house.seal.transcripts.seal(transcript, owner)
    house.keep.put(transcriptKey(id, owner), sealed, transcripts.ttlMs)
  } catch {
    // Too long to be sealed, or no id: the response itself is whole, and its owner has it.
    house.event('warn', 'There is no transcript of a response.', { callId: call.context.callId })
  }
}

/** Keeps what this document answers. */
export const keepTranscript = (served: Served, index: JsonIndex): void => keep(served, index, [])

/** What a client or a model has written holds no quotation mark that is not escaped. */
const isLast = (data: string): boolean =>
  data.includes('"response.completed"') || data.includes('"response.incomplete"')

/** The same, of the event that ends a stream. */
export const keepTranscriptOfEvent = (served: Served, { data }: StreamEvent): void => {
  if (data === undefined || !isLast(data)) return
  try {
    keep(served, indexObject(Buffer.from(data)), ['response'])
  } catch {
    // What cannot be read cannot be gone on from either.
  }
}

/** What its owner has deleted goes here, too, and the copies of its items with it. */
export const forgetResponse = ({ call, house }: Served): void => {
  if (call.route.name !== 'responses.delete') return
  const key = transcriptKey(call.params.id ?? '', call.context.caller.owner)
  house.copies.forget(key)
  if (call.config.router.transcripts !== undefined) house.keep.forget(key)
}

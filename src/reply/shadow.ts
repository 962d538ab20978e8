import { objectIn } from '../dialects/bridge.ts'
import { isCompaction } from '../dialects/compaction-shape.ts'
import type { StreamEvent } from '../dialects/shape.ts'
import { transcriptOf } from '../dialects/transcript.ts'
import { isShadowed, shadowEdits, shadowKey } from '../plan/shadows.ts'
import { Unsupported } from '../providers/provider.ts'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { Served } from './served.ts'

/**
 * Copies of conversations whose compaction only its provider can read. When that provider is out, the copy stands in for
 * the item wherever else the conversation goes on.
 */

/** The answer is a compaction of a provider's own, of a group whose operator wants copies. */
export const keepsShadow = ({ call, answered: { compaction } }: Served): boolean =>
  (compaction?.way === 'endpoint' || compaction?.way === 'trigger') && isShadowed(call)

/** What was compacted, as somebody reads it who cannot read what earlier providers sealed. */
const compactedBody = ({ call }: Served): JsonObject | undefined => {
  if (call.body.kind !== 'json') return undefined
  const edits = [...call.edits, ...shadowEdits(call.shadows, undefined)]
  return objectIn(joinSegments(applyEdits(call.body.index, edits)))
}

const keepOf = (served: Served, item: Json | undefined): void => {
  const { call, answered, house } = served
  const encrypted = isCompaction(item) ? item.encrypted_content : undefined
  const { compactionShadows } = call.config.router
  if (typeof encrypted !== 'string' || encrypted === '' || compactionShadows === undefined) return
  try {
    const body = compactedBody(served)
    if (body === undefined) return
    const { owner } = call.context.caller
    const shadow = { text: transcriptOf(body), boundary: answered.deployment.boundary }
    house.keep.put(
      shadowKey(encrypted, owner),
      house.seal.shadows.seal(shadow, owner),
      compactionShadows.ttlMs,
    )
  } catch (error) {
    // The compaction itself is whole: only its provider can go on with it.
    const because = error instanceof Unsupported ? error.message : 'it cannot be read'
    house.event('warn', 'There is no copy of a compacted conversation.', {
      callId: call.context.callId,
      because,
    })
  }
}

/** Keeps a copy of what this document compacts. */
export const keepShadow = (served: Served, index: JsonIndex): void => {
  const output = valueAt(index, 'output')
  if (Array.isArray(output)) keepOf(served, (output as readonly Json[]).find(isCompaction))
}

const DONE = 'response.output_item.done'

/** The same, of the event that brings the item. */
export const keepShadowOfEvent = (served: Served, { event, data }: StreamEvent): void => {
  if (data === undefined || (event !== DONE && !data.includes(DONE))) return
  keepOf(served, valueAt(indexObject(Buffer.from(data)), 'item'))
}

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { keepsNothing, responseFailedFrame, responses, sightOfResponseEvent } from './openai-responses.ts'
import { content, lifecycle, listOf, objectOf, parseJson, unsaid } from './read-json.ts'
import type { Shape, Sight, StreamEvent } from './shape.ts'

const TYPES: ReadonlySet<Json> = new Set(['compaction', 'compaction_summary', 'context_compaction'])

export const isCompaction = (item: Json | undefined): item is JsonObject =>
  isObject(item) && TYPES.has(item.type ?? null)

const carries = (item: Json | undefined): boolean => isCompaction(item) && !keepsNothing(item)

/** Who does not know the trigger answers the last message; agents end their work over that. */
const NO_ITEM = unsaid(
  'The provider answered the compaction with something else: it does not know compaction_trigger.',
  'unsupported_endpoint',
)

/** Of a moment: it does not tell what the provider has. */
const NOTHING = unsaid('The provider answered the compaction without any output item.', 'empty_answer')

/** Whoever only thought, and was cut off, may know it all the same. */
const lacking = (output: Json | undefined): JsonObject | undefined => {
  const items = listOf(output) ?? []
  if (items.some(carries)) return undefined
  const known = (item: Json) => objectOf(item)?.type === 'reasoning' || isCompaction(item)
  return items.every(known) ? NOTHING : NO_ITEM
}

/** A run in the background is fetched later. */
const BEGUN: ReadonlySet<Json> = new Set(['queued', 'in_progress'])

const errorInside = (answer: JsonObject): JsonObject | undefined =>
  responses.errorInside(answer) ??
  (answer.background === true && BEGUN.has(answer.status ?? null) ? undefined : lacking(answer.output))

/** Only the item is an answer: as long as anything else is said, somebody else may still be asked. */
const sight = (event: StreamEvent): Sight => {
  const seen = sightOfResponseEvent(event)
  if (seen.kind !== 'content') return seen
  const item = objectOf(parseJson(event.data ?? ''))?.item
  return carries(item) ? content : lifecycle
}

const emptyEnd = (events: readonly StreamEvent[]): JsonObject | undefined => {
  const last = objectOf(parseJson(events.at(-1)?.data ?? ''))
  return lacking(objectOf(last?.response)?.output)
}

/** A call of /responses whose last item asks for a compaction. */
export const trigger: Shape = {
  name: 'trigger',
  errorInside,
  // No tool runs while a conversation is compacted.
  hedge: {
    without: ['previous_response_id', 'conversation', 'background', 'prompt'],
    only: { store: false },
  },
  usageOf: responses.usageOf,
  stream: { sight, errorFrame: responseFailedFrame, emptyEnd, endsWithoutTerminal: false },
}

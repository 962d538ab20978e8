import { randomUUID } from 'node:crypto'
import { bytesOf, FailedAnswer, objectIn } from '../dialects/bridge.ts'
import { keptMessages } from '../dialects/compaction-answer.ts'
import { documentAsEvents, type Whole } from '../dialects/compaction-events.ts'
import { isCompaction } from '../dialects/compaction-shape.ts'
import type { Asked } from '../dialects/neutral.ts'
import { PARAMETERS } from '../dialects/openai-parameters.ts'
import { listOf, objectOf } from '../dialects/read-json.ts'
import { responseObject } from '../dialects/responses-object.ts'
import { routeNamed } from '../route-named.ts'
import { compactionItems } from '../wire/compaction-items.ts'
import { applyEdits, type Edit, joinSegments, type Warning } from '../wire/edit.ts'
import { indexObject, type JsonIndex, kindOf, valueAt } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { type Ask, type Reading, type Stamp, Unsupported } from './provider.ts'

/**
 * A provider that compacts by the one wire, for a client that asks by the other. Both are of one dialect: the client's
 * bytes go as they came, with the trigger put behind them or taken off.
 */

const TRIGGER: JsonObject = { type: 'compaction_trigger' }

const wire = (edit: Omit<Extract<Edit, { op: 'set' | 'append' }>, 'why'>): Edit => ({
  ...edit,
  why: 'compaction-wire',
})

/** The body as it stands after the edits so far: what they leave is what has to be moved. */
const editedIndex = ({ body, edits }: Ask): JsonIndex => {
  if (body.kind !== 'json') throw new Unsupported('a compaction is asked for in JSON')
  return edits.length === 0 ? body.index : indexObject(joinSegments(applyEdits(body.index, edits)))
}

const appended = (index: JsonIndex): Edit => {
  const kind = kindOf(index, 'input')
  if (kind === 'array') return wire({ op: 'append', path: ['input'], value: TRIGGER })
  const said = valueAt(index, 'input')
  const before = typeof said === 'string' ? [{ role: 'user', content: said }] : []
  return wire({ op: 'set', path: ['input'], value: [...before, TRIGGER] })
}

/** The compact endpoint keeps nothing: its conversation is not stored here either. */
const toTrigger = (ask: Ask): Ask => ({
  ...ask,
  route: routeNamed('responses.create'),
  edits: [...ask.edits, appended(editedIndex(ask)), wire({ op: 'set', path: ['store'], value: false })],
})

const COMPACT = PARAMETERS['POST /responses/compact']?.parameters ?? {}
/** Steers an answer or its delivery: the compaction is the same without it. */
const IDLE: ReadonlySet<string> = new Set(['stream', 'stream_options', 'store', 'include'])
/** Without it the compaction would be one of something else, or be delivered otherwise than asked for. */
const ESSENTIAL: ReadonlySet<string> = new Set(['conversation', 'prompt', 'background'])

/** Members that the endpoint does not publish: some providers refuse every other one. */
const strangers = (index: JsonIndex): readonly string[] =>
  [...index.members.keys()].filter(key => !Object.hasOwn(COMPACT, key))

const refuseEssential = (index: JsonIndex): void => {
  for (const key of strangers(index)) {
    const value = ESSENTIAL.has(key) ? valueAt(index, key) : null
    if (value !== null && value !== false && value !== undefined)
      throw new Unsupported(`'${key}' has no place in a call of /responses/compact`, key)
  }
}

const toEndpoint = (ask: Ask): Ask => {
  const index = editedIndex(ask)
  refuseEssential(index)
  const { trigger } = compactionItems(index, 'input')
  return {
    ...ask,
    route: routeNamed('responses.compact'),
    stream: false,
    edits: [
      ...ask.edits,
      { op: 'drop', path: ['input', String(trigger ?? -1)], why: 'compaction-wire' },
      ...strangers(index).map((key): Edit => ({ op: 'drop', path: [key], why: 'compaction-wire' })),
    ],
  }
}

/** True where the deployment has the other wire only. */
export const crossesWires = ({ compaction }: Ask): boolean =>
  compaction !== undefined &&
  compaction.way !== compaction.wire &&
  (compaction.way === 'endpoint' || compaction.way === 'trigger')

/** The same call by the other wire. Throws Unsupported. */
export const onOtherWire = (ask: Ask): Ask =>
  ask.compaction?.way === 'trigger' ? toTrigger(ask) : toEndpoint(ask)

/** Parameters that would have meant something on the client's own wire. */
export const lostOnWire = (ask: Ask): readonly Warning[] =>
  ask.compaction?.way === 'trigger'
    ? []
    : strangers(editedIndex(ask))
        .filter(key => !IDLE.has(key))
        .map(key => ({ lost: key, because: 'the compact endpoint has no such parameter' }))

/** The one item; a provider that does not know the trigger answers it like any message. Throws FailedAnswer. */
const itemIn = (answer: JsonObject): JsonObject => {
  const error = objectOf(answer.error)
  if (error !== undefined) throw new FailedAnswer(error)
  const items = listOf(answer.output)
  const item = (items ?? []).find(isCompaction)
  // Nothing at all is a failure of the moment: it does not tell what the provider has.
  if (items?.length === 0)
    throw new FailedAnswer({
      message: 'The provider answered the compaction without any output item.',
      type: 'server_error',
      param: null,
      code: 'empty_answer',
    })
  if (item === undefined)
    throw new FailedAnswer({
      message: 'The provider answered the compaction without a compaction item.',
      type: 'server_error',
      param: null,
      code: 'unsupported_endpoint',
    })
  return item
}

const askedOf = (ask: Ask, stamp: Stamp): Asked => ({
  body: objectIn(editedIndex(ask).bytes),
  request: { turns: [], stream: ask.stream, streamUsage: true, rest: {} },
  model: ask.model,
  ...stamp,
})

/** A response with its compaction item as the document of the compact endpoint. */
const asCompaction = (answer: JsonObject, { body, unique, created }: Asked): JsonObject => {
  const item = itemIn(answer)
  return {
    id: typeof answer.id === 'string' ? answer.id : `resp_${unique}`,
    object: 'response.compaction',
    created_at: answer.created_at ?? created,
    output: [...keptMessages(body.input, unique), item],
    usage: answer.usage ?? null,
  }
}

/** The document of the compact endpoint as a response with the item alone. */
const asResponse = (answer: JsonObject, asked: Asked): JsonObject => {
  const item = itemIn(answer)
  const response = responseObject(asked, { status: 'completed', output: [item] })
  return {
    ...response,
    id: answer.id ?? response.id ?? null,
    created_at: answer.created_at ?? asked.created,
    usage: answer.usage ?? null,
  }
}

/** Bytes that are no JSON object stay what they are: whoever reads them says so. */
const translated = (bytes: Uint8Array, make: (answer: JsonObject) => JsonObject): Uint8Array => {
  let answer: JsonObject
  try {
    answer = objectIn(bytes)
  } catch {
    return bytes
  }
  try {
    return bytesOf(make(answer))
  } catch (error) {
    if (error instanceof FailedAnswer) return bytesOf({ error: error.error })
    throw error
  }
}

const wholeFor = (asked: Asked): Whole => ({
  read: body => asResponse(objectIn(body), asked),
  failed: error => responseObject(asked, { status: 'failed', output: [], error }),
})

/** How the answer of the other wire becomes the client's. */
export const otherWireReading = (ask: Ask, stamp: (() => Stamp) | undefined): Reading => {
  const made = stamp?.() ?? { unique: randomUUID(), created: 0 }
  const asked = askedOf(ask, made)
  if (ask.compaction?.way === 'trigger')
    return { translate: bytes => translated(bytes, answer => asCompaction(answer, asked)) }
  return {
    translate: bytes => translated(bytes, answer => asResponse(answer, asked)),
    ...(ask.stream
      ? { decoder: () => documentAsEvents(wholeFor(asked)), streamType: 'application/json' }
      : {}),
  }
}

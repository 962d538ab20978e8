import type { Answered } from '../attempt/outcome.ts'
import type { Call } from '../call.ts'
import { SHAPES } from '../dialects/index.ts'
import type { StreamEvent } from '../dialects/shape.ts'
import type { Seal } from '../seal.ts'
import { applyEdits, type Edit } from '../wire/edit.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { withData } from '../wire/sse.ts'
import { capsuleSealer, isOpenCapsule, openCapsule, openCapsules } from './compaction.ts'

/**
 * What the gateway changes in an answer, as named edits on the upstream's bytes: `model` names the group that served,
 * ids of stored responses and conversations are sealed for their owner, and so is a compaction that was made here.
 */
export type Rewriter = {
  readonly document: (index: JsonIndex) => readonly Uint8Array[]
  readonly event: (event: StreamEvent) => Uint8Array | string
  /** Ids that were sealed, by the provider's own: whoever goes on with the answer tells them the same. */
  readonly sealed: Map<string, string> | undefined
}

const STORED_OBJECTS: ReadonlySet<Json | undefined> = new Set([
  'response',
  'response.compaction',
  'response.deleted',
  'conversation',
  'conversation.deleted',
])

type Facts = {
  /** undefined: the route has no model to name. */
  readonly model: string | undefined
  /** The member that names it. */
  readonly modelKey: string
  readonly sealId: (id: string) => string
  /** The route's answers carry ids that bind later calls. */
  readonly binds: boolean
  /** Seals the capsules that the answer holds in the open; undefined: it holds none. */
  readonly sealCapsule: ((plain: string) => string) | undefined
}

const set = (path: readonly string[], value: string, why: Edit['why']): Edit => ({
  op: 'set',
  path,
  value,
  why,
})

/** Ids that bind: the response's own, the one it continues, and its conversation. */
const idEdits = (object: JsonObject, at: readonly string[], facts: Facts): Edit[] => {
  const edits: Edit[] = []
  const seal = (value: Json | undefined, path: readonly string[]): void => {
    if (typeof value === 'string' && value !== '') edits.push(set(path, facts.sealId(value), 'sealed-id'))
  }
  seal(object.id, [...at, 'id'])
  seal(object.previous_response_id, [...at, 'previous_response_id'])
  if (isObject(object.conversation)) seal(object.conversation.id, [...at, 'conversation', 'id'])
  return edits
}

const capsuleEdits = (output: Json | undefined, at: readonly string[], { sealCapsule }: Facts): Edit[] =>
  sealCapsule === undefined
    ? []
    : openCapsules(output).map(([place, plain]) =>
        set([...at, 'output', String(place), 'encrypted_content'], sealCapsule(plain), 'seal-capsule'),
      )

const documentEdits = (index: JsonIndex, facts: Facts): Edit[] => {
  const edits = facts.sealCapsule === undefined ? [] : capsuleEdits(valueAt(index, 'output'), [], facts)
  const { model, modelKey } = facts
  if (model !== undefined && index.members.has(modelKey) && valueAt(index, modelKey) !== model)
    edits.push(set([modelKey], model, 'model'))
  if (!facts.binds || !STORED_OBJECTS.has(valueAt(index, 'object'))) return edits
  const { id, previous_response_id, conversation } = pick(index)
  return [...edits, ...idEdits({ id, previous_response_id, conversation }, [], facts)]
}

const pick = (index: JsonIndex): { id: Json; previous_response_id: Json; conversation: Json } => ({
  id: valueAt(index, 'id') ?? null,
  previous_response_id: valueAt(index, 'previous_response_id') ?? null,
  conversation: valueAt(index, 'conversation') ?? null,
})

/** Events of the responses dialect carry the whole response object, or its id. */
const responseEventEdits = (index: JsonIndex, facts: Facts): Edit[] => {
  const edits: Edit[] = []
  const bare = valueAt(index, 'response_id')
  if (typeof bare === 'string') edits.push(set(['response_id'], facts.sealId(bare), 'sealed-id'))
  const plain = facts.sealCapsule === undefined ? undefined : openCapsule(valueAt(index, 'item'))
  if (plain !== undefined && facts.sealCapsule !== undefined)
    edits.push(set(['item', 'encrypted_content'], facts.sealCapsule(plain), 'seal-capsule'))
  const response = valueAt(index, 'response')
  if (!isObject(response)) return edits
  edits.push(...capsuleEdits(response.output, ['response'], facts))
  if (facts.model !== undefined && typeof response.model === 'string' && response.model !== facts.model)
    edits.push(set(['response', 'model'], facts.model, 'model'))
  return [...edits, ...idEdits(response, ['response'], facts)]
}

const textOf = (segments: readonly Uint8Array[]): string => Buffer.concat(segments).toString('utf8')

/** Chunks of one stream begin alike, up to and with the model: the first is indexed, the others are compared. */
const modelRewriter = (model: string, key: string): ((event: StreamEvent) => Uint8Array | string) => {
  let prefix: string | undefined
  let replacement = ''
  return event => {
    const { data } = event
    if (data === undefined || data === '[DONE]') return event.bytes
    if (prefix !== undefined && data.startsWith(prefix))
      return withData(event, replacement + data.slice(prefix.length))
    let index: JsonIndex
    try {
      index = indexObject(Buffer.from(data))
    } catch {
      return event.bytes
    }
    const member = index.members.get(key)
    if (member === undefined || valueAt(index, key) === model) return event.bytes
    const head = Buffer.from(index.bytes.subarray(0, member.end)).toString('utf8')
    const before = Buffer.from(index.bytes.subarray(0, member.start)).toString('utf8')
    prefix = head
    replacement = before + JSON.stringify(model)
    return withData(event, replacement + data.slice(head.length))
  }
}

const responseRewriter =
  (facts: Facts): ((event: StreamEvent) => Uint8Array | string) =>
  event => {
    const { data } = event
    const concerned =
      facts.sealCapsule !== undefined || data?.includes('"response"') || data?.includes('"response_id"')
    if (data === undefined || concerned !== true) return event.bytes
    try {
      const index = indexObject(Buffer.from(data))
      const edits = responseEventEdits(index, facts)
      return edits.length === 0 ? event.bytes : withData(event, textOf(applyEdits(index, edits)))
    } catch {
      return event.bytes
    }
  }

/** A model that is named inside an object of one event, which every other event does without. */
const nestedModelRewriter = (
  model: string,
  path: readonly string[],
): ((event: StreamEvent) => Uint8Array | string) => {
  const [outer = ''] = path
  const alarm = `"${outer}"`
  return event => {
    const { data } = event
    if (data === undefined || !data.includes(alarm)) return event.bytes
    try {
      const index = indexObject(Buffer.from(data))
      if (!isObject(valueAt(index, outer))) return event.bytes
      return withData(event, textOf(applyEdits(index, [set(path, model, 'model')])))
    } catch {
      return event.bytes
    }
  }
}

/** The same id is sealed once for one answer, and an id that the client wrote comes back as it was written. */
const sealing =
  (call: Call, answered: Answered, seal: Seal, sealed: Map<string, string>): Facts['sealId'] =>
  id => {
    const known = sealed.get(id)
    if (known !== undefined) return known
    const made = seal.seal(id, answered.deployment, call.context.caller.owner)
    sealed.set(id, made)
    return made
  }

const plainEvent: Rewriter['event'] = event => event.bytes

const unsealed: Facts['sealId'] = id => id

/**
 * The rewriter of one answer: `model` becomes the name the client knows the serving group by. `earlier` is the rewriter
 * of the answer that this one goes on with.
 */
export const rewriterFor = (call: Call, answered: Answered, seal: Seal, earlier?: Rewriter): Rewriter => {
  const { route } = call
  const binds = route.name.startsWith('responses.') || route.name.startsWith('conversations.')
  const sealed = binds ? (earlier?.sealed ?? new Map(call.echoes)) : undefined
  const facts: Facts = {
    model:
      call.model !== '' && (route.model === 'body' || route.model === 'path') ? answered.group : undefined,
    modelKey: SHAPES[route.shape].modelKey ?? 'model',
    binds,
    sealId: sealed === undefined ? unsealed : sealing(call, answered, seal, sealed),
    sealCapsule: isOpenCapsule(answered)
      ? capsuleSealer(seal.capsules, call.context.caller.owner)
      : undefined,
  }
  const document = (index: JsonIndex): readonly Uint8Array[] => applyEdits(index, documentEdits(index, facts))
  if (binds) return { document, event: responseRewriter(facts), sealed }
  const at = SHAPES[route.shape].stream?.modelAt
  if (facts.model === undefined) return { document, event: plainEvent, sealed }
  const event =
    at === undefined ? modelRewriter(facts.model, facts.modelKey) : nestedModelRewriter(facts.model, at)
  return { document, event, sealed }
}

import { VERSION } from '../version.ts'
import type { Edit } from '../wire/edit.ts'
import { applyEdits } from '../wire/edit.ts'
import { stringOf } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { editMultipart, fieldName, fieldOf, MultipartFault, type MultipartIndex } from '../wire/multipart.ts'
import { type Ask, type Draft, type HeaderPair, Unsupported } from './provider.ts'

/**
 * The body for a provider that speaks the client's own dialect: the client's bytes and named edits, nothing else.
 */

/** Whether the body will have this top-level key once the gateway's own edits are made. */
export const hasKey = (ask: Ask, key: string): boolean => {
  let present = ask.body.kind === 'json' && ask.body.index.members.has(key)
  if (ask.body.kind === 'multipart') present = ask.body.index.parts.some(part => fieldName(part.name) === key)
  for (const edit of ask.edits) {
    if (edit.path[0] !== key) continue
    if (edit.op === 'set') present = true
    else if (edit.op === 'drop' && edit.path.length === 1) present = false
  }
  return present
}

const clientModel = (ask: Ask): string | undefined => {
  if (ask.body.kind === 'json') return stringOf(ask.body.index, 'model')
  return ask.body.kind === 'multipart' ? fieldOf(ask.body.index, ask.body.bytes, 'model') : undefined
}

/** The body's `model` after the gateway's edits: a string, or undefined when it is absent or no string. */
const modelInForce = (ask: Ask): Json | undefined => {
  const last = ask.edits.findLast(edit => edit.path.length === 1 && edit.path[0] === 'model')
  if (last === undefined) return clientModel(ask)
  return last.op === 'set' ? last.value : undefined
}

const NO_EDITS: readonly Edit[] = []

/**
 * The group name becomes the deployment's model. Routes that find their owner some other way carry a model only
 * if the client sent one (fine_tuning.create does, batches do not).
 */
const modelEdits = (ask: Ask, model: string): readonly Edit[] => {
  if (model === '' || modelInForce(ask) === model) return NO_EDITS
  const named = ask.route.model === 'body' || ask.route.model === 'path'
  if (!named && !hasKey(ask, 'model')) return NO_EDITS
  return [{ op: 'set', path: ['model'], value: model, why: 'model' }]
}

const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))

const asField = (value: Json): string | readonly string[] =>
  Array.isArray(value) ? value.map((item: Json) => asText(item)) : asText(value)

/** A form has no nesting: only whole fields can be set or dropped. What is not there is not dropped. */
const formEdits = (edits: readonly Edit[], index: MultipartIndex) => {
  const set: Record<string, string | readonly string[]> = {}
  const drop = new Set<string>()
  const made: Edit[] = []
  for (const edit of edits) {
    const [key, ...deeper] = edit.path
    if (key === undefined || deeper.length > 0) continue
    if (edit.op === 'set') {
      set[key] = asField(edit.value)
      drop.delete(key)
    } else if (edit.op === 'append') continue
    else {
      if (!(key in set) && !index.parts.some(part => fieldName(part.name) === key)) continue
      delete set[key]
      drop.add(key)
    }
    made.push(edit)
  }
  return { set, drop: [...drop], made }
}

/** The form with its edits. A boundary that occurs in a new value is a form that cannot carry it. */
const editedForm = (
  bytes: Uint8Array,
  index: MultipartIndex,
  { set, drop }: ReturnType<typeof formEdits>,
) => {
  try {
    return editMultipart(bytes, index, { set, drop })
  } catch (error) {
    if (error instanceof MultipartFault) throw new Unsupported(error.message)
    throw error
  }
}

export type Encoded = {
  readonly body: readonly Uint8Array[]
  readonly edits: readonly Edit[]
  /** undefined when there is no body. */
  readonly contentType: string | undefined
}

/** Encodes the client's body for this deployment. `more` are the provider's own edits, made last. */
export const encodeBody = (ask: Ask, model: string, more: readonly Edit[] = []): Encoded => {
  const { body } = ask
  const named = modelEdits(ask, model)
  const edits = ask.edits.length + more.length === 0 ? named : [...ask.edits, ...named, ...more]
  if (body.kind === 'json') {
    // The model's own edit always changes something; of the others some may have nothing to do with this body.
    const idle: Edit[] | undefined = edits === named ? undefined : []
    const encoded = applyEdits(body.index, edits, idle)
    const made = idle === undefined || idle.length === 0 ? edits : edits.filter(edit => !idle.includes(edit))
    return { body: encoded, edits: made, contentType: 'application/json' }
  }
  if (body.kind === 'multipart') {
    const form = formEdits(edits, body.index)
    return {
      body: editedForm(body.bytes, body.index, form),
      edits: form.made,
      contentType: body.contentType,
    }
  }
  if (body.kind === 'raw' && body.bytes.length > 0) {
    return { body: [body.bytes], edits: [], contentType: body.contentType || 'application/octet-stream' }
  }
  return { body: [], edits: [], contentType: undefined }
}

// Names that describe the bytes or the connection: they are ours, whatever the client or extra_headers say.
const OURS = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'transfer-encoding',
])

const accepted = (ask: Ask): string => {
  if (ask.stream) return 'text/event-stream'
  return ask.route.shape === 'speech' || ask.route.shape === 'raw' ? '*/*' : 'application/json'
}

const USER_AGENT: HeaderPair = ['user-agent', `understudy/${VERSION}`]
// Answers are spliced and measured as bytes; a compressed one could be neither.
const PLAIN_BYTES: HeaderPair = ['accept-encoding', 'identity']

/** Two header names that are one, in whatever case they are written. Most differ in length, which is seen at once. */
const isSame = (one: string, other: string): boolean =>
  one === other || (one.length === other.length && one.toLowerCase() === other.toLowerCase())

/** True when one of the pairs has this name. */
export const gives = (pairs: readonly HeaderPair[], name: string): boolean => {
  for (const pair of pairs) if (isSame(pair[0], name)) return true
  return false
}

/** The headers of a draft, content-type exactly once. content-length belongs to the transport. */
export const draftHeaders = (
  ask: Ask,
  contentType: string | undefined,
  more: readonly HeaderPair[] = [],
): readonly HeaderPair[] => {
  const list: HeaderPair[] = []
  if (contentType !== undefined) list.push(['content-type', contentType])
  list.push(['accept', accepted(ask)], PLAIN_BYTES)
  if (!gives(ask.headers, 'user-agent')) list.push(USER_AGENT)
  for (const pair of more) if (!gives(ask.headers, pair[0])) list.push(pair)
  for (const pair of ask.headers) if (!OURS.has(pair[0].toLowerCase())) list.push(pair)
  return list
}

/** extra_headers may bring their own credential (a gateway in between): then ours stays home. */
export const unlessGiven = (draft: Draft, pairs: readonly HeaderPair[]): readonly HeaderPair[] =>
  pairs.some(([name]) => gives(draft.headers, name))
    ? pairs.filter(([name]) => !gives(draft.headers, name))
    : pairs

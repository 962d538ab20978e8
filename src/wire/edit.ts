import { asBuffer } from './bytes.ts'
import type { JsonIndex } from './index.ts'
import type { Json } from './json.ts'
import { changeTree, rootOf, writeTree } from './splice.ts'

/**
 * The closed list of reasons why an upstream body may differ from the client's, or an answer from the provider's.
 * A new reason is a new name here and a row in docs/edits.md (a test keeps them equal); nothing else may change a body.
 */
export const EDIT_NAMES = [
  'model', // the group name becomes the deployment's own model name
  'gateway-controls', // LiteLLM controls in the body (num_retries, fallbacks, …) are ours and stay here
  'deployment-default', // a litellm_params value the client did not set
  'deployment-extra-body', // litellm_params.extra_body
  'deployment-tools', // deployment tools go before the request's
  'drop-params', // drop_params: the provider does not take this parameter
  'additional-drop-params', // additional_drop_params
  'fallback-override', // a dict fallback carries its own values
  'sealed-id', // a response id we issued becomes the upstream's own
  'stream-usage', // always_include_stream_usage asks for the usage chunk
  'provider-rename', // one provider's name for the same parameter, role or word
  'foreign-reasoning', // reasoning items that only another account, or another dialect, can read
  'call-history', // calls of earlier turns get what this provider asks for, and lose what it refuses
  'missing-thinking', // a turn that another provider began has no thoughts: it goes on without thinking
  'thinking-form', // thinking is written as this model takes it, or rests where it takes none of the kind
  'expand-capsule', // a compacted conversation that we sealed becomes a message that every model can read
  'expand-reference', // the name of an item becomes the item, where nobody else could find it
  'rehydrate', // an id that only its provider can read becomes the conversation that it stands for
  'expand-shadow', // a compaction that only another provider can read becomes what it was made of, in words
  'seal-capsule', // a summary that was made here is sealed for its owner
  'compaction-wire', // a compaction is asked for by the wire that the deployment has
  'continuation', // a stream broke: what the client has of it is given to who goes on from it
  'foreign-key', // a key that clients write for one provider, and this one is another
  'learned-parameter', // a parameter that this deployment has refused by name
  'answer-limit', // a limit of the answer above what this model gives becomes the model's own
  'foreign-id', // the id of an item that came with such reasoning
  'call-id', // the id of a tool call gets a form that this provider takes
  'missing-id', // an item's id that this provider wants and the client does not have
] as const

export type EditName = (typeof EDIT_NAMES)[number]

/**
 * One change to a JSON body. `path` is from the top: object keys, or '*' / a decimal index inside arrays.
 * 'set' creates the last key of an object when it is missing; it makes no parents and no array elements.
 * 'append' adds an element to the end of an array.
 * An edit whose path leads nowhere is no change. In an object '*' and digits are ordinary keys.
 */
export type Edit =
  | { readonly op: 'set'; readonly path: readonly string[]; readonly value: Json; readonly why: EditName }
  | { readonly op: 'append'; readonly path: readonly string[]; readonly value: Json; readonly why: EditName }
  | { readonly op: 'drop'; readonly path: readonly string[]; readonly why: EditName }

/** Something a translation could not carry across. */
export type Warning = { readonly lost: string; readonly because: string }

export { byteLengthOf, gatherSegments, joinSegments } from './bytes.ts'

/** The commonest change, a top-level value that is there already, needs no tree. */
const replaceValue = (index: JsonIndex, edit: Edit): Uint8Array[] | undefined => {
  const [key] = edit.path
  if (edit.op !== 'set' || edit.path.length !== 1 || key === undefined) return undefined
  const member = index.members.get(key)
  if (member === undefined) return undefined
  const bytes = asBuffer(index.bytes)
  return [
    bytes.subarray(0, member.start),
    Buffer.from(JSON.stringify(edit.value)),
    bytes.subarray(member.end),
  ]
}

/**
 * The document after the edits, as segments in order. Each edit sees the result of the one before. Bytes no edit
 * names are the indexed bytes themselves, uncopied: spelling of numbers, white space and order stay. When no edit
 * changes anything the answer is the indexed bytes alone. The segments share memory with the index: read only.
 * `idle`, when it is given, gets the edits that led nowhere.
 */
export const applyEdits = (index: JsonIndex, edits: readonly Edit[], idle?: Edit[]): Uint8Array[] => {
  const [only] = edits
  if (only === undefined) return [index.bytes]
  const replaced = edits.length === 1 ? replaceValue(index, only) : undefined
  if (replaced !== undefined) return replaced
  const root = rootOf(index)
  let changed = false
  for (const edit of edits) {
    if (changeTree(root, edit)) changed = true
    else idle?.push(edit)
  }
  return changed ? writeTree(index, root) : [index.bytes]
}

/**
 * A path as additional_drop_params writes it: `user`, `metadata.team`, `tools[*].input_examples`, `a[0].b`.
 * Throws Error when the text is no such path.
 */
export const parsePath = (text: string): readonly string[] => {
  const path: string[] = []
  // A key first, then `.key` or `[index]` or `[*]`, each piece starting where the last one ended.
  const piece = /(?:^|(?!^)\.)([^.[\]]+)|(?!^)\[(\*|0|[1-9]\d*)\]/y
  while (piece.lastIndex < text.length) {
    const at = piece.lastIndex
    const match = piece.exec(text)
    if (match === null) throw new Error(`'${text}' is not a path: nothing fits at character ${at + 1}.`)
    path.push(match[1] ?? match[2] ?? '')
  }
  if (path.length === 0) throw new Error('A path names at least one key; this one is empty.')
  return path
}

/** The way of an edit as people write it, `input[*].metadata`: what parsePath reads. Digits are an index. */
export const printPath = (path: readonly string[]): string => {
  let text = ''
  for (const key of path) {
    if (key === '*' || /^\d+$/.test(key)) text += `[${key}]`
    else text += text === '' ? key : `.${key}`
  }
  return text
}

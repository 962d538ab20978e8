import { createHash } from 'node:crypto'
import type { Edit } from '../wire/edit.ts'
import type { JsonIndex } from '../wire/index.ts'
import { type Bond, type Item, itemsIn, namedItems, writtenAt } from '../wire/items.ts'
import type { Json } from '../wire/json.ts'
import { limitEdits } from './answer-limit.ts'
import { type CallIdForm, callIdEdits } from './call-id-edits.ts'
import type { Complaint } from './complaint.ts'
import { unsignedEdits } from './signatures.ts'
import { formEdits, type ThinkingForm } from './thinking-form.ts'

/** One thing that is changed in what a provider would get, because of what it, or another one, has said before. */
export type Amendment =
  /** This parameter stays behind. With `value`: only when it has this one, as it was written. */
  | { readonly kind: 'without'; readonly path: readonly string[]; readonly value: string | undefined }
  /** Input items of this type get an id when they have none. */
  | { readonly kind: 'item-ids'; readonly type: string }
  /** Reasoning stays behind that only somebody else can read. */
  | { readonly kind: 'unsealed'; readonly foreign: (bond: Bond) => boolean }
  /** Signatures stay behind that their provider refuses, and the thoughts that they sign. */
  | { readonly kind: 'unsigned' }
  /** Ids of tool calls get this form. */
  | { readonly kind: 'call-ids'; readonly form: CallIdForm }
  /** A limit of the answer that is above this many tokens becomes them. */
  | { readonly kind: 'answer-limit'; readonly most: number }
  /** Thinking is asked for in this form. */
  | { readonly kind: 'thinking'; readonly form: ThinkingForm }
  /** Items lose ids that somebody else has issued. */
  | { readonly kind: 'unnamed'; readonly foreign: (id: string) => boolean }
  /** What means something to somebody else alone, and nothing to the answer. */
  | { readonly kind: 'aside'; readonly path: readonly string[] }

/** What the ids of an item's type begin with, where OpenAI makes them. */
const ID_PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg_',
  reasoning: 'rs_',
  function_call: 'fc_',
  function_call_output: 'fco_',
  custom_tool_call: 'ctc_',
  custom_tool_call_output: 'ctco_',
  file_search_call: 'fs_',
  web_search_call: 'ws_',
  computer_call: 'cu_',
  computer_call_output: 'cuo_',
  code_interpreter_call: 'ci_',
  image_generation_call: 'ig_',
  local_shell_call: 'lsh_',
  local_shell_call_output: 'lsho_',
  shell_call: 'sh_',
  shell_call_output: 'sho_',
  apply_patch_call: 'apc_',
  apply_patch_call_output: 'apco_',
  tool_search_call: 'tsc_',
  tool_search_output: 'tso_',
  mcp_call: 'mcp_',
  mcp_list_tools: 'mcpl_',
  mcp_approval_request: 'mcpr_',
  mcp_approval_response: 'mcpa_',
  compaction: 'cmp_',
}

/** Kinds of what a model says, beside its messages, of which an id may be absent. */
const FREE_OF_IDS: ReadonlySet<string> = new Set([
  'function_call',
  'custom_tool_call',
  'tool_search_call',
  'shell_call',
  'apply_patch_call',
])

/** An item without a type is a message. */
export const typeOf = ({ type }: Item): string => (type === '' ? 'message' : type)

/** The same item at the same place gets the same id in every turn, so that what a provider caches of it stays. */
const idFor = (item: Item, bytes: Uint8Array): string => {
  const { start, end } = item.span
  const made = createHash('sha256').update(`${item.at}:`).update(bytes.subarray(start, end)).digest('hex')
  return (ID_PREFIXES[typeOf(item)] ?? 'item_') + made.slice(0, 48)
}

const idEdits = (index: JsonIndex, type: string): readonly Edit[] =>
  itemsIn(index, 'input')
    .filter(item => typeOf(item) === type && item.id === '')
    .map(item => ({
      op: 'set',
      path: ['input', String(item.at), 'id'],
      value: idFor(item, index.bytes),
      why: 'missing-id',
    }))

const isSaid = (item: Item): boolean =>
  (typeOf(item) === 'message' && item.role === 'assistant') || item.type.endsWith('_call')

/** Its id may be absent. */
export const isFree = (item: Item): boolean => typeOf(item) === 'message' || FREE_OF_IDS.has(item.type)

/** The items go as a whole. What was said in one breath with them keeps its words and call ids, and loses its ids. */
const unsealedEdits = (index: JsonIndex, foreign: (bond: Bond) => boolean): readonly Edit[] => {
  const ids: Edit[] = []
  const items: Edit[] = []
  let inBreath = false
  for (const item of itemsIn(index, 'input')) {
    const path = ['input', String(item.at)]
    if (item.type === 'reasoning' && item.bond !== undefined && foreign(item.bond)) {
      items.push({ op: 'drop', path, why: 'foreign-reasoning' })
      inBreath = true
    } else if (item.type === 'reasoning' || !isSaid(item)) inBreath = false
    else if (inBreath && item.id !== '' && isFree(item))
      ids.push({ op: 'drop', path: [...path, 'id'], why: 'foreign-id' })
  }
  // The last one first: what stands before it keeps its place.
  return [...ids, ...items.reverse()]
}

const unnamedEdits = (index: JsonIndex, foreign: (id: string) => boolean): readonly Edit[] =>
  namedItems(index)
    .filter(item => isFree(item) && foreign(item.id))
    .map(item => ({ op: 'drop', path: ['input', String(item.at), 'id'], why: 'foreign-id' }))

/** The edits that an amendment makes of this body; some may lead nowhere. */
export const amendmentEdits = (index: JsonIndex, amendment: Amendment): readonly Edit[] => {
  switch (amendment.kind) {
    case 'without': {
      const { path, value } = amendment
      if (value !== undefined && writtenAt(index, path) !== value) return []
      return [{ op: 'drop', path, why: 'learned-parameter' }]
    }
    case 'item-ids':
      return idEdits(index, amendment.type)
    case 'unsealed':
      return unsealedEdits(index, amendment.foreign)
    case 'unsigned':
      return unsignedEdits(index)
    case 'call-ids':
      return callIdEdits(index, amendment.form)
    case 'answer-limit':
      return limitEdits(index, amendment.most)
    case 'thinking':
      return formEdits(index, amendment.form)
    case 'unnamed':
      return unnamedEdits(index, amendment.foreign)
    case 'aside':
      return [{ op: 'drop', path: amendment.path, why: 'foreign-id' }]
  }
}

/** `presencePenalty` and `presence_penalty` are one name to some. */
const plain = (key: string): string => key.replaceAll('_', '').toLowerCase()

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)

const locate = (
  value: Json | undefined,
  keys: readonly string[],
  loose: boolean,
): readonly string[] | undefined => {
  const [key, ...rest] = keys
  if (key === undefined) return []
  if (typeof value !== 'object' || value === null) return undefined
  let inner: readonly string[] | undefined
  if (isList(value)) {
    const element = /^\d+$/.test(key) ? value[Number(key)] : undefined
    inner = element === undefined || rest.length === 0 ? undefined : locate(element, rest, loose)
    if (inner !== undefined) return ['*', ...inner]
  } else {
    const own = Object.hasOwn(value, key)
      ? key
      : Object.keys(value).find(other => plain(other) === plain(key))
    inner = own === undefined ? undefined : locate(value[own], rest, loose)
    if (own !== undefined && inner !== undefined) return [own, ...inner]
  }
  // The name of a part of the schema, not of the body.
  return loose && rest.length > 0 ? locate(value, rest, loose) : undefined
}

/**
 * Where in this body the provider's words point, with '*' for each place in a list: what one element may not have, no
 * other may. Undefined: nothing is there.
 */
export const placeOf = (
  body: Json,
  path: readonly string[],
  { loose }: Pick<Extract<Complaint, { kind: 'parameter' }>, 'loose'>,
): readonly string[] | undefined => {
  const found = locate(body, path, loose)
  return found === undefined || found.length === 0 ? undefined : found
}

import { textOf } from './bytes.ts'
import { applyEdits, joinSegments } from './edit.ts'
import { indexObject, type JsonIndex } from './index.ts'
import { type Item, itemsIn } from './items.ts'
import { isObject, type Json, type JsonObject } from './json.ts'

/**
 * A conversation of several responses as one list of input items: what was asked and answered, response by response,
 * then what is asked now. Items stay the bytes that they were, but for what means something only where it was made.
 */

export type Turn = {
  /** The client's `input`: a text or a list of items, as it was written. */
  readonly input: string
  /** The provider's `output`. */
  readonly output: string
}

/** One item on its way into the list. */
type Piece = {
  readonly text: string
  readonly type: string
  readonly id: string
}

/** A call of one of these kinds that was never answered gets a result, so that the conversation can go on. */
const RESULTS: Readonly<Record<string, string>> = {
  function_call: 'function_call_output',
  custom_tool_call: 'custom_tool_call_output',
}
/** A call of one of these kinds wants a result that cannot be made up: without it the call is left out. */
const CLIENTS_OWN: ReadonlySet<string> = new Set([
  'computer_call',
  'local_shell_call',
  'shell_call',
  'apply_patch_call',
])
/** What the client is told in Codex's own word for it. */
const ABORTED = 'aborted'

const REFERENCE = 'item_reference'
const LISTS = ['input', 'output'] as const

/** Kinds whose `id` may be absent: with another account's in its place a provider looks for what it has not. */
const FREE_OF_IDS: ReadonlySet<string> = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'tool_search_call',
  'tool_search_output',
  'computer_call_output',
  'shell_call',
  'shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'additional_tools',
  'compaction',
  'mcp_approval_response',
])

const kindOf = ({ type }: Pick<Item, 'type'>): string => (type === '' ? 'message' : type)

/** Reasoning without its ciphertext is kept by its maker alone; a trigger has been answered. */
const isOver = ({ type, bond }: Item): boolean =>
  (type === 'reasoning' && bond?.sealed !== true) || type === 'compaction_trigger'

const pieceOf = (index: JsonIndex, item: Item): Piece => {
  const { start, end } = item.span
  return { text: textOf(index.bytes, start, end), type: kindOf(item), id: item.id }
}

const withoutId = (piece: Piece): Piece => {
  if (piece.id === '' || !FREE_OF_IDS.has(piece.type)) return piece
  const edits = [{ op: 'drop', path: ['id'], why: 'rehydrate' }] as const
  const text = Buffer.from(joinSegments(applyEdits(indexObject(Buffer.from(piece.text)), edits))).toString()
  return { ...piece, text }
}

const listOf = (input: string): string =>
  input.startsWith('"') ? `[{"role":"user","content":${input}}]` : input.startsWith('[') ? input : '[]'

const asDocument = (lists: Readonly<Record<string, string>>): JsonIndex =>
  indexObject(
    Buffer.from(
      `{${Object.entries(lists)
        .map(([key, list]) => `${JSON.stringify(key)}:${list}`)
        .join(',')}}`,
    ),
  )

const parsed = ({ text }: Piece): JsonObject => {
  const value = JSON.parse(text) as Json
  return isObject(value) ? value : {}
}

const callIdOf = (piece: Piece): string => {
  const { call_id: id } = parsed(piece)
  return typeof id === 'string' ? id : ''
}

/** Cut off in the middle, nobody else can read it either. */
const isCut = (piece: Piece): boolean => {
  const { status, arguments: written } = parsed(piece)
  if (status !== 'incomplete' || typeof written !== 'string') return false
  try {
    JSON.parse(written)
    return false
  } catch {
    return true
  }
}

/** The output of one response with a result for every call in it that never got one. */
const finished = (output: readonly Piece[], answered: ReadonlySet<string>): readonly Piece[] => {
  const open = output.filter(
    piece =>
      (RESULTS[piece.type] !== undefined || CLIENTS_OWN.has(piece.type)) && !answered.has(callIdOf(piece)),
  )
  if (open.length === 0) return output
  const kept = output.filter(
    piece => !open.includes(piece) || (RESULTS[piece.type] !== undefined && !isCut(piece)),
  )
  const results = kept
    .filter(piece => open.includes(piece))
    .map(piece => {
      const type = RESULTS[piece.type] ?? ''
      const result = { type, call_id: callIdOf(piece), output: ABORTED }
      return { text: JSON.stringify(result), type, id: '' }
    })
  return [...kept, ...results]
}

/** What stands for the conversation before it, and what providers and clients call it. */
const COMPACTIONS: ReadonlySet<string> = new Set(['compaction', 'compaction_summary', 'context_compaction'])

/** The response was asked for as a compaction of everything before it. */
const compacts = (index: JsonIndex): boolean => itemsIn(index, 'input').at(-1)?.type === 'compaction_trigger'

type Pieces = { readonly input: readonly Piece[]; readonly output: readonly Piece[] }

/**
 * A response that stands for those before it takes their place where everybody can read it. What its maker alone can read,
 * asked for or made by the provider itself, has no use elsewhere: what it stands for is here.
 */
const withTurn = (
  before: readonly Pieces[],
  index: JsonIndex,
  isReadable: (item: string) => boolean,
): readonly Pieces[] => {
  const [input, output] = [piecesIn(index, 'input'), piecesIn(index, 'output')]
  const made = output.filter(({ type }) => COMPACTIONS.has(type))
  if (compacts(index) && made.length > 0 && made.every(({ text }) => isReadable(text)))
    return [{ input: [], output }]
  return [...before, { input, output: output.filter(piece => !made.includes(piece)) }]
}

/** The items of one response, those left out that nobody else has a use for. */
const piecesIn = (index: JsonIndex, key: string): readonly Piece[] =>
  itemsIn(index, key)
    .filter(item => !isOver(item))
    .map(item => pieceOf(index, item))

const namesIn = (indexes: readonly JsonIndex[]): ReadonlySet<string> =>
  new Set(
    indexes
      .flatMap(index => LISTS.flatMap(key => itemsIn(index, key)))
      .flatMap(({ id, type }) => (type === REFERENCE ? [] : [id])),
  )

/**
 * The list of items, each as it is written. `isReadable`: everybody can go on from this compaction. Throws JsonFault for
 * turns that are no JSON.
 */
export const inputOf = (
  turns: readonly Turn[],
  now: string,
  isReadable: (compaction: string) => boolean = () => false,
): readonly string[] => {
  const asked = asDocument({ input: listOf(now) })
  const latest = itemsIn(asked, 'input').map(item => pieceOf(asked, item))
  const indexes = turns.map(({ input, output }) => asDocument({ input: listOf(input), output }))
  const ids = namesIn(indexes)
  const all = indexes.reduce<readonly Pieces[]>((before, index) => withTurn(before, index, isReadable), [])
  const said = [...all.flatMap(({ input, output }) => [...input, ...output]), ...latest]
  const answered = new Set(said.filter(({ type }) => type.endsWith('_output')).map(callIdOf))
  const earlier = all.flatMap(({ input, output }) => [...input, ...finished(output, answered)])
  return (
    [...earlier.map(withoutId), ...latest]
      // What is named is in the list already, or somebody else has to find it.
      .filter(piece => piece.type !== REFERENCE || !ids.has(piece.id))
      .map(piece => piece.text)
  )
}

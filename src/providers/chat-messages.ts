import { type CallIdForm, callIdEdits } from '../dialects/call-id-edits.ts'
import type { Edit, Warning } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { mayMentionAny } from '../wire/mentions.ts'
import { indexInForce, valueInForce } from './in-force.ts'
import type { Ask } from './provider.ts'

/** The messages of a chat completion as one provider takes them. */

export type MessageDifferences = {
  /** The role `developer` is refused: who speaks in it is the system. */
  readonly noDeveloper?: (model: string) => boolean
  /** Which ids of calls are taken; undefined: any. */
  readonly callIds?: (model: string) => CallIdForm | undefined
  /** Roles that may not have a `name`. */
  readonly nameless?: (role: Json | undefined) => boolean
  /**
   * Members that answers have, clients send back, and this provider refuses: whatever they hold, or where it is null.
   * `byModel`: more of the first kind, for some of its models.
   */
  readonly echoes?: {
    readonly always: readonly string[]
    readonly whenNull: readonly string[]
    readonly byModel?: (model: string) => readonly string[]
  }
  /** A refusal has no member of its own: what it says is said as content. */
  readonly refusesRefusals?: true
  /** Parts of content that have another form here, by their OpenAI type; undefined: this one stays. */
  readonly parts?: Readonly<Record<string, (part: JsonObject) => JsonObject | undefined>>
  /** A call without the thoughts that led to it is refused, and blank ones are taken. */
  readonly wantsThoughts?: (model: string) => boolean
}

export type Differing = { readonly edits: readonly Edit[]; readonly warnings: readonly Warning[] }

const alwaysEchoed = ({ echoes }: MessageDifferences, model: string): readonly string[] => [
  ...(echoes?.always ?? []),
  ...(echoes?.byModel?.(model) ?? []),
]

type Placed = { readonly at: number; readonly message: JsonObject }

/** Names that a message must have before anything in it can differ. */
const tellingNames = (differences: MessageDifferences, model: string): readonly string[] => [
  ...(differences.noDeveloper === undefined ? [] : ['developer']),
  ...(differences.callIds === undefined && differences.wantsThoughts === undefined ? [] : ['tool_calls']),
  ...(differences.callIds === undefined ? [] : ['tool_call_id']),
  ...(differences.nameless === undefined ? [] : ['name']),
  ...(differences.refusesRefusals === undefined ? [] : ['refusal']),
  ...Object.keys(differences.parts ?? {}),
  ...alwaysEchoed(differences, model),
  ...(differences.echoes?.whenNull ?? []),
]

/** The messages, parsed only where one of the names is among their bytes. */
const messagesWith = (
  index: JsonIndex,
  differences: MessageDifferences,
  model: string,
): readonly Placed[] => {
  const span = index.members.get('messages')
  if (span === undefined || !mayMentionAny(index.bytes, span, tellingNames(differences, model))) return []
  const messages = valueAt(index, 'messages')
  if (!Array.isArray(messages)) return []
  return messages.flatMap((message: Json, at) => (isObject(message) ? [{ at, message }] : []))
}

const pathOf = ({ at }: Placed, ...deeper: string[]): readonly string[] => ['messages', String(at), ...deeper]

const isAllowed = (ask: Ask, name: string): boolean => ask.allowedParams.includes(`messages[*].${name}`)

/** One edit for all where all are meant, else one for each. */
const dropped = (
  messages: readonly Placed[],
  key: string,
  meant: (placed: Placed) => boolean,
): readonly Edit[] => {
  const having = messages.filter(({ message }) => message[key] !== undefined)
  const gone = having.filter(meant)
  if (gone.length > 1 && gone.length === having.length)
    return [{ op: 'drop', path: ['messages', '*', key], why: 'foreign-key' }]
  return gone.map(placed => ({ op: 'drop', path: pathOf(placed, key), why: 'foreign-key' }))
}

const developers = (messages: readonly Placed[]): readonly Edit[] =>
  messages.flatMap(placed =>
    placed.message.role === 'developer'
      ? [{ op: 'set', path: pathOf(placed, 'role'), value: 'system', why: 'provider-rename' }]
      : [],
  )

/** The part in its form here; undefined: it stays. */
const partAsHere = (part: Json, { parts = {} }: MessageDifferences): JsonObject | undefined =>
  isObject(part) && typeof part.type === 'string' && Object.hasOwn(parts, part.type)
    ? parts[part.type]?.(part)
    : undefined

/** Content that is there in parts stays: the refusal follows it as one more. */
const withRefusal = (content: Json | undefined, refusal: string, differences: MessageDifferences): Json => {
  if (Array.isArray(content))
    return [
      ...content.map((part: Json) => partAsHere(part, differences) ?? part),
      { type: 'text', text: refusal },
    ]
  return typeof content === 'string' && content !== '' ? `${content}\n\n${refusal}` : refusal
}

const partEdits = (messages: readonly Placed[], differences: MessageDifferences): readonly Edit[] =>
  messages.flatMap(placed => {
    const { content, refusal } = placed.message
    // Its content is written anew.
    if (differences.refusesRefusals === true && typeof refusal === 'string' && refusal !== '') return []
    return (Array.isArray(content) ? content : []).flatMap((part: Json, at): Edit[] => {
      const value = partAsHere(part, differences)
      return value === undefined
        ? []
        : [{ op: 'set', path: pathOf(placed, 'content', String(at)), value, why: 'provider-rename' }]
    })
  })

const refusalsAsContent = (messages: readonly Placed[], differences: MessageDifferences): readonly Edit[] =>
  messages.flatMap((placed): Edit[] => {
    const { refusal, content } = placed.message
    if (typeof refusal !== 'string') return []
    return [
      { op: 'drop', path: pathOf(placed, 'refusal'), why: 'foreign-key' },
      ...(refusal === ''
        ? []
        : [
            {
              op: 'set',
              path: pathOf(placed, 'content'),
              value: withRefusal(content, refusal, differences),
              why: 'foreign-key',
            } as const,
          ]),
    ]
  })

const callsOf = ({ tool_calls: calls }: JsonObject): readonly Json[] => (Array.isArray(calls) ? calls : [])

/** What stands where thoughts are wanted and nobody has any: the least that is taken. */
const BLANK = ' '

const isOff = (ask: Ask): boolean => {
  const thinking = valueInForce(ask, 'thinking')
  return (
    (isObject(thinking) && thinking.type === 'disabled') || valueInForce(ask, 'reasoning_effort') === 'none'
  )
}

/** Calls that another provider made have no thoughts that could be sent back. */
const blankThoughts = (ask: Ask, messages: readonly Placed[]): readonly Edit[] => {
  const thoughtless = messages.filter(
    ({ message }) => callsOf(message).length > 0 && (message.reasoning_content ?? '') === '',
  )
  if (thoughtless.length === 0 || isOff(ask)) return []
  return thoughtless.map(placed => ({
    op: 'set',
    path: pathOf(placed, 'reasoning_content'),
    value: BLANK,
    why: 'call-history',
  }))
}

const NAMES_LOST = {
  lost: 'messages[].name',
  because: 'the provider refuses names where they stand',
} as const

/** What has to change in the messages. The places stay: no edit takes a message away. */
export const messageEdits = (ask: Ask, asked: JsonIndex, differences: MessageDifferences): Differing => {
  const index = indexInForce(ask, asked, ['messages'])
  const messages = messagesWith(index, differences, ask.model)
  if (messages.length === 0) return { edits: [], warnings: [] }
  const { nameless, echoes } = differences
  const names =
    nameless === undefined || isAllowed(ask, 'name')
      ? []
      : dropped(messages, 'name', ({ message }) => nameless(message.role))
  const form = differences.callIds?.(ask.model)
  const edits: readonly Edit[] = [
    ...(differences.noDeveloper?.(ask.model) === true ? developers(messages) : []),
    ...names,
    ...alwaysEchoed(differences, ask.model).flatMap(key =>
      isAllowed(ask, key) ? [] : dropped(messages, key, () => true),
    ),
    ...(echoes?.whenNull ?? []).flatMap(key =>
      isAllowed(ask, key) ? [] : dropped(messages, key, ({ message }) => message[key] === null),
    ),
    ...(differences.refusesRefusals === true && !isAllowed(ask, 'refusal')
      ? refusalsAsContent(messages, differences)
      : []),
    ...(differences.parts === undefined ? [] : partEdits(messages, differences)),
    ...(form === undefined ? [] : callIdEdits(index, form)),
    ...(differences.wantsThoughts?.(ask.model) === true ? blankThoughts(ask, messages) : []),
  ]
  return { edits, warnings: names.length === 0 ? [] : [NAMES_LOST] }
}

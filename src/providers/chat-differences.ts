import { textContentDecoder, withTextContent } from '../dialects/chat-text-content.ts'
import type { Edit } from '../wire/edit.ts'
import type { Json } from '../wire/json.ts'
import { type Differing, type MessageDifferences, messageEdits } from './chat-messages.ts'
import { valueInForce } from './in-force.ts'
import type { Ask, Reading } from './provider.ts'
import { hasKey } from './same-dialect.ts'

/**
 * How the chat completions of one provider differ from OpenAI's, as data. Each difference becomes edits with a name, and
 * none is made where the provider takes what the client wrote. A request that has nothing of the kind costs a few
 * searches of its bytes.
 */
export type ChatDifferences = {
  /** Parameters that have another name here; one that is there under both keeps the provider's own. */
  readonly names?: Readonly<Record<string, string>>
  /** Parameters that are refused, and ask for what comes anyway. */
  readonly idle?: readonly string[]
  /** The words of this provider, or of this model of it, for `reasoning_effort`. */
  readonly efforts?: (model: string) => Readonly<Record<string, string>> | undefined
  /** Thinking is turned off by `thinking`, and no effort is called `none`. */
  readonly thinkingSwitch?: true
  /** Thoughts in words are refused, too. */
  readonly refusesThoughts?: true
  readonly messages?: MessageDifferences
  /** Content of its answers may be a list of parts, thoughts among them. */
  readonly answersInParts?: true
}

const drop = (key: string, why: 'provider-rename' | 'foreign-key'): Edit => ({ op: 'drop', path: [key], why })
const set = (key: string, value: Json): Edit => ({ op: 'set', path: [key], value, why: 'provider-rename' })

const isAllowed = (ask: Ask, name: string): boolean => ask.allowedParams.includes(name)

const renamed = (ask: Ask, from: string, to: string): readonly Edit[] => {
  if (!hasKey(ask, from) || isAllowed(ask, from)) return []
  if (hasKey(ask, to)) return [drop(from, 'provider-rename')]
  const value = valueInForce(ask, from)
  // A number that JavaScript cannot hold exactly stays where it is: better refused than changed.
  if (value === undefined || (typeof value === 'number' && !Number.isSafeInteger(value))) return []
  return [drop(from, 'provider-rename'), set(to, value)]
}

const effortEdits = (ask: Ask, { efforts, thinkingSwitch }: ChatDifferences): readonly Edit[] => {
  const effort = valueInForce(ask, 'reasoning_effort')
  if (typeof effort !== 'string' || isAllowed(ask, 'reasoning_effort')) return []
  if (thinkingSwitch === true && effort === 'none')
    return [
      drop('reasoning_effort', 'provider-rename'),
      ...(hasKey(ask, 'thinking') ? [] : [set('thinking', { type: 'disabled' })]),
    ]
  const words = efforts?.(ask.model)
  const word = words !== undefined && Object.hasOwn(words, effort) ? words[effort] : undefined
  return word === undefined ? [] : [set('reasoning_effort', word)]
}

const IN_TEXT: Reading = { decoder: textContentDecoder, translate: withTextContent }
const AS_IT_IS: Reading = {}

/** How an answer of this provider becomes OpenAI's. */
export const chatReading = ({ route }: Ask, differences: ChatDifferences | undefined): Reading =>
  differences?.answersInParts === true && route.name === 'chat.completions' ? IN_TEXT : AS_IT_IS

const NOTHING: Differing = { edits: [], warnings: [] }

/** What has to change in a chat completion for this provider. */
export const chatDifferences = (ask: Ask, differences: ChatDifferences): Differing => {
  if (ask.body.kind !== 'json' || ask.route.name !== 'chat.completions') return NOTHING
  const { names = {}, idle = [], messages } = differences
  const edits: Edit[] = []
  for (const from in names) edits.push(...renamed(ask, from, names[from] ?? from))
  for (const name of idle)
    if (hasKey(ask, name) && !isAllowed(ask, name)) edits.push(drop(name, 'foreign-key'))
  if (differences.efforts !== undefined || differences.thinkingSwitch === true)
    edits.push(...effortEdits(ask, differences))
  const within = messages === undefined ? NOTHING : messageEdits(ask, ask.body.index, messages)
  if (edits.length === 0) return within
  return { edits: [...edits, ...within.edits], warnings: within.warnings }
}

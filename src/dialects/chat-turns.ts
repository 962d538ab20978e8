import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { fittingId, type IdRule } from './call-ids.ts'
import { writePart } from './chat-parts.ts'
import { inputObject } from './custom-tools.ts'
import type { Losses } from './losses.ts'
import type { CallPart, MediaPart, Part, ReasoningPart, ResultPart, TextPart, Turn } from './neutral.ts'
import { paired } from './open-calls.ts'
import { withFilesTold } from './text-files.ts'

/** Turns as messages that any server of Chat Completions takes: texts where texts do, results right behind their calls. */

export type TurnOptions = {
  readonly callIds: IdRule
  readonly customTools: boolean
  readonly wantsReasoning: boolean
  readonly losses: Losses
}

type Placed = { readonly part: Part; readonly path: string; readonly turn: number }

/** Neighbours of one role, and their parts with the place they have in the client's request. */
type Block = { readonly role: Turn['role']; readonly parts: Placed[] }

const isText = (part: Part): part is TextPart => part.kind === 'text'

const summaryText = (text: string): string => `Summary of the conversation before this point:\n\n${text}`

/** What a part says in words: refusals and summaries stand where texts stand. */
const asContent = ({ part }: Placed): TextPart | MediaPart | undefined => {
  switch (part.kind) {
    case 'summary':
      return { kind: 'text', text: summaryText(part.text) }
    case 'refusal':
      return { kind: 'text', text: part.text }
    case 'call':
    case 'result':
    case 'reasoning':
      return undefined
    default:
      return part
  }
}

type Between = (before: Placed, after: Placed) => string

/** What stands between pieces of one answer, and between two answers. */
const inAnswers: Between = (before, after) => (before.turn === after.turn ? '' : '\n\n')

/** A text where all is text: servers without eyes refuse lists. Nothing is written of a text that says nothing. */
const contentOf = (parts: readonly Placed[], between: Between): string | readonly JsonObject[] => {
  const contents = parts.flatMap(placed => {
    const content = asContent(placed)
    return content === undefined || (isText(content) && content.text === '') ? [] : [{ content, placed }]
  })
  if (!contents.every(({ content }) => isText(content)))
    return contents.map(({ content, placed }) => writePart(content, placed.path))
  return contents.reduce((text, { content, placed }, index) => {
    const before = contents[index - 1]?.placed
    const said = isText(content) ? content.text : ''
    return text + (before === undefined ? '' : between(before, placed)) + said
  }, '')
}

const writeCall = (call: CallPart, { callIds, customTools }: TurnOptions): JsonObject => {
  const id = fittingId(call.id, callIds)
  const { name, input } = call
  if (call.custom === true && customTools) return { id, type: 'custom', custom: { name, input } }
  const text = call.custom === true ? JSON.stringify(inputObject(input)) : input
  return { id, type: 'function', function: { name, arguments: text === '' ? '{}' : text } }
}

const writeAssistant = ({ parts }: Block, options: TurnOptions): readonly JsonObject[] => {
  const calls = parts.flatMap(({ part }) => (part.kind === 'call' ? [part] : []))
  const thoughts = parts.flatMap(({ part }): ReasoningPart[] => (part.kind === 'reasoning' ? [part] : []))
  const words = parts.filter(({ part }) => part.kind === 'text' || part.kind === 'summary')
  if (
    words.length + thoughts.length + calls.length <
    parts.filter(({ part }) => part.kind !== 'refusal').length
  )
    options.losses.warn('messages[].content', 'chat shows no model the pictures it made')
  const said = contentOf(words, inAnswers)
  const refusal = parts.flatMap(({ part }) => (part.kind === 'refusal' ? [part.text] : [])).join('')
  const reasoning = thoughts.map(({ text }) => text).join('')
  const back = options.wantsReasoning && reasoning !== ''
  if (thoughts.length > 0 && !back)
    options.losses.warn('messages[].reasoning_content', 'only its issuer takes reasoning back')
  if (calls.some(({ sealed }) => sealed !== undefined))
    options.losses.warn(
      'messages[].tool_calls[].provider_specific_fields',
      'only its issuer reads the seal of a call',
    )
  if (said === '' && refusal === '' && calls.length === 0) return []
  return [
    {
      role: 'assistant',
      content: said === '' ? null : said,
      ...(back ? { reasoning_content: reasoning } : {}),
      ...(refusal === '' ? {} : { refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(call => writeCall(call, options)) }),
    },
  ]
}

/** What a tool showed and no tool message can hold. */
type Shown = { readonly result: ResultPart; readonly media: readonly Placed[] }

const resultText = (result: ResultPart, shown: boolean): string => {
  const text = result.content.flatMap(part => (isText(part) ? [part.text] : [])).join('\n')
  const said = text === '' && shown ? 'What the tool returned follows in the next message.' : text
  return result.failed === true ? `The tool failed: ${said}` : said
}

const showing = ({ result, media }: Shown): readonly JsonObject[] => [
  { type: 'text', text: `Returned by the tool ${result.name || result.id}:` },
  ...media.flatMap(({ part, path }) =>
    part.kind === 'image' || part.kind === 'file' || part.kind === 'audio' ? [writePart(part, path)] : [],
  ),
]

/** Results stand first, one message each, and what they show in a user's message behind all of them. */
const writeResults = (parts: readonly Placed[], { callIds }: TurnOptions): readonly JsonObject[] => {
  const shown: Shown[] = []
  const messages = parts.flatMap(({ part, ...place }): JsonObject[] => {
    if (part.kind !== 'result') return []
    const media = part.content.flatMap((each): Placed[] => (isText(each) ? [] : [{ part: each, ...place }]))
    if (media.length > 0) shown.push({ result: part, media })
    return [
      {
        role: 'tool',
        tool_call_id: fittingId(part.id, callIds),
        content: resultText(part, media.length > 0),
      },
    ]
  })
  if (shown.length === 0) return messages
  return [...messages, { role: 'user', content: shown.flatMap(showing) }]
}

const writeSpoken = (turn: Placed[], role: 'system' | 'user'): readonly JsonObject[] => {
  const spoken = turn.filter(({ part }) => part.kind !== 'result')
  const odd = spoken.find(({ part }) => 'source' in part || part.kind === 'audio')
  if (role === 'system' && odd !== undefined)
    throw new Unsupported(`a system message holds text only (${odd.path})`, odd.path)
  const content = contentOf(spoken, () => '\n')
  return content === '' || content.length === 0 ? [] : [{ role, content }]
}

/** Everything between two answers: results of any turn come first, because nothing may stand between them and their calls. */
const writeHeard = (turns: readonly Block[], options: TurnOptions): readonly JsonObject[] => [
  ...writeResults(
    turns.flatMap(({ parts }) => parts),
    options,
  ),
  ...turns.flatMap(({ role, parts }) => (role === 'assistant' ? [] : writeSpoken(parts, role))),
]

const placedIn = ({ role, parts }: Turn, index: number): Block => ({
  role,
  parts: parts.map((part, at) => ({ part, path: `messages[${index}].content[${at}]`, turn: index })),
})

/** A message has its refusal behind its words: what is said after one is a message of its own. */
const isRefusal = ({ parts }: Block): boolean =>
  parts.some(({ part }) => part.kind === 'refusal') && !parts.some(({ part }) => part.kind === 'call')

export const writeMessages = (turns: readonly Turn[], options: TurnOptions): readonly JsonObject[] => {
  const messages: JsonObject[] = []
  let heard: Block[] = []
  let said: Block | undefined
  const flush = (): void => {
    if (said !== undefined) messages.push(...writeAssistant(said, options))
    messages.push(...writeHeard(heard, options))
    heard = []
    said = undefined
  }
  for (const [index, turn] of paired(withFilesTold(turns), options.losses).entries()) {
    const block = placedIn(turn, index)
    if (turn.role !== 'assistant') heard.push(block)
    else if (said !== undefined && heard.length === 0 && !isRefusal(said)) said.parts.push(...block.parts)
    else {
      flush()
      said = block
    }
  }
  flush()
  return messages
}

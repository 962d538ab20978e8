import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { CALL_ID, inputOf, textOfInput, usageOf, writtenUsage } from './anthropic-messages-common.ts'
import { fittingId } from './call-ids.ts'
import { inputObject } from './custom-tools.ts'
import { type MediaTeller, mediaTeller } from './media-words.ts'
import type { Asked, CallPart, NeutralAnswer, Part, ReasoningPart, Stop, TextPart } from './neutral.ts'
import { listOf, spelled, textOf } from './read-json.ts'

/** Whole answers of the Messages dialect, in both directions. */

const STOPS: ReadonlyMap<Json | undefined, Stop> = new Map(
  Object.entries<Stop>({
    end_turn: { kind: 'end' },
    max_tokens: { kind: 'length' },
    model_context_window_exceeded: { kind: 'context' },
    tool_use: { kind: 'calls' },
    refusal: { kind: 'refusal' },
    pause_turn: { kind: 'pause' },
    compaction: { kind: 'compaction' },
  }),
)

/**
 * A reason that nobody knows ends an answer like any other. Some servers end calls so, too: those that are there are to
 * be answered.
 */
export const stopOf = (reason: Json | undefined, sequence: Json | undefined, called: boolean): Stop => {
  if (reason === 'stop_sequence') return { kind: 'sequence', sequence: textOf(sequence) }
  const stop = STOPS.get(reason) ?? { kind: 'end' }
  return called && stop.kind === 'end' ? { kind: 'calls' } : stop
}

const REASONS: Readonly<Record<Stop['kind'], string>> = {
  end: 'end_turn',
  length: 'max_tokens',
  context: 'model_context_window_exceeded',
  calls: 'tool_use',
  filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  compaction: 'compaction',
  sequence: 'stop_sequence',
}

/** A part that refuses is a text here: what tells it from another is the reason to stop. */
export const stopMembers = (stop: Stop, refused: boolean): JsonObject => {
  const reason = refused && stop.kind === 'end' ? 'refusal' : REASONS[stop.kind]
  return { stop_reason: reason, stop_sequence: stop.kind === 'sequence' ? (stop.sequence ?? null) : null }
}

/** A citation as chat and responses write theirs; those without an address point into the client's own documents. */
export const annotationOf = (citation: Json): JsonObject | undefined => {
  if (!isObject(citation)) return undefined
  const url = textOf(citation.url) ?? textOf(citation.source)
  if (url === undefined) return undefined
  const title = textOf(citation.title)
  return { type: 'url_citation', url, ...(title === undefined ? {} : { title }) }
}

const textPart = (block: JsonObject): TextPart[] => {
  const text = textOf(block.text)
  if (text === undefined) return []
  const annotations = (listOf(block.citations) ?? [])
    .map(annotationOf)
    .filter(annotation => annotation !== undefined)
  return [{ kind: 'text', text, ...(annotations.length === 0 ? {} : { annotations }) }]
}

const partsOf = (block: Json): Part[] => {
  if (!isObject(block)) return []
  switch (block.type) {
    case 'text':
      return textPart(block)
    case 'tool_use':
      return [
        {
          kind: 'call',
          id: spelled(block.id),
          name: spelled(block.name),
          input: textOfInput(block.input),
        },
      ]
    case 'thinking': {
      const signature = textOf(block.signature)
      const sealed =
        signature === undefined ? {} : { sealed: { issuer: 'messages', payload: signature } as const }
      return [{ kind: 'reasoning', text: textOf(block.thinking) ?? '', ...sealed }]
    }
    case 'redacted_thinking': {
      const sealed = { issuer: 'messages', payload: spelled(block.data), redacted: true } as const
      return [{ kind: 'reasoning', text: '', sealed }]
    }
    case 'compaction':
      return typeof block.content === 'string' ? [{ kind: 'summary', text: block.content }] : []
    default:
      // What the provider did on its own side (searches, code) is in the words that follow.
      return []
  }
}

/** Throws Error when the body is no message. */
export const readMessagesAnswer = (body: JsonObject): NeutralAnswer => {
  const content = listOf(body.content)
  if (content === undefined) throw new Error('the body is no message: it has no content')
  const parts = content.flatMap(partsOf)
  const tier = isObject(body.usage) ? textOf(body.usage.service_tier) : undefined
  return {
    id: textOf(body.id),
    model: textOf(body.model),
    parts,
    stop: stopOf(
      body.stop_reason,
      body.stop_sequence,
      parts.some(part => part.kind === 'call'),
    ),
    usage: usageOf(body.usage),
    ...(tier === undefined ? {} : { serviceTier: tier === 'standard' ? 'default' : tier }),
  }
}

/** An id as clients of this dialect know ids: the provider's own where it is one. */
export const messageId = (id: string | undefined, unique: string): string =>
  id !== undefined && /^msg_[A-Za-z0-9_-]{1,100}$/.test(id) ? id : `msg_${unique}`

export const callBlock = ({ id, name }: Pick<CallPart, 'id' | 'name'>, input: JsonObject): JsonObject => ({
  type: 'tool_use',
  id: fittingId(id, CALL_ID),
  name,
  input,
})

/** Only what this dialect signed may come back as thinking: another's would be refused by the next turn's provider. */
const thinkingBlock = ({ text, sealed }: ReasoningPart): JsonObject[] => {
  if (sealed?.issuer !== 'messages') return []
  return sealed.redacted === true
    ? [{ type: 'redacted_thinking', data: sealed.payload }]
    : [{ type: 'thinking', thinking: text, signature: sealed.payload }]
}

const textBlocks = (text: string): JsonObject[] => (text.trim() === '' ? [] : [{ type: 'text', text }])

export const MESSAGES_API = 'the Messages API'

const blocksOf = (part: Part, tell: MediaTeller): JsonObject[] => {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      // A blank block would come back in the next turn, and be refused.
      return textBlocks(part.text)
    case 'call':
      return [callBlock(part, part.custom === true ? inputObject(part.input) : inputOf(part.input))]
    case 'reasoning':
      return thinkingBlock(part)
    case 'summary':
      return [{ type: 'compaction', content: part.text }]
    case 'image':
    case 'file':
    case 'audio':
      return textBlocks(tell(part))
    default:
      return []
  }
}

/** The members of a message that say nothing of its content. */
export const messageHead = (id: string | undefined, { unique, model }: Asked): JsonObject => ({
  id: messageId(id, unique),
  type: 'message',
  role: 'assistant',
  model,
})

/** Citations of other providers are left out: they could not come back in a next turn. */
export const writeMessagesAnswer = (answer: NeutralAnswer, asked: Asked): JsonObject => {
  const tell = mediaTeller(MESSAGES_API, asked.losses)
  return {
    ...messageHead(answer.id, asked),
    content: answer.parts.flatMap(part => blocksOf(part, tell)),
    ...stopMembers(
      answer.stop,
      answer.parts.some(part => part.kind === 'refusal'),
    ),
    usage: writtenUsage(answer.usage),
  }
}

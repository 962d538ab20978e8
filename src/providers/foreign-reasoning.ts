import { FOREIGN_REASONING, FOREIGN_SEAL, isForeignReasoning } from '../dialects/responses-seal.ts'
import { asBuffer } from '../wire/bytes.ts'
import { type Edit, printPath } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { indexInForce } from './in-force.ts'
import type { Ask } from './provider.ts'

const NO_EDITS: readonly Edit[] = []

/** What both marks hold: one search instead of two for requests without any. */
const COMMON = Buffer.from('understudy')
/** The marks are written here and come back unchanged; a client that spells them with escapes has made them up. */
const MARKS = [FOREIGN_SEAL, FOREIGN_REASONING].map(mark => Buffer.from(`"${mark}`))

const isMarked = ({ bytes, members }: JsonIndex): boolean => {
  const input = members.get('input')
  if (input === undefined) return false
  const within = asBuffer(bytes).subarray(input.start, input.end)
  return within.includes(COMMON) && MARKS.some(mark => within.includes(mark))
}

/**
 * Reasoning that came of a failover to another dialect leaves a request that goes to a provider of the Responses API:
 * it has no such item stored and cannot read its ciphertext. One search of the bytes settles nearly every request.
 */
export const foreignReasoning = (ask: Ask): readonly Edit[] => {
  if (ask.body.kind !== 'json' || !ask.route.upstream.startsWith('/responses')) return NO_EDITS
  const { index } = ask.body
  if (!isMarked(index)) return NO_EDITS
  const input = valueAt(indexInForce(ask, index, ['input']), 'input')
  if (!Array.isArray(input)) return NO_EDITS
  const places = input.flatMap((item, at) => (isForeignReasoning(item) ? [at] : []))
  // From the end: a place moves when one before it goes.
  return places.reverse().map(at => ({ op: 'drop', path: ['input', String(at)], why: 'foreign-reasoning' }))
}

/** What gateways write beside an answer's words: signed blocks of Claude's, signatures of Gemini's. No provider knows it. */
const SIGNED: readonly Key[] = [
  { mark: Buffer.from('"thinking_blocks"'), paths: [['messages', '*', 'thinking_blocks']] },
  {
    mark: Buffer.from('"provider_specific_fields"'),
    paths: [
      ['messages', '*', 'provider_specific_fields'],
      ['messages', '*', 'tool_calls', '*', 'provider_specific_fields'],
    ],
  },
]
/** Thoughts in words: DeepSeek and others want theirs back. */
const ALL: readonly Key[] = [
  ...SIGNED,
  { mark: Buffer.from('"reasoning_content"'), paths: [['messages', '*', 'reasoning_content']] },
]

/** Every mark holds one and prose holds none: the fastest of searches settles most conversations, however long. */
const UNDERSCORE = 0x5f

type Key = { readonly mark: Buffer; readonly paths: readonly (readonly string[])[] }

/**
 * Thoughts that another provider has written into a chat history leave it. `readable`: those in words, too, because
 * this one refuses every key that it does not publish. allowed_openai_params keeps them, as they are reported:
 * `messages[*].reasoning_content`. A search or two of the bytes settles nearly every request.
 */
export const foreignThoughts = (ask: Ask, readable: boolean): readonly Edit[] => {
  if (ask.body.kind !== 'json' || ask.route.shape !== 'chat') return NO_EDITS
  const { bytes, members } = ask.body.index
  const messages = members.get('messages')
  if (messages === undefined) return NO_EDITS
  const within = asBuffer(bytes).subarray(messages.start, messages.end)
  if (!within.includes(UNDERSCORE)) return NO_EDITS
  const there = (readable ? ALL : SIGNED).filter(({ mark }) => within.includes(mark))
  if (there.length === 0) return NO_EDITS
  return there
    .flatMap(({ paths }) => paths)
    .filter(path => !ask.allowedParams.includes(printPath(path)))
    .map(path => ({ op: 'drop', path, why: 'foreign-reasoning' }))
}

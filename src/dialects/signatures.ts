import type { Edit } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { lacksThinking } from './anthropic-messages-turns.ts'
import { unsignedCalls } from './gemini-history.ts'
import { restingEdits } from './thinking-form.ts'

/**
 * A history whose signatures its provider has refused, without them: thoughts go, and calls get what stands for a
 * signature. What was said and called stays.
 */

const drop = (path: readonly string[], why: Edit['why'] = 'foreign-reasoning'): Edit => ({
  op: 'drop',
  path,
  why,
})

const listIn = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : []

/** What Google takes in the place of a signature, by its documentation of histories from other models. */
const STAND_IN = 'skip_thought_signature_validator'
const SIGNATURES = ['thoughtSignature', 'thought_signature'] as const

const googlesEdits = (contents: Json | undefined): readonly Edit[] => {
  const drops = listIn(contents).flatMap((content, at) =>
    listIn(isObject(content) ? content.parts : undefined).flatMap((part, place) =>
      SIGNATURES.filter(name => isObject(part) && part[name] !== undefined).map(name => ({
        at,
        place,
        edit: drop(['contents', String(at), 'parts', String(place), name]),
      })),
    ),
  )
  if (drops.length === 0) return []
  const bare = JSON.parse(JSON.stringify(contents ?? null), (key, value) =>
    key === 'thoughtSignature' || key === 'thought_signature' ? undefined : value,
  ) as Json
  const stands = unsignedCalls(bare).map(
    (path): Edit => ({
      op: 'set',
      path: ['contents', ...path, 'thoughtSignature'],
      value: STAND_IN,
      why: 'call-history',
    }),
  )
  return [...drops.map(({ edit }) => edit), ...stands]
}

const isThought = (block: Json): boolean =>
  isObject(block) &&
  (block.type === 'thinking' || block.type === 'redacted_thinking' || block.reasoningContent !== undefined)

type Thinking = { readonly messages: readonly JsonObject[]; readonly edits: readonly Edit[] }

/** From the end: a place moves when one before it goes. */
const withoutThoughts = (messages: readonly Json[]): Thinking => {
  const edits: Edit[] = []
  const left: JsonObject[] = []
  for (const [at, message] of messages.entries()) {
    if (!isObject(message)) continue
    const blocks = listIn(message.content)
    const kept = blocks.filter(block => !isThought(block))
    if (kept.length === blocks.length) left.push(message)
    else if (kept.length > 0) {
      left.push({ ...message, content: kept })
      for (const [place, block] of blocks.entries())
        if (isThought(block)) edits.push(drop(['messages', String(at), 'content', String(place)]))
    } else edits.push(drop(['messages', String(at)]))
  }
  return { messages: left, edits: edits.reverse() }
}

const hasBudget = (thinking: Json | undefined): boolean => isObject(thinking) && thinking.type === 'enabled'

/** In the middle of a turn without thoughts, thinking rests: with it the provider would refuse the turn. */
const resting = (index: JsonIndex, messages: readonly JsonObject[]): readonly Edit[] => {
  const more = valueAt(index, 'additionalModelRequestFields')
  if (isObject(more) && hasBudget(more.thinking) && endsWithResult(messages))
    return [drop(['additionalModelRequestFields', 'thinking'], 'missing-thinking')]
  return hasBudget(valueAt(index, 'thinking')) && lacksThinking(messages)
    ? restingEdits(index, 'missing-thinking')
    : []
}

const endsWithResult = (messages: readonly JsonObject[]): boolean =>
  listIn(messages.at(-1)?.content).some(block => isObject(block) && block.toolResult !== undefined)

/** The edits; none when nothing is signed. */
export const unsignedEdits = (index: JsonIndex): readonly Edit[] => {
  if (index.members.has('contents')) return googlesEdits(valueAt(index, 'contents'))
  const { messages, edits } = withoutThoughts(listIn(valueAt(index, 'messages')))
  return edits.length === 0 ? edits : [...edits, ...resting(index, messages)]
}

import { lacksThinking } from '../dialects/anthropic-messages-turns.ts'
import type { Edit } from '../wire/edit.ts'
import { valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { indexInForce } from './in-force.ts'
import type { Ask } from './provider.ts'

const NO_EDITS: readonly Edit[] = []

/** The strategy that the API takes only beside thinking. */
const CLEARS_THINKING = /^clear_thinking_/

const clearingEdits = (management: Json | undefined): readonly Edit[] => {
  if (!isObject(management) || !Array.isArray(management.edits)) return NO_EDITS
  const places = management.edits.flatMap((edit, at) =>
    isObject(edit) && CLEARS_THINKING.test(String(edit.type)) ? [at] : [],
  )
  if (places.length > 0 && places.length === management.edits.length)
    return [{ op: 'drop', path: ['context_management'], why: 'missing-thinking' }]
  // From the end: a place moves when one before it goes.
  return places.reverse().map(at => ({
    op: 'drop',
    path: ['context_management', 'edits', String(at)],
    why: 'missing-thinking',
  }))
}

const wellFormed = (messages: Json | undefined): messages is readonly JsonObject[] & Json[] =>
  Array.isArray(messages) && messages.every(isObject)

/**
 * A turn that another provider began after a failover has calls and no thoughts, and with a budget for thinking the API
 * refuses to go on with it: thinking rests until the user's next turn. Read only when the request has a budget.
 */
export const missingThinking = (ask: Ask): readonly Edit[] => {
  if (ask.body.kind !== 'json') return NO_EDITS
  if (!ask.body.index.members.has('thinking') && !ask.edits.some(({ path: [key] }) => key === 'thinking'))
    return NO_EDITS
  const index = indexInForce(ask, ask.body.index, ['thinking', 'messages', 'context_management'])
  const thinking = valueAt(index, 'thinking')
  if (!isObject(thinking) || thinking.type !== 'enabled') return NO_EDITS
  const messages = valueAt(index, 'messages')
  if (!wellFormed(messages) || !lacksThinking(messages)) return NO_EDITS
  return [
    { op: 'drop', path: ['thinking'], why: 'missing-thinking' },
    ...clearingEdits(valueAt(index, 'context_management')),
  ]
}

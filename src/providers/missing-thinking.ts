import { lacksThinking } from '../dialects/anthropic-messages-turns.ts'
import { restingEdits } from '../dialects/thinking-form.ts'
import type { Edit } from '../wire/edit.ts'
import { valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { indexInForce } from './in-force.ts'
import type { Ask } from './provider.ts'

const NO_EDITS: readonly Edit[] = []

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
  return restingEdits(index, 'missing-thinking')
}

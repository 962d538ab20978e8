import type { Edit } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { fittingId, type IdRule } from './call-ids.ts'
import { textsAt } from './texts-at.ts'

/** Where a body has ids of tool calls: items of Responses, messages of Chat Completions, blocks of Messages. */

/** What a provider takes as the id of a call. Plain data: it is remembered. */
export type CallIdForm =
  | { readonly kind: 'longest'; readonly length: number }
  /** Nine letters and digits. */
  | { readonly kind: 'nine' }
  /** Letters, digits, `_` and `-`. */
  | { readonly kind: 'plain' }

const ruleOf = (form: CallIdForm): IdRule => {
  if (form.kind === 'nine') return { accepts: /^[a-zA-Z0-9]{9}$/, prefix: '', length: 9 }
  if (form.kind === 'plain') return { accepts: /^[a-zA-Z0-9_-]{1,64}$/, prefix: 'call_', length: 30 }
  const { length } = form
  return { accepts: new RegExp(`^.{1,${length}}$`, 's'), prefix: 'call_', length: Math.min(30, length) }
}

const PLACES: readonly (readonly string[])[] = [
  ['input', '*', 'call_id'],
  ['messages', '*', 'tool_calls', '*', 'id'],
  ['messages', '*', 'tool_call_id'],
  ['messages', '*', 'content', '*', 'id'],
  ['messages', '*', 'content', '*', 'tool_use_id'],
]

/** A call and its result get the same name, in every turn and on every instance. None: every id fits. */
export const callIdEdits = (index: JsonIndex, form: CallIdForm): readonly Edit[] => {
  const rule = ruleOf(form)
  return PLACES.flatMap(([top = '', ...steps]) =>
    (index.members.has(top) ? textsAt(valueAt(index, top), steps, [top]) : []).flatMap(
      ({ path, text: id }): Edit[] => {
        const value = fittingId(id, rule)
        return value === id ? [] : [{ op: 'set', path, value, why: 'call-id' }]
      },
    ),
  )
}

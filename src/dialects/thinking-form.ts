import type { Edit } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json } from '../wire/json.ts'
import { textOf } from './read-json.ts'

/**
 * `thinking` of the Messages dialect, where a model does not take it as it is written: generations of Claude think by a
 * budget or as much as they like, and agents write the form of one to whoever serves them.
 */

type Why = Edit['why']

/** `rest`: the model cannot think in a form that stands for the one refused. */
export type ThinkingForm = 'adaptive' | 'rest'

/** Anthropic's words, also behind others. */
const READINGS: readonly (readonly [RegExp, ThinkingForm])[] = [
  [
    /^(?:the model returned the following errors: )?['"`]?thinking\.type\.enabled['"`]? is not supported for this model\b/i,
    'adaptive',
  ],
  [
    /^(?:the model returned the following errors: )?adaptive thinking is not supported (?:on|for|by) this model\b/i,
    'rest',
  ],
]

/** The form that a refusal asks for; undefined: it is about something else. `text`: the provider's own words. */
export const formSaid = (text: string): ThinkingForm | undefined =>
  READINGS.find(([pattern]) => pattern.test(text))?.[1]

/** The strategy that the API takes only beside thinking. */
const CLEARS_THINKING = /^clear_thinking_/

const clearingEdits = (management: Json | undefined, why: Why): readonly Edit[] => {
  if (!isObject(management) || !Array.isArray(management.edits)) return []
  const places = management.edits.flatMap((edit, at) =>
    isObject(edit) && CLEARS_THINKING.test(textOf(edit.type) ?? '') ? [at] : [],
  )
  if (places.length > 0 && places.length === management.edits.length)
    return [{ op: 'drop', path: ['context_management'], why }]
  // From the end: a place moves when one before it goes.
  return places.reverse().map(at => ({ op: 'drop', path: ['context_management', 'edits', String(at)], why }))
}

/** Thinking rests, and with it what is taken beside it only. */
export const restingEdits = (index: JsonIndex, why: Why): readonly Edit[] => [
  { op: 'drop', path: ['thinking'], why },
  ...clearingEdits(valueAt(index, 'context_management'), why),
]

/** None where the body does not ask for the form that was refused. */
export const formEdits = (index: JsonIndex, form: ThinkingForm): readonly Edit[] => {
  const thinking = valueAt(index, 'thinking')
  if (!isObject(thinking)) return []
  if (form === 'rest') return thinking.type === 'adaptive' ? restingEdits(index, 'thinking-form') : []
  if (thinking.type !== 'enabled') return []
  const { budget_tokens: _, ...more } = thinking
  return [{ op: 'set', path: ['thinking'], value: { ...more, type: 'adaptive' }, why: 'thinking-form' }]
}

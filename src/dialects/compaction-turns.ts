import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { collectLosses, type Losses } from './losses.ts'
import type { Turn } from './neutral.ts'
import { readInput } from './responses-history.ts'

/** State that one provider keeps: a summary without it would be one of something else. */
const BOUND = ['previous_response_id', 'conversation', 'prompt', 'background'] as const

export const isGiven = (value: Json | undefined): boolean =>
  value !== undefined && value !== null && value !== false

const refuseBound = (body: JsonObject): void => {
  for (const key of BOUND)
    if (isGiven(body[key]))
      throw new Unsupported(
        `'${key}' refers to what one provider keeps, which cannot be summarised elsewhere`,
        key,
      )
}

/** An item that nobody here can read is told as it is: better than no summary. */
const tellable = (item: Json): Json => {
  try {
    readInput([item], collectLosses())
    return item
  } catch (error) {
    const place = error instanceof Unsupported ? (error.param ?? '') : ''
    // What only its owner can read or find stays what it is: reading the whole names its place.
    if (!(error instanceof Unsupported) || /^input\[0\]\.(?:encrypted_content|id)$/.test(place)) return item
    return { role: 'assistant', content: JSON.stringify(item) }
  }
}

const isTrigger = (item: Json): boolean => isObject(item) && item.type === 'compaction_trigger'

/**
 * The conversation that is to be compacted. Throws Unsupported for what only its owner can read or find: with its place
 * in the list, or by the parameter's name.
 */
export const conversationIn = (body: JsonObject, losses: Losses): readonly Turn[] => {
  refuseBound(body)
  const { input, instructions } = body
  const items: readonly Json[] | undefined = Array.isArray(input) ? input : undefined
  const turns = readInput(items?.filter(item => !isTrigger(item)).map(tellable) ?? input, losses)
  return typeof instructions === 'string' && instructions !== ''
    ? [{ role: 'system', parts: [{ kind: 'text', text: instructions }] }, ...turns]
    : turns
}

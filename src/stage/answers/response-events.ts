import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { type Event, namedEvent, type Weight } from '../answer.ts'
import { textOf, tokensOf } from '../lines.ts'
import { halves } from './chat.ts'

type Emit = (type: string, weight: Weight, more: JsonObject) => void

/** Gives every event its number: from 0, rising by one. */
const numbered = (events: Event[]): Emit => {
  return (type, weight, more) => {
    events.push(namedEvent({ type, sequence_number: events.length, ...more }, weight))
  }
}

const running = (response: JsonObject, status: string): JsonObject => ({
  ...response,
  status,
  completed_at: null,
  incomplete_details: null,
  output: [],
  usage: null,
})

/** The whole stream of a finished response, in the order the provider keeps. */
export const eventsOf = (response: JsonObject, queued: boolean): readonly Event[] => {
  const events: Event[] = []
  const emit = numbered(events)
  emit('response.created', 'lifecycle', { response: running(response, queued ? 'queued' : 'in_progress') })
  if (queued) emit('response.queued', 'lifecycle', { response: running(response, 'queued') })
  emit('response.in_progress', 'lifecycle', { response: running(response, 'in_progress') })
  const output = (Array.isArray(response.output) ? response.output : []).filter(isObject)
  output.forEach((item, index) => {
    emit('response.output_item.added', 'lifecycle', { output_index: index, item: begun(item) })
    bodyOf(item, index, emit)
    // A compaction item has no deltas: its end is the first thing worth having.
    emit('response.output_item.done', item.type === 'compaction' ? 'content' : 'lifecycle', {
      output_index: index,
      item,
    })
  })
  const ending = response.status === 'incomplete' ? 'response.incomplete' : 'response.completed'
  emit(ending, 'terminal', { response })
  return events
}

/** An item as it is announced: same id, type and call id, nothing said yet. */
const begun = (item: JsonObject): JsonObject => {
  if (item.type === 'message') return { ...item, status: 'in_progress', content: [] }
  if (item.type === 'function_call') return { ...item, status: 'in_progress', arguments: '' }
  if (item.type === 'reasoning') return { ...item, summary: [] }
  return item
}

const bodyOf = (item: JsonObject, index: number, emit: Emit): void => {
  const place = { item_id: item.id ?? null, output_index: index }
  if (item.type === 'message') messageBody(item, place, emit)
  if (item.type === 'function_call') {
    const args = textOf(item.arguments)
    for (const delta of halves(args))
      emit('response.function_call_arguments.delta', 'content', { ...place, delta })
    emit('response.function_call_arguments.done', 'lifecycle', {
      ...place,
      name: item.name ?? null,
      arguments: args,
    })
  }
  if (item.type === 'reasoning') summaryBody(item, place, emit)
}

const messageBody = (item: JsonObject, place: JsonObject, emit: Emit): void => {
  const parts: readonly Json[] = Array.isArray(item.content) ? item.content : []
  parts.filter(isObject).forEach((part, index) => {
    const where = { ...place, content_index: index }
    const refusal = part.type === 'refusal'
    const spoken = textOf(refusal ? part.refusal : part.text)
    const empty = refusal ? { type: 'refusal', refusal: '' } : { ...part, text: '' }
    const name = refusal ? 'response.refusal' : 'response.output_text'
    const more = refusal ? {} : { logprobs: [] }
    emit('response.content_part.added', 'lifecycle', { ...where, part: empty })
    for (const delta of tokensOf(spoken)) emit(`${name}.delta`, 'content', { ...where, delta, ...more })
    emit(`${name}.done`, 'lifecycle', { ...where, [refusal ? 'refusal' : 'text']: spoken, ...more })
    emit('response.content_part.done', 'lifecycle', { ...where, part })
  })
}

const summaryBody = (item: JsonObject, place: JsonObject, emit: Emit): void => {
  const parts: readonly Json[] = Array.isArray(item.summary) ? item.summary : []
  parts.filter(isObject).forEach((part, index) => {
    const where = { ...place, summary_index: index }
    const spoken = textOf(part.text)
    emit('response.reasoning_summary_part.added', 'lifecycle', { ...where, part: { ...part, text: '' } })
    for (const delta of tokensOf(spoken))
      emit('response.reasoning_summary_text.delta', 'content', { ...where, delta })
    emit('response.reasoning_summary_text.done', 'lifecycle', { ...where, text: spoken })
    emit('response.reasoning_summary_part.done', 'lifecycle', { ...where, part })
  })
}

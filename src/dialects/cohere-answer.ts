import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { idFor } from './chat-answer.ts'
import { errorObjectOf } from './error-object.ts'
import type { NeutralAnswer, Part, Stop } from './neutral.ts'
import { listOf, objectOf, textOf, unsaid } from './read-json.ts'
import type { Usage } from './shape.ts'

/** Whole answers of POST /v2/chat, and the pieces that its streams share with them. */

const STOPS: ReadonlyMap<Json | undefined, Stop> = new Map(
  Object.entries<Stop>({
    COMPLETE: { kind: 'end' },
    STOP_SEQUENCE: { kind: 'sequence', sequence: undefined },
    MAX_TOKENS: { kind: 'length' },
    TOOL_CALL: { kind: 'calls' },
    // Version 1's word for an answer that a filter took.
    ERROR_TOXIC: { kind: 'filter' },
  }),
)

/** Calls that are there are to be answered, whatever the word. An unknown word is an end. */
export const stopOf = (finish: Json | undefined, called: boolean): Stop => {
  const stop = STOPS.get(finish) ?? { kind: 'end' }
  if (stop.kind === 'calls') return called ? stop : { kind: 'end' }
  return stop.kind === 'end' && called ? { kind: 'calls' } : stop
}

/** "The generation failed due to an internal error", or "exceeded the allowed time limit": what was said is no answer. */
export const failureOf = (finish: Json | undefined, told?: Json): JsonObject | undefined => {
  if (finish === 'TIMEOUT')
    return {
      message: textOf(told) ?? 'The generation was stopped because it took too long.',
      type: 'timeout_error',
      param: null,
      code: 'timeout',
    }
  if (finish !== 'ERROR' && finish !== 'ERROR_LIMIT') return undefined
  return unsaid(textOf(told) ?? 'The generation failed.', 'server_error')
}

const count = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined)

/** Tokens that were read and written; where they are not told, those that are billed, which are fewer. */
export const usageOf = (value: Json | undefined): Usage | undefined => {
  if (!isObject(value)) return undefined
  const tokens = objectOf(value.tokens) ?? objectOf(value.billed_units)
  const input = count(tokens?.input_tokens)
  const output = count(tokens?.output_tokens)
  if (input === undefined && output === undefined) return undefined
  const cached = count(value.cached_tokens)
  return {
    inputTokens: input ?? 0,
    outputTokens: output ?? 0,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
  }
}

/**
 * A citation of documents, as chat writes it, one for each document. Where a document has no address, LiteLLM's
 * `source:<id>` stands for it. Citations of what tools returned, or within thoughts, have no place in other dialects.
 */
export const annotationsOf = (citation: Json | undefined): readonly JsonObject[] => {
  if (!isObject(citation)) return []
  if (citation.type === 'THINKING_CONTENT' || citation.type === 'PLAN') return []
  const { start, end } = citation
  const place =
    typeof start === 'number' && typeof end === 'number' ? { start_index: start, end_index: end } : {}
  return (listOf(citation.sources) ?? []).filter(isObject).flatMap(source => {
    if (source.type !== 'document') return []
    const document = objectOf(source.document) ?? {}
    const url = textOf(document.url) ?? `source:${textOf(source.id) ?? 'unknown'}`
    return [{ type: 'url_citation', url, title: textOf(document.title) ?? '', ...place }]
  })
}

/** The probability of one piece of text, as chat writes that of a token. */
export const logprobOf = (item: Json | undefined): readonly JsonObject[] => {
  if (!isObject(item)) return []
  const token = textOf(item.text)
  const each = (listOf(item.logprobs) ?? []).filter(value => typeof value === 'number')
  if (token === undefined || each.length === 0) return []
  const logprob = each.reduce((sum, value) => sum + value, 0)
  return [{ token, logprob, bytes: [...Buffer.from(token)], top_logprobs: [] }]
}

const partOf = (block: JsonObject, annotations: readonly JsonObject[]): Part | undefined => {
  const thought = textOf(block.thinking)
  if (thought !== undefined) return { kind: 'reasoning', text: thought }
  const text = textOf(block.text)
  if (text === undefined) return undefined
  return { kind: 'text', text, ...(annotations.length === 0 ? {} : { annotations }) }
}

/** Citations name the block they stand in; where they do not, it is the only text. */
const contentParts = (message: JsonObject): readonly Part[] => {
  const blocks = (listOf(message.content) ?? []).filter(isObject)
  const first = blocks.findIndex(block => textOf(block.text) !== undefined)
  const citations = (listOf(message.citations) ?? []).filter(isObject)
  return blocks.flatMap((block, index) => {
    const own = citations.filter(citation => (count(citation.content_index) ?? first) === index)
    return partOf(block, own.flatMap(annotationsOf)) ?? []
  })
}

const callParts = (message: JsonObject, id: string | undefined): readonly Part[] =>
  (listOf(message.tool_calls) ?? []).filter(isObject).map((call, index) => {
    const made = objectOf(call.function)
    return {
      kind: 'call',
      id: textOf(call.id) ?? idFor(id, index),
      name: textOf(made?.name) ?? '',
      input: textOf(made?.arguments) ?? '{}',
    }
  })

/** Throws FailedAnswer when the generation failed, Error when it is no answer of this API. */
export const readCohere = (answer: JsonObject): NeutralAnswer => {
  // An error's body has a sentence where an answer has its message.
  if (typeof answer.message === 'string')
    throw new FailedAnswer(errorObjectOf(answer) ?? unsaid('The generation failed.', 'server_error'))
  const message = objectOf(answer.message)
  if (message === undefined) throw new Error('the answer has no message')
  const failure = failureOf(answer.finish_reason)
  if (failure !== undefined) throw new FailedAnswer(failure)
  const id = textOf(answer.id)
  const plan = textOf(message.tool_plan)
  const calls = callParts(message, id)
  const logprobs = (listOf(answer.logprobs) ?? []).flatMap(logprobOf)
  return {
    id,
    model: undefined,
    // What is planned is said before the calls, and goes back with them as the plan.
    parts: [
      ...contentParts(message),
      ...(plan === undefined ? [] : [{ kind: 'text', text: plan } as const]),
      ...calls,
    ],
    stop: stopOf(answer.finish_reason, calls.length > 0),
    usage: usageOf(answer.usage),
    ...(logprobs.length === 0 ? {} : { logprobs }),
  }
}

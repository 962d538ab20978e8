import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { ANSWER_TOOL } from './bedrock-converse-format.ts'
import { FailedAnswer } from './bridge.ts'
import type { Dialect, MediaPart, NeutralAnswer, Part, Stop } from './neutral.ts'
import { listOf, objectOf, textOf } from './read-json.ts'
import type { Usage } from './shape.ts'

const STOPS: ReadonlyMap<Json | undefined, Stop> = new Map(
  Object.entries<Stop>({
    end_turn: { kind: 'end' },
    stop_sequence: { kind: 'sequence', sequence: undefined },
    max_tokens: { kind: 'length' },
    model_context_window_exceeded: { kind: 'context' },
    tool_use: { kind: 'calls' },
    content_filtered: { kind: 'filter' },
    guardrail_intervened: { kind: 'filter' },
  }),
)

/** `called`: the answer holds a call that is to be answered. An unknown word is an end. */
export const stopOf = (stopReason: Json | undefined, called: boolean): Stop => {
  const stop = STOPS.get(stopReason) ?? { kind: 'end' }
  // The tool that brought the answer itself is none.
  return stop.kind === 'calls' && !called ? { kind: 'end' } : stop
}

/** Stop reasons that mean: the model failed, and what it said is no answer. */
export const stopFailure = (stopReason: Json | undefined): JsonObject | undefined => {
  if (stopReason !== 'malformed_model_output' && stopReason !== 'malformed_tool_use') return undefined
  const message = `The model ended with ${stopReason}.`
  return { message, type: 'server_error', param: null, code: 'server_error', exception: stopReason }
}

const count = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined)

/** Converse counts cached tokens beside the input; undefined when it counts nothing. */
export const usageOf = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const input = count(usage.inputTokens)
  const output = count(usage.outputTokens)
  if (input === undefined && output === undefined) return undefined
  const cached = count(usage.cacheReadInputTokens)
  const written = count(usage.cacheWriteInputTokens)
  return {
    inputTokens: (input ?? 0) + (cached ?? 0) + (written ?? 0),
    outputTokens: output ?? 0,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
  }
}

/** A citation of a page on the web, as chat writes it; others point into documents that the client sent. */
export const annotationOf = (citation: Json): JsonObject | undefined => {
  if (!isObject(citation)) return undefined
  const url = textOf(objectOf(objectOf(citation.location)?.web)?.url)
  if (url === undefined) return undefined
  const title = textOf(citation.title)
  return { type: 'url_citation', url, ...(title === undefined ? {} : { title }) }
}

const citedPart = (cited: JsonObject): Part => {
  const words = (listOf(cited.content) ?? []).map(each => textOf(objectOf(each)?.text) ?? '')
  const annotations = (listOf(cited.citations) ?? []).map(annotationOf).filter(each => each !== undefined)
  return {
    kind: 'text',
    text: words.join(''),
    ...(annotations.length === 0 ? {} : { annotations }),
  }
}

/** Undefined when it holds nothing. */
const reasoningPart = (reasoning: JsonObject, issuer: Dialect): Part | undefined => {
  const redacted = textOf(reasoning.redactedContent)
  if (redacted !== undefined)
    return { kind: 'reasoning', text: '', sealed: { issuer, payload: redacted, redacted: true } }
  const told = objectOf(reasoning.reasoningText)
  if (told === undefined) return undefined
  const signature = textOf(told.signature)
  const sealed = signature === undefined ? {} : { sealed: { issuer, payload: signature } }
  return { kind: 'reasoning', text: textOf(told.text) ?? '', ...sealed }
}

const callPart = (use: JsonObject): Part => {
  const input = JSON.stringify(use.input ?? {})
  const name = textOf(use.name) ?? ''
  if (name === ANSWER_TOOL) return { kind: 'text', text: input }
  return { kind: 'call', id: textOf(use.toolUseId) ?? '', name, input }
}

/** Undefined when its bytes are not here. */
const pictureOf = (image: JsonObject): MediaPart | undefined => {
  const base64 = textOf(objectOf(image.source)?.bytes)
  return base64 === undefined ? undefined : pictureFrom(image.format, base64)
}

export const pictureFrom = (format: Json | undefined, base64: string): MediaPart => ({
  kind: 'image',
  source: { kind: 'bytes', mime: `image/${textOf(format) ?? 'png'}`, base64 },
})

const partOf = (block: JsonObject, issuer: Dialect): Part | undefined => {
  if (typeof block.text === 'string') return { kind: 'text', text: block.text }
  if (isObject(block.toolUse)) return callPart(block.toolUse)
  if (isObject(block.image)) return pictureOf(block.image)
  if (isObject(block.reasoningContent)) return reasoningPart(block.reasoningContent, issuer)
  return isObject(block.citationsContent) ? citedPart(block.citationsContent) : undefined
}

/**
 * A whole Converse answer; `issuer` seals its reasoning. Throws FailedAnswer when the model failed, Error when it is no
 * Converse answer.
 */
export const readConverse = (answer: JsonObject, issuer: Dialect): NeutralAnswer => {
  const content = listOf(objectOf(objectOf(answer.output)?.message)?.content)
  if (content === undefined) throw new Error('the answer has no output.message')
  const failure = stopFailure(answer.stopReason)
  if (failure !== undefined) throw new FailedAnswer(failure)
  const parts = content.filter(isObject).flatMap(block => partOf(block, issuer) ?? [])
  return {
    id: undefined,
    model: undefined,
    parts,
    stop: stopOf(
      answer.stopReason,
      parts.some(part => part.kind === 'call'),
    ),
    usage: usageOf(answer.usage),
  }
}

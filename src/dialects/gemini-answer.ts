import { parseExact } from '../wire/exact-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { NO_CANDIDATE, NO_TOKEN, withoutToken } from './gemini-empty.ts'
import { annotationsIn, groundingOf } from './gemini-grounding.ts'
import {
  at,
  blockOf,
  candidatesIn,
  FILTERED,
  failureOf,
  finishOf,
  listAt,
  metadataOf,
  objectAt,
  partsIn,
  signatureOf,
  textAt,
  usageOfMetadata,
} from './gemini-words.ts'
import type { Asked, CallPart, MediaPart, NeutralAnswer, Part, Sealed, Stop } from './neutral.ts'

/** Whole answers of generateContent, in both directions. */

export const sealIn = (part: JsonObject): Sealed | undefined => {
  const payload = signatureOf(part)
  return payload === undefined ? undefined : { issuer: 'gemini', payload }
}

/**
 * The id of a call. Where the provider gave none it is made of the answer's own id and the call's number, so that no
 * two turns of a conversation have the same.
 */
export const callIdOf = (call: JsonObject, answerId: string | undefined, number: number): string =>
  textAt(call, 'id') || `call_${(answerId ?? 'answer').replace(/[^A-Za-z0-9_-]/g, '')}_${number}`

/** What the provider's own tools did is told as the text it is. */
export const textIn = (part: JsonObject): string | undefined => {
  const text = textAt(part, 'text')
  if (text !== undefined) return text
  const code = objectAt(part, 'executableCode')
  if (code !== undefined)
    return `\`\`\`${(textAt(code, 'language') ?? '').toLowerCase()}\n${textAt(code, 'code') ?? ''}\n\`\`\`\n`
  const result = objectAt(part, 'codeExecutionResult')
  return result === undefined ? undefined : `\`\`\`\n${textAt(result, 'output') ?? ''}\n\`\`\`\n`
}

export const stopOf = (candidate: JsonObject | undefined, calls: number): Stop => {
  const reason = candidate === undefined ? undefined : finishOf(candidate)
  // Whoever holds its token may ask for the rest; here nobody does.
  if (reason === 'MAX_TOKENS' || reason === 'CONTINUATION') return { kind: 'length' }
  if (reason !== undefined && FILTERED.has(reason)) return { kind: 'filter' }
  return { kind: calls > 0 ? 'calls' : 'end' }
}

export const mediaOf = (part: JsonObject): MediaPart | undefined => {
  const blob = objectAt(part, 'inlineData')
  const mime = blob === undefined ? undefined : textAt(blob, 'mimeType')
  if (blob === undefined || mime === undefined) return undefined
  const base64 = textAt(blob, 'data') ?? ''
  return mime.startsWith('audio/')
    ? { kind: 'audio', mime, base64 }
    : { kind: 'image', source: { kind: 'bytes', mime, base64 } }
}

const neutralParts = (parts: readonly JsonObject[], answerId: string | undefined): readonly Part[] => {
  const found: Part[] = []
  for (const part of parts) {
    const sealed = sealIn(part)
    const mark = sealed === undefined ? {} : { sealed }
    const call = objectAt(part, 'functionCall')
    const media = mediaOf(part)
    const text = textIn(part) ?? ''
    const last = found.at(-1)
    if (call !== undefined) {
      const number = found.filter(one => one.kind === 'call').length + 1
      const id = callIdOf(call, answerId, number)
      const input = JSON.stringify(objectAt(call, 'args') ?? {})
      found.push({ kind: 'call', id, name: textAt(call, 'name') ?? '', input, ...mark })
    } else if (at(part, 'thought') === true) {
      // A sketch on the way to the picture is a thought, and none that can be told.
      if (text !== '' || sealed !== undefined) found.push({ kind: 'reasoning', text, ...mark })
    } else {
      if (media !== undefined) found.push(media)
      if (text !== '' && last?.kind === 'text') found.splice(-1, 1, { ...last, text: last.text + text })
      else if (text !== '') found.push({ kind: 'text', text })
      // A signature on words has a part of its own, behind them.
      if (sealed !== undefined) found.push({ kind: 'reasoning', text: '', sealed })
    }
  }
  return found
}

const alternativesIn = (result: JsonObject, index: number): readonly JsonObject[] => {
  const top = listAt(result, 'topCandidates')[index]
  return isObject(top) ? listAt(top, 'candidates').filter(isObject) : []
}

const tokenOf = (token: JsonObject): JsonObject => {
  const text = textAt(token, 'token') ?? ''
  return { token: text, logprob: at(token, 'logProbability') ?? 0, bytes: [...Buffer.from(text)] }
}

export const logprobsIn = (candidate: JsonObject): readonly Json[] | undefined => {
  const result = objectAt(candidate, 'logprobsResult')
  if (result === undefined) return undefined
  return listAt(result, 'chosenCandidates')
    .filter(isObject)
    .map((chosen, index) => ({
      ...tokenOf(chosen),
      top_logprobs: alternativesIn(result, index).map(tokenOf),
    }))
}

/** Throws FailedAnswer for an end that is a failure, Error when the body is no answer. */
export const answerOfGemini = (body: JsonObject): NeutralAnswer => {
  const [candidate] = candidatesIn(body)
  const blocked = blockOf(body)
  if (candidate === undefined && blocked === undefined) {
    if (at(body, 'candidates') !== undefined) throw new FailedAnswer(NO_CANDIDATE)
    throw new Error('the answer has no candidate')
  }
  const failure = candidate === undefined ? undefined : failureOf(candidate)
  if (failure !== undefined) throw new FailedAnswer(failure)
  if (candidate !== undefined && withoutToken([candidate], body)) throw new FailedAnswer(NO_TOKEN)
  const id = textAt(body, 'responseId')
  const raw = candidate === undefined ? [] : partsIn(candidate)
  const parts = neutralParts(raw, id)
  const calls = parts.filter(part => part.kind === 'call').length
  const logprobs = candidate === undefined ? undefined : logprobsIn(candidate)
  return {
    id,
    model: textAt(body, 'modelVersion'),
    parts: candidate === undefined ? parts : withAnnotations(parts, candidate),
    stop: candidate === undefined ? { kind: 'filter' } : stopOf(candidate, calls),
    usage: usageOfMetadata(at(body, 'usageMetadata')),
    ...(logprobs === undefined ? {} : { logprobs }),
  }
}

/** Citations go to the last text: that is what they are about. */
const withAnnotations = (parts: readonly Part[], candidate: JsonObject): readonly Part[] => {
  const place = parts.findLastIndex(part => part.kind === 'text')
  const part = parts[place]
  if (part?.kind !== 'text') return parts
  const annotations = annotationsIn(candidate, part.text)
  return annotations.length === 0 ? parts : parts.with(place, { ...part, annotations })
}

/** What a client is told of why an answer ended. */
export const reasonOf = (stop: Stop): string => {
  // A pause has no word of its own here, and is no end.
  if (stop.kind === 'length' || stop.kind === 'context' || stop.kind === 'pause') return 'MAX_TOKENS'
  return stop.kind === 'filter' || stop.kind === 'refusal' ? 'SAFETY' : 'STOP'
}

const argsOf = (input: string): JsonObject => {
  try {
    const value = parseExact(input === '' ? '{}' : input)
    return isObject(value) ? value : { input: value }
  } catch {
    return { raw_arguments: input }
  }
}

/** A call as this dialect has it. One without a signature of this dialect's goes without. */
export const functionCall = (
  call: Pick<CallPart, 'id' | 'name' | 'input' | 'custom' | 'sealed'>,
): JsonObject => ({
  functionCall: {
    id: call.id,
    name: call.name,
    args: call.custom === true ? { input: call.input } : argsOf(call.input),
  },
  ...(call.sealed?.issuer === 'gemini' ? { thoughtSignature: call.sealed.payload } : {}),
})

/** What was drawn or spoken, as a part; undefined where its bytes are not here. */
export const blobOf = (media: MediaPart): JsonObject | undefined => {
  if (media.kind === 'audio') return { inlineData: { mimeType: media.mime, data: media.base64 } }
  const { source } = media
  if (source.kind === 'bytes') return { inlineData: { mimeType: source.mime, data: source.base64 } }
  return source.kind === 'url' ? { fileData: { fileUri: source.url } } : undefined
}

const writtenParts = (part: Part, asked: Asked): readonly JsonObject[] => {
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'summary':
      return part.text === '' ? [] : [{ text: part.text }]
    case 'reasoning': {
      const seal = part.sealed?.issuer === 'gemini' ? { thoughtSignature: part.sealed.payload } : undefined
      const shown = asked.request.thoughts === 'shown' && part.text !== ''
      if (shown) return [{ text: part.text, thought: true, ...seal }]
      return seal === undefined ? [] : [{ text: '', ...seal }]
    }
    case 'call':
      return [functionCall(part)]
    case 'image':
    case 'file':
    case 'audio': {
      const blob = blobOf(part)
      return blob === undefined ? [] : [blob]
    }
    default:
      return []
  }
}

const chosenOf = (token: Json): JsonObject =>
  isObject(token) ? { token: token.token ?? '', logProbability: token.logprob ?? 0 } : {}

export const logprobsResult = (tokens: readonly Json[]): JsonObject => ({
  chosenCandidates: tokens.map(chosenOf),
  topCandidates: tokens.map(token => ({
    candidates: isObject(token) && Array.isArray(token.top_logprobs) ? token.top_logprobs.map(chosenOf) : [],
  })),
})

/** A neutral answer as a client of this dialect gets it. */
export const answerForGemini = (answer: NeutralAnswer, asked: Asked): JsonObject => {
  const parts = answer.parts.flatMap(part => writtenParts(part, asked))
  const grounding = groundingOf(answer.parts)
  const filtered = answer.stop.kind === 'filter' && parts.length === 0
  const candidate: JsonObject = {
    // Client libraries take a content without parts for a broken one, and an answer that a filter took has none.
    ...(filtered ? {} : { content: { parts: parts.length === 0 ? [{ text: '' }] : parts, role: 'model' } }),
    finishReason: reasonOf(answer.stop),
    index: 0,
    ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
    ...(answer.logprobs === undefined ? {} : { logprobsResult: logprobsResult(answer.logprobs) }),
  }
  return {
    candidates: [candidate],
    ...(answer.usage === undefined ? {} : { usageMetadata: metadataOf(answer.usage) }),
    modelVersion: asked.model,
    responseId: answer.id ?? asked.unique,
  }
}

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { isMedia, mediaTeller, toldPart } from './media-words.ts'
import type { Asked, CallPart, NeutralAnswer, Part, ReasoningPart, Stop } from './neutral.ts'
import { responses } from './openai-responses.ts'
import { spelled, unsaid, usageFrom } from './read-json.ts'
import { itemMaker, pictureIn, RESPONSES_API, refusalPart, textPart } from './responses-items.ts'
import { endingOf, responseObject } from './responses-object.ts'
import { readPicture } from './responses-parts.ts'
import { nativeSeal } from './responses-seal.ts'

/** A whole answer of the Responses API: as clients read it, and as providers write it. */

type Content = { readonly parts: JsonObject[] }

const speech = (part: Part, logprobs: readonly Json[]): JsonObject | undefined => {
  if (part.kind === 'text') return textPart(part.text, part.annotations, logprobs)
  if (part.kind === 'summary') return textPart(part.text)
  return part.kind === 'refusal' ? refusalPart(part.text) : undefined
}

/** A picture is an item where its bytes are here; everything else that was drawn or spoken is told in words. */
const shown = (parts: readonly Part[], asked: Asked): readonly Part[] => {
  const tell = mediaTeller(RESPONSES_API, asked.losses)
  return parts.flatMap(part =>
    isMedia(part) && pictureIn(part) === undefined ? toldPart(part, tell) : [part],
  )
}

/** The items of an answer in their order: words that follow each other are one message. */
const outputOf = (answer: NeutralAnswer, asked: Asked, cut: boolean): readonly JsonObject[] => {
  const maker = itemMaker(asked)
  const makers: ((last: boolean) => JsonObject)[] = []
  const state = (last: boolean) => (cut && last ? 'incomplete' : 'completed')
  let open: Content | undefined
  let logprobs = answer.logprobs ?? []
  const add = (make: (index: number, last: boolean) => JsonObject): void => {
    const index = makers.length
    open = undefined
    makers.push(last => make(index, last))
  }
  for (const part of shown(answer.parts, asked)) {
    const said = speech(part, logprobs)
    if (said !== undefined) {
      if (part.kind === 'text') logprobs = []
      if (open !== undefined) open.parts.push(said)
      else {
        const content: Content = { parts: [said] }
        add((index, last) => maker.message(index, state(last), content.parts))
        open = content
      }
    } else if (part.kind === 'reasoning') add(index => maker.reasoning(index, part.text, part.sealed))
    else if (part.kind === 'image' && part.source.kind === 'bytes') {
      const { source } = part
      add(index => maker.image(index, 'completed', source))
    } else if (part.kind === 'call') {
      const told = maker.call(makers.length, part)
      const { input, sealed } = part
      add((_index, last) => maker.callItem(told, state(last), input))
      if (sealed !== undefined) add(index => maker.reasoning(index, '', { ...sealed, call: told.callId }))
    }
  }
  return makers.map((make, index) => make(index === makers.length - 1))
}

export const writeResponse = (answer: NeutralAnswer, asked: Asked): JsonObject => {
  const ending = endingOf(
    answer.stop,
    answer.parts.some(part => part.kind === 'refusal'),
  )
  return responseObject(asked, {
    ...ending,
    output: outputOf(answer, asked, ending.status === 'incomplete'),
    usage: answer.usage,
    serviceTier: answer.serviceTier,
  })
}

const textsOf = (list: Json | undefined): string =>
  (Array.isArray(list) ? list : [])
    .flatMap(part => (isObject(part) && typeof part.text === 'string' ? [part.text] : []))
    .join('\n\n')

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

const readMessage = (item: JsonObject): readonly Part[] =>
  (Array.isArray(item.content) ? item.content : []).flatMap((part): readonly Part[] => {
    if (!isObject(part)) return []
    if (part.type === 'refusal') return [{ kind: 'refusal', text: textOf(part.refusal) }]
    if (part.type !== 'output_text' && part.type !== 'text') return []
    const annotations = Array.isArray(part.annotations) ? part.annotations.filter(isObject) : []
    return [{ kind: 'text', text: textOf(part.text), ...(annotations.length === 0 ? {} : { annotations }) }]
  })

const readReasoning = (item: JsonObject): readonly Part[] => {
  const text = textsOf(item.content) || textsOf(item.summary)
  const encrypted = textOf(item.encrypted_content)
  if (text === '' && encrypted === '') return []
  const part: ReasoningPart = {
    kind: 'reasoning',
    text,
    ...(encrypted === '' ? {} : { sealed: nativeSeal(item.id, encrypted) }),
  }
  return [part]
}

const readCall = (item: JsonObject, custom: boolean): CallPart => ({
  kind: 'call',
  id: textOf(item.call_id),
  name: textOf(item.name),
  input: textOf(custom ? item.input : item.arguments),
  ...(custom ? { custom } : {}),
})

/**
 * What stands for items of which nothing can be told: thoughts that are not shown, calls of hosted tools. A turn of
 * nothing else is one all the same.
 */
export const UNTOLD: ReasoningPart = { kind: 'reasoning', text: '' }

/** Calls of hosted tools are none of ours: no request that is written here holds such a tool. */
export const readItem = (item: Json): readonly Part[] => {
  if (!isObject(item)) return []
  switch (item.type) {
    case 'message':
      return readMessage(item)
    case 'reasoning':
      return readReasoning(item)
    case 'function_call':
      return [readCall(item, false)]
    case 'custom_tool_call':
      return [readCall(item, true)]
    case 'image_generation_call':
      return readPicture(item)
    default:
      return []
  }
}

export const stopOf = (response: JsonObject, parts: readonly { readonly kind: Part['kind'] }[]): Stop => {
  if (response.status === 'incomplete') {
    const why = isObject(response.incomplete_details) ? response.incomplete_details.reason : undefined
    if (why === 'max_output_tokens') return { kind: 'length' }
    return { kind: why === 'content_filter' ? 'filter' : 'pause' }
  }
  if (parts.some(part => part.kind === 'call')) return { kind: 'calls' }
  return { kind: parts.some(part => part.kind === 'refusal') ? 'refusal' : 'end' }
}

const logprobsIn = (output: readonly Json[]): readonly Json[] =>
  output.flatMap(item =>
    (isObject(item) && Array.isArray(item.content) ? item.content : []).flatMap((part: Json) =>
      isObject(part) && Array.isArray(part.logprobs) ? part.logprobs : [],
    ),
  )

/** Anything but a message, which may be empty. */
export const isAct = (item: Json): boolean => isObject(item) && item.type !== 'message'

/** Statuses of a response that is not whole, and that no reason ended. */
const UNENDED: ReadonlySet<Json> = new Set(['in_progress', 'queued', 'cancelled'])

const notEnded = (status: Json | undefined): JsonObject =>
  unsaid(`The provider's response has not ended: it is ${spelled(status)}.`, 'server_error')

/** Throws Error when the body is no response, FailedAnswer when it is one that failed. */
export const readResponse = (body: JsonObject): NeutralAnswer => {
  const failure = responses.errorInside(body)
  if (failure !== undefined) throw new FailedAnswer(failure)
  // Who asks in another dialect cannot ask for the rest of it later.
  if (UNENDED.has(body.status ?? null)) throw new FailedAnswer(notEnded(body.status))
  const { output } = body
  if (!Array.isArray(output)) throw new Error('the body is no response')
  const told = output.flatMap(readItem)
  const parts = told.length === 0 && output.some(isAct) ? [UNTOLD] : told
  const logprobs = logprobsIn(output)
  return {
    id: typeof body.id === 'string' ? body.id : undefined,
    model: typeof body.model === 'string' ? body.model : undefined,
    parts,
    stop: stopOf(body, parts),
    usage: usageFrom(body.usage),
    ...(logprobs.length === 0 ? {} : { logprobs }),
    ...(typeof body.service_tier === 'string' ? { serviceTier: body.service_tier } : {}),
  }
}

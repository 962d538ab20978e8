import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { readCitation, writeCitation } from './chat-citations.ts'
import { mediaMembers, picturesIn } from './chat-media.ts'
import { readReasoning, sealOfCall, writeCallSeal, writeReasoning } from './chat-thoughts.ts'
import { isMedia } from './media-words.ts'
import type { Asked, CallPart, NeutralAnswer, Part, ReasoningPart, Stop } from './neutral.ts'
import { chat } from './openai-chat.ts'
import { listOf, objectOf, textOf, usageFrom } from './read-json.ts'
import type { Usage } from './shape.ts'

/** Whole answers of Chat Completions, both ways. */

const usageDetails = (members: Readonly<Record<string, number | undefined>>): JsonObject | undefined => {
  const told = Object.entries(members).filter(([, value]) => value !== undefined)
  return told.length === 0 ? undefined : (Object.fromEntries(told) as JsonObject)
}

export const writeUsage = (usage: Usage): JsonObject => {
  const { inputTokens, outputTokens } = usage
  const before = usageDetails({
    cached_tokens: usage.cachedInputTokens,
    cache_write_tokens: usage.cacheWriteTokens,
  })
  const after = usageDetails({ reasoning_tokens: usage.reasoningTokens })
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(before === undefined ? {} : { prompt_tokens_details: before }),
    ...(after === undefined ? {} : { completion_tokens_details: after }),
  }
}

/** The older form of tools was asked for: its clients look for `function_call`. */
export const asksOlderForm = ({ body }: Asked): boolean => {
  const functions = listOf(body.functions)
  return functions !== undefined && functions.length > 0 && (listOf(body.tools) ?? []).length === 0
}

const FINISH: Readonly<Record<Stop['kind'], string>> = {
  end: 'stop',
  sequence: 'stop',
  length: 'length',
  context: 'length',
  calls: 'tool_calls',
  filter: 'content_filter',
  // A refusal in words is an ordinary end; one without any is what a filter does.
  refusal: 'content_filter',
  // There is more to come, and no word here for asking for it: whoever gets this knows that it is not all.
  pause: 'length',
  compaction: 'stop',
}

export const finishOf = (stop: Stop, how: { readonly refused: boolean; readonly older: boolean }): string => {
  if (stop.kind === 'refusal' && how.refused) return 'stop'
  if (stop.kind === 'calls' && how.older) return 'function_call'
  return FINISH[stop.kind]
}

const writeCall = ({ id, name, input, custom, sealed }: CallPart): JsonObject =>
  custom === true
    ? { id, type: 'custom', custom: { name, input }, ...writeCallSeal(sealed) }
    : // Clients parse what they get, and '' is no JSON.
      { id, type: 'function', function: { name, arguments: input || '{}' }, ...writeCallSeal(sealed) }

const writeCalls = (calls: readonly CallPart[], older: boolean): JsonObject => {
  const [first, ...more] = calls
  if (first === undefined) return {}
  if (!older || first.custom === true) return { tool_calls: calls.map(writeCall) }
  return {
    function_call: { name: first.name, arguments: first.input || '{}' },
    // The older form has room for one call; what cannot be told in it is told all the same.
    ...(more.length === 0 ? {} : { tool_calls: more.map(writeCall) }),
  }
}

const joined = (parts: readonly Part[], kind: 'text' | 'refusal'): string =>
  parts.map(part => (part.kind === kind ? part.text : '')).join('')

const writeMessage = (parts: readonly Part[], older: boolean, asked: Asked): JsonObject => {
  const text = joined(parts, 'text')
  const refusal = joined(parts, 'refusal')
  const calls = parts.filter(part => part.kind === 'call')
  const reasoning = parts.filter((part): part is ReasoningPart => part.kind === 'reasoning')
  const annotations = parts.flatMap(part => (part.kind === 'text' ? (part.annotations ?? []) : []))
  return {
    role: 'assistant',
    // An answer that is nothing else is an empty text.
    content: text === '' && (refusal !== '' || calls.length > 0) ? null : text,
    ...(refusal === '' ? {} : { refusal }),
    ...writeReasoning(reasoning),
    ...writeCalls(calls, older),
    ...mediaMembers(parts.filter(isMedia), asked),
    ...(annotations.length === 0 ? {} : { annotations: annotations.map(writeCitation) }),
  }
}

export const logprobsOf = (content: readonly Json[]): JsonObject => ({ content, refusal: null })

/** A whole answer for a client of Chat Completions. */
export const writeChatAnswer = (answer: NeutralAnswer, asked: Asked): JsonObject => {
  const older = asksOlderForm(asked)
  const refused = answer.parts.some(part => part.kind === 'refusal' && part.text !== '')
  return {
    id: `chatcmpl-${asked.unique}`,
    object: 'chat.completion',
    created: asked.created,
    model: asked.model,
    choices: [
      {
        index: 0,
        message: writeMessage(answer.parts, older, asked),
        logprobs: answer.logprobs === undefined ? null : logprobsOf(answer.logprobs),
        finish_reason: finishOf(answer.stop, { refused, older }),
      },
    ],
    ...(answer.usage === undefined ? {} : { usage: writeUsage(answer.usage) }),
    ...(answer.serviceTier === undefined ? {} : { service_tier: answer.serviceTier }),
  }
}

type PlainStop = Stop['kind'] & ('end' | 'length' | 'calls' | 'filter')

const STOPS: ReadonlyMap<Json | undefined, PlainStop> = new Map(
  Object.entries<PlainStop>({
    stop: 'end',
    length: 'length',
    tool_calls: 'calls',
    function_call: 'calls',
    content_filter: 'filter',
  }),
)

export type Said = { readonly calls: boolean; readonly refused: boolean }

/** Some servers end with `stop` after calls; calls that are there are to be answered. An unknown word is an end. */
export const readFinish = (finish: Json | undefined, { calls, refused }: Said): Stop => {
  const kind = STOPS.get(finish) ?? 'end'
  if (kind !== 'end') return { kind }
  if (calls) return { kind: 'calls' }
  return { kind: refused ? 'refusal' : 'end' }
}

/** Content is a text, or parts: Mistral's models think in parts of their own. */
export const saidIn = (content: Json | undefined): { readonly text: string; readonly thought: string } => {
  if (typeof content === 'string') return { text: content, thought: '' }
  let text = ''
  let thought = ''
  for (const part of listOf(content) ?? []) {
    if (!isObject(part)) continue
    if (part.type === 'thinking') thought += saidIn(part.thinking).text
    else text += textOf(part.text) ?? ''
  }
  return { text, thought }
}

const readCall = (call: Json): CallPart | undefined => {
  if (!isObject(call)) return undefined
  const made = objectOf(call.function)
  const custom = objectOf(call.custom)
  const id = textOf(call.id) ?? ''
  const sealed = sealOfCall(call)
  if (made !== undefined)
    return {
      kind: 'call',
      id,
      name: textOf(made.name) ?? '',
      input: inputOf(made.arguments),
      ...(sealed === undefined ? {} : { sealed }),
    }
  if (custom === undefined) return undefined
  return {
    kind: 'call',
    id,
    name: textOf(custom.name) ?? '',
    input: textOf(custom.input) ?? '',
    custom: true,
  }
}

/** Some servers write the arguments as the object that they mean. */
export const inputOf = (value: Json | undefined): string => {
  if (isObject(value)) return JSON.stringify(value)
  return textOf(value) ?? '{}'
}

/** Servers that give their calls no ids: one of the answer's own, so that calls of two turns do not mix. */
export const idFor = (answer: string | undefined, index: number): string =>
  `call_${(answer ?? 'x').replace(/[^A-Za-z0-9]/g, '').slice(-24)}_${index}`

const readCalls = (message: JsonObject, id: string | undefined): readonly CallPart[] => {
  const calls = (listOf(message.tool_calls) ?? []).flatMap(call => readCall(call) ?? [])
  const older = objectOf(message.function_call)
  const all =
    older === undefined
      ? calls
      : [
          ...calls,
          { kind: 'call' as const, id: '', name: textOf(older.name) ?? '', input: inputOf(older.arguments) },
        ]
  return all.map((call, index) => (call.id === '' ? { ...call, id: idFor(id, index) } : call))
}

const readParts = (message: JsonObject, id: string | undefined): readonly Part[] => {
  const { text, thought } = saidIn(message.content)
  const refusal = textOf(message.refusal)
  const annotations = (listOf(message.annotations) ?? []).filter(isObject).map(readCitation)
  const parts: Part[] = [...readReasoning(message)]
  if (thought !== '') parts.push({ kind: 'reasoning', text: thought })
  if (text !== '') parts.push({ kind: 'text', text, ...(annotations.length === 0 ? {} : { annotations }) })
  if (refusal !== undefined) parts.push({ kind: 'refusal', text: refusal })
  return [...parts, ...picturesIn(message), ...readCalls(message, id)]
}

/** A provider's answer. Throws FailedAnswer for an error told inside it, Error when it is no chat answer. */
export const readChatAnswer = (body: JsonObject): NeutralAnswer => {
  const failure = chat.errorInside(body)
  if (failure !== undefined) throw new FailedAnswer(failure)
  const choice = (listOf(body.choices) ?? []).find(isObject)
  const message = objectOf(choice?.message)
  if (choice === undefined || message === undefined) throw new Error('the answer has no message')
  const id = textOf(body.id)
  const parts = readParts(message, id)
  const logprobs = listOf(objectOf(choice.logprobs)?.content)
  const serviceTier = textOf(body.service_tier)
  return {
    id,
    model: textOf(body.model),
    parts,
    stop: readFinish(choice.finish_reason, {
      calls: parts.some(part => part.kind === 'call'),
      refused: parts.some(part => part.kind === 'refusal'),
    }),
    usage: usageFrom(body.usage) ?? usageFrom(objectOf(body.x_groq)?.usage),
    ...(logprobs === undefined || logprobs.length === 0 ? {} : { logprobs }),
    ...(serviceTier === undefined ? {} : { serviceTier }),
  }
}

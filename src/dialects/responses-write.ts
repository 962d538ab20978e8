import { createHash } from 'node:crypto'
import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { fittingId, type IdRule } from './call-ids.ts'
import type { Losses } from './losses.ts'
import { isMedia } from './media-words.ts'
import type {
  CallPart,
  Format,
  NeutralRequest,
  Part,
  ReasoningPart,
  ResultPart,
  Target,
  TextPart,
  Turn,
} from './neutral.ts'
import { paired } from './open-calls.ts'
import { shortUser, strictness, withJsonSaid } from './openai-limits.ts'
import { writePart } from './responses-parts.ts'
import { nativeParts } from './responses-seal.ts'
import { writeTool, writeToolChoice } from './responses-tools.ts'

/** A request as providers of the Responses API read it. Nothing of it is kept there. */

export const CALL_ID: IdRule = { accepts: /^[\s\S]{1,64}$/, prefix: 'call_', length: 64 }
/** The API takes no smaller limit. */
const LEAST_TOKENS = 16

const writeReasoning = ({ sealed }: ReasoningPart, losses: Losses): readonly JsonObject[] => {
  if (sealed?.issuer !== 'responses') {
    losses.warn('reasoning of earlier turns', 'only who thought it can read it again')
    return []
  }
  const { id, encrypted } = nativeParts(sealed)
  const made = `rs_${createHash('sha256').update(encrypted).digest('hex').slice(0, 48)}`
  return [{ type: 'reasoning', id: id ?? made, summary: [], encrypted_content: encrypted }]
}

const writeCall = (part: CallPart, losses: Losses): JsonObject => {
  if (part.sealed !== undefined) losses.warn('seal of a call', 'only its issuer reads it')
  const place = { call_id: fittingId(part.id, CALL_ID), name: part.name }
  return part.custom
    ? { type: 'custom_tool_call', ...place, input: part.input }
    : { type: 'function_call', ...place, arguments: part.input === '' ? '{}' : part.input }
}

/** There is no other place to say it. */
const FAILED: TextPart = { kind: 'text', text: 'The tool failed.' }

const writeResult = (part: ResultPart): JsonObject => {
  const content = part.failed ? [FAILED, ...part.content] : part.content
  const [only] = content
  const plain = content.length === 1 && only?.kind === 'text' && only.cache === undefined
  return {
    type: part.custom ? 'custom_tool_call_output' : 'function_call_output',
    call_id: fittingId(part.id, CALL_ID),
    output: content.length === 0 ? '' : plain ? only.text : content.map(writePart),
  }
}

/** A citation that does not say which words it is about is refused; for what was said it changes nothing. */
const isWhole = ({ type, title, start_index: start, end_index: end }: JsonObject): boolean =>
  type !== 'url_citation' ||
  (typeof title === 'string' && typeof start === 'number' && typeof end === 'number')

const spoken = (part: Part): JsonObject => {
  if (part.kind === 'text') {
    const annotations: Json = (part.annotations ?? []).filter(isWhole)
    return { type: 'output_text', text: part.text, annotations }
  }
  if (part.kind === 'refusal') return { type: 'refusal', refusal: part.text }
  throw new Unsupported(`an answer's ${part.kind} cannot be sent back in the Responses dialect`)
}

const asked = (part: Part): JsonObject => {
  if (part.kind === 'text' || isMedia(part)) return writePart(part)
  if (part.kind === 'refusal') return { type: 'input_text', text: part.text }
  throw new Unsupported(`a ${part.kind} has no place in a message of the Responses dialect`)
}

const summaryItem = (text: string): JsonObject => ({
  type: 'message',
  role: 'system',
  content: [{ type: 'input_text', text: `Summary of the conversation so far:\n\n${text}` }],
})

/** Calls, results and reasoning are items of their own; what stands between them is one message. */
const writeTurn = ({ role, parts }: Turn, losses: Losses): readonly JsonObject[] => {
  const items: JsonObject[] = []
  let content: JsonObject[] = []
  const flush = (): void => {
    if (content.length > 0) items.push({ type: 'message', role, content })
    content = []
  }
  const apart = (more: readonly JsonObject[]): void => {
    if (more.length > 0) flush()
    items.push(...more)
  }
  for (const part of parts) {
    if (part.kind === 'call') apart([writeCall(part, losses)])
    else if (part.kind === 'result') apart([writeResult(part)])
    else if (part.kind === 'summary') apart([summaryItem(part.text)])
    else if (part.kind === 'reasoning') apart(writeReasoning(part, losses))
    else if (role === 'assistant' && isMedia(part))
      losses.warn('messages[].content', 'the Responses API shows no model the pictures it made')
    // A text that says nothing is refused by some servers, and missed by nobody.
    else if (part.kind !== 'text' || part.text !== '')
      content.push(role === 'assistant' ? spoken(part) : asked(part))
  }
  flush()
  return items
}

const writeFormat = (format: Format, losses: Losses): JsonObject => {
  if (format.kind !== 'schema') return { type: format.kind === 'json' ? 'json_object' : 'text' }
  return {
    type: 'json_schema',
    name: format.name,
    schema: format.schema,
    ...strictness(format.strict, format.schema, 'response_format.strict', losses),
    ...(format.description === undefined ? {} : { description: format.description }),
  }
}

const writeText = ({ format, verbosity }: NeutralRequest, losses: Losses): JsonObject | undefined =>
  format === undefined && verbosity === undefined
    ? undefined
    : {
        ...(format === undefined ? {} : { format: writeFormat(format, losses) }),
        ...(verbosity === undefined ? {} : { verbosity }),
      }

/** Effort for a client that counted its tokens out. */
const effortFor = (tokens: number): string => (tokens <= 2048 ? 'low' : tokens <= 16_384 ? 'medium' : 'high')

const writeThinking = (request: NeutralRequest, losses: Losses): JsonObject | undefined => {
  const { effort, thinkingTokens, thoughts } = request
  if (thinkingTokens !== undefined && effort === undefined)
    losses.warn('thinking budget', 'the Responses dialect has efforts instead of a number of tokens')
  const wanted = effort ?? (thinkingTokens === undefined ? undefined : effortFor(thinkingTokens))
  if (wanted === undefined && thoughts !== 'shown') return undefined
  return {
    ...(wanted === undefined ? {} : { effort: wanted }),
    ...(thoughts === 'shown' && wanted !== 'none' ? { summary: 'auto' } : {}),
  }
}

const writeLimit = (tokens: number | undefined, losses: Losses): number | undefined => {
  if (tokens === undefined || tokens >= LEAST_TOKENS) return tokens
  losses.warn('max_tokens', `the Responses dialect has no limit below ${LEAST_TOKENS}`)
  return LEAST_TOKENS
}

/** Asked for only where thinking was: other models refuse the question. */
const writeInclude = (
  request: NeutralRequest,
  thinking: JsonObject | undefined,
): readonly string[] | undefined => {
  const thinks = thinking !== undefined && thinking.effort !== 'none'
  const include = [
    ...(thinks ? ['reasoning.encrypted_content'] : []),
    ...(request.logprobs === undefined ? [] : ['message.output_text.logprobs']),
  ]
  return include.length === 0 ? undefined : include
}

/** Sampling that this dialect does not have, by the names that clients know. */
const losing = (request: NeutralRequest, losses: Losses): void => {
  const { stop, seed, topK, logitBias, presencePenalty, frequencyPenalty } = request
  if (stop !== undefined && stop.length > 0) losses.lose('stop')
  if (seed !== undefined) losses.lose('seed')
  if (topK !== undefined) losses.lose('top_k')
  if (logitBias !== undefined && Object.keys(logitBias).length > 0) losses.lose('logit_bias')
  if (presencePenalty !== undefined && presencePenalty !== 0) losses.lose('presence_penalty')
  if (frequencyPenalty !== undefined && frequencyPenalty !== 0) losses.lose('frequency_penalty')
}

/** Marks stand on parts of messages; those of tools, of their calls and results and of a time to live have no place. */
const tellMarks = ({ turns, tools = [] }: NeutralRequest, losses: Losses): void => {
  const parts = turns.flatMap(turn => turn.parts)
  const apart = parts.filter(part => part.kind === 'result' || part.kind === 'call')
  const marked = [...tools, ...apart].some(one => one.cache !== undefined)
  const timed = parts.some(part => 'cache' in part && part.cache?.ttl !== undefined)
  if (marked || timed) losses.warn('cache_control', 'only parts of messages are marked here, without a ttl')
}

/** Names that mean here what they mean in the dialect they came from. */
const SHARED: ReadonlySet<string> = new Set([
  'safety_identifier',
  'prompt_cache_retention',
  'prompt_cache_options',
  'moderation',
  'max_tool_calls',
  'truncation',
  'context_management',
])

/** Members of other dialects that no answer depends on here. */
const ASIDE: Readonly<Record<string, string>> = {
  store: 'an answer that is translated is not kept',
  prediction: 'it saves time only',
}

const isDefault = (name: string, value: Json): boolean =>
  value === null ||
  (name === 'store' && value === false) ||
  (name === 'modalities' && Array.isArray(value) && value.every(one => one === 'text'))

const writeRest = ({ rest }: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const taken: Record<string, Json> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (isDefault(name, value)) continue
    if (Object.hasOwn(ASIDE, name)) losses.warn(name, ASIDE[name] ?? '')
    else if (SHARED.has(name) || target.allowedParams.includes(name)) taken[name] = value
    else losses.lose(name)
  }
  return taken
}

const defined = (members: { readonly [key: string]: Json | undefined }): JsonObject =>
  Object.fromEntries(
    Object.entries(members).filter((member): member is [string, Json] => member[1] !== undefined),
  )

export const writeResponsesRequest = (
  request: NeutralRequest,
  target: Target,
  losses: Losses,
): JsonObject => {
  losing(request, losses)
  tellMarks(request, losses)
  const reasoning = writeThinking(request, losses)
  return {
    model: target.model,
    input: paired(withJsonSaid(request, losses), losses).flatMap(turn => writeTurn(turn, losses)),
    ...defined({
      tools: request.tools?.map(tool => writeTool(tool, losses)),
      tool_choice: writeToolChoice(request),
      parallel_tool_calls: request.parallelCalls,
      max_output_tokens: writeLimit(request.maxTokens, losses),
      temperature: request.temperature,
      top_p: request.topP,
      top_logprobs: request.logprobs,
      text: writeText(request, losses),
      reasoning,
      metadata: request.metadata,
      user: shortUser(request.user, losses),
      service_tier: request.serviceTier,
      prompt_cache_key: request.cacheKey,
      include: writeInclude(request, reasoning),
      stream: request.stream ? true : undefined,
    }),
    ...writeRest(request, target, losses),
    store: false,
  }
}

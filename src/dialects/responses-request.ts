import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { collectLosses, type Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest, Turn } from './neutral.ts'
import { spelled } from './read-json.ts'
import { readInput, refuseBound } from './responses-history.ts'
import { readToolChoice, readTools } from './responses-tools.ts'

/** A request as clients of the Responses API write it. */

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] }
type Draft = Mutable<Partial<NeutralRequest>> & { rest: Record<string, Json> }

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

const given = (value: Json | undefined): value is Exclude<Json, null> => value !== undefined && value !== null

const readFormat = (format: Json | undefined): Format | undefined => {
  if (!given(format)) return undefined
  if (!isObject(format)) throw new Unsupported("'text.format' is no object", 'text.format')
  if (format.type === 'text') return { kind: 'text' }
  if (format.type === 'json_object') return { kind: 'json' }
  if (format.type !== 'json_schema')
    throw new Unsupported(
      `only Responses has text in the format '${spelled(format.type)}'`,
      'text.format.type',
    )
  return {
    kind: 'schema',
    name: typeof format.name === 'string' ? format.name : 'response',
    schema: isObject(format.schema) ? format.schema : {},
    ...(typeof format.strict === 'boolean' ? { strict: format.strict } : {}),
    ...(typeof format.description === 'string' ? { description: format.description } : {}),
  }
}

const VERBOSITIES = ['low', 'medium', 'high'] as const

const readText = (text: Json, draft: Draft): void => {
  if (!isObject(text)) return
  const format = readFormat(text.format)
  if (format !== undefined) draft.format = format
  const verbosity = VERBOSITIES.find(known => known === text.verbosity)
  if (verbosity !== undefined) draft.verbosity = verbosity
}

const readReasoning = (reasoning: Json, draft: Draft, losses: Losses): void => {
  if (!isObject(reasoning)) return
  const effort = EFFORTS.find(known => known === reasoning.effort)
  if (effort !== undefined) draft.effort = effort
  else if (given(reasoning.effort)) losses.lose('reasoning.effort')
  const summary = reasoning.summary ?? reasoning.generate_summary
  if (given(summary)) draft.thoughts = summary === 'none' ? 'hidden' : 'shown'
  for (const key of ['mode', 'context'])
    if (given(reasoning[key]) && reasoning[key] !== 'auto' && reasoning[key] !== 'standard')
      losses.warn(`reasoning.${key}`, 'only Responses has it')
}

/** What asks for more in the answer. Most of it belongs to hosted tools, which cannot be there. */
const readInclude = (include: Json, draft: Draft, losses: Losses): void => {
  for (const name of Array.isArray(include) ? include : []) {
    if (name === 'message.output_text.logprobs') draft.logprobs ??= 0
    else if (name !== 'reasoning.encrypted_content')
      losses.warn(`include: ${spelled(name)}`, 'only Responses has it')
  }
}

type Reader = (value: Exclude<Json, null>, draft: Draft, losses: Losses) => void

const put =
  <Key extends keyof Draft>(key: Key, is: (value: Json) => boolean): Reader =>
  (value, draft) => {
    // `is` has looked at the type.
    if (is(value)) draft[key] = value as Draft[Key]
  }
const number = (value: Json): boolean => typeof value === 'number'
const text = (value: Json): boolean => typeof value === 'string'
const flag = (value: Json): boolean => typeof value === 'boolean'

const warning =
  (name: string, because: string): Reader =>
  (_value, _draft, losses) =>
    losses.warn(name, because)

/** State that only its owner has, and work that goes on without a connection. */
const bound =
  (name: string, because: string): Reader =>
  value => {
    if (value !== false) throw new Unsupported(`'${name}' ${because}`, name)
  }

const ELSEWHERE = 'refers to what one provider keeps'

/** A part of the prompt that is not in the request. Throws Unsupported with its name. */
const KEPT: Readonly<Record<string, Reader>> = Object.fromEntries(
  ['previous_response_id', 'conversation', 'prompt'].map(name => [name, bound(name, ELSEWHERE)]),
)

const READERS: Readonly<Record<string, Reader>> = {
  model: () => {},
  input: () => {},
  instructions: () => {},
  tools: () => {},
  // No answer of another dialect is padded.
  stream_options: () => {},
  tool_choice: (value, draft) => {
    const choice = readToolChoice(value)
    if (choice !== undefined) draft.toolChoice = choice
  },
  text: readText,
  reasoning: readReasoning,
  include: readInclude,
  parallel_tool_calls: put('parallelCalls', flag),
  max_output_tokens: put('maxTokens', number),
  temperature: put('temperature', number),
  top_p: put('topP', number),
  // 0 is also how nobody is asked for: then `include` says it.
  top_logprobs: (value, draft) => {
    if (typeof value === 'number' && value > 0) draft.logprobs = value
  },
  presence_penalty: put('presencePenalty', number),
  frequency_penalty: put('frequencyPenalty', number),
  metadata: put('metadata', isObject),
  service_tier: put('serviceTier', text),
  prompt_cache_key: put('cacheKey', text),
  stream: put('stream', flag),
  user: put('user', text),
  safety_identifier: (value, draft) => {
    if (typeof value !== 'string') return
    if (draft.user === undefined || draft.user === value) draft.user = value
    else draft.rest.safety_identifier = value
  },
  ...KEPT,
  background: bound('background', 'is work that the provider goes on with by itself'),
  multi_agent: bound('multi_agent', 'is made by the provider'),
  moderation: (_value, _draft, losses) => losses.lose('moderation'),
  store: (value, _draft, losses) => {
    if (value === true) losses.warn('store', 'an answer of another dialect is not kept')
  },
  truncation: (value, _draft, losses) => {
    if (value !== 'disabled') losses.warn('truncation', 'nothing is cut out of a history that is too long')
  },
  max_tool_calls: warning('max_tool_calls', 'it counts calls of built-in tools'),
  context_management: warning('context_management', 'only Responses compacts by itself'),
  client_metadata: warning('client_metadata', 'it speaks to OpenAI'),
  access_programs: warning('access_programs', 'it is a programme of one provider'),
  image: warning('image', 'only Responses has it'),
}

/** A later item may change the effort and the format. */
const readUpdates = (input: Json | undefined, draft: Draft, losses: Losses): void => {
  for (const item of Array.isArray(input) ? input : []) {
    if (!isObject(item) || item.type !== 'configuration_update') continue
    readReasoning(item.reasoning ?? null, draft, losses)
    readText(item.text ?? null, draft)
  }
}

const readTurns = (body: JsonObject, losses: Losses): readonly Turn[] => {
  const turns = readInput(body.input, losses)
  const { instructions } = body
  if (typeof instructions !== 'string' || instructions === '') return turns
  return [{ role: 'system', parts: [{ kind: 'text', text: instructions }] }, ...turns]
}

/**
 * Throws Unsupported, with the parameter's path, for what no other dialect can hold: state by id, tools that the
 * provider runs, prompts that it keeps, work in the background.
 */
export const readResponsesRequest = (body: JsonObject, losses: Losses): NeutralRequest => {
  const draft: Draft = { rest: {} }
  for (const [key, value] of Object.entries(body)) {
    if (!given(value)) continue
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined
    if (reader === undefined) draft.rest[key] = value
    else reader(value, draft, losses)
  }
  readUpdates(body.input, draft, losses)
  const tools = readTools(body, losses)
  return {
    ...draft,
    turns: readTurns(body, losses),
    ...(tools.length === 0 ? {} : { tools }),
    stream: draft.stream ?? false,
    // The last event of every stream tells it.
    streamUsage: true,
  }
}

/** Throws Unsupported where a part of the prompt is kept by one provider: nobody else can read it, or count it. */
export const refuseKeptParts = (body: JsonObject): void => {
  const nothing: Draft = { rest: {} }
  for (const [name, refuse] of Object.entries(KEPT)) {
    const value = body[name]
    if (given(value)) refuse(value, nothing, collectLosses())
  }
  for (const [index, item] of (Array.isArray(body.input) ? body.input : []).entries())
    if (isObject(item)) refuseBound(item, `input[${index}]`)
}

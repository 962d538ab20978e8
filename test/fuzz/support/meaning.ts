import { asFunction } from '../../../src/dialects/custom-tools.ts'
import type {
  MediaPart,
  NeutralRequest,
  Part,
  ResultPart,
  TextPart,
  Turn,
} from '../../../src/dialects/neutral.ts'
import { isObject, type Json } from '../../../src/wire/json.ts'

/**
 * What a request means, whatever dialect it was written in: facts by name. Two requests mean the same when the facts are
 * equal; where one is not, a loss of such a name has to have been told.
 */

type Facts = Readonly<Record<string, unknown>>

/** Words that translations put beside what was said. */
const ADDED =
  /Returned by the tool [^:]*:|What the tool returned follows in the next message\.|Answer with one JSON object and nothing else\./g

/** Line breaks between pieces, and blanks at their ends, are nobody's words. */
const bare = (text: string): string => text.replace(ADDED, '').replace(/\s+/g, '')

const argumentsOf = (input: string, custom: boolean | undefined): Json => {
  if (custom === true) return { input }
  if (input.trim() === '') return {}
  try {
    const value = JSON.parse(input) as Json
    if (isObject(value)) return value
  } catch {
    // What is no JSON is kept as text.
  }
  return { raw_arguments: input }
}

const mediaOf = (part: MediaPart): Json =>
  part.kind === 'audio' ? { audio: part.base64 } : { [part.kind]: { ...part.source } as Json }

const FAILED = /^The tool failed[.:]?\s*/

const resultOf = ({ content, failed }: ResultPart, id: string): Json => {
  const text = content
    .filter((part): part is TextPart => part.kind === 'text')
    .map(part => part.text)
    .join('\n')
  return { result: id, says: bare(text.replace(FAILED, '')), failed: failed === true || FAILED.test(text) }
}

type Said = { readonly role: Turn['role']; results: Json[]; items: Json[]; texts: string }

/** Calls are named by their order: every dialect has ids of its own. */
class Teller {
  readonly #ids = new Map<string, string>()
  readonly #said: Said[] = []

  #open(role: Turn['role']): Said {
    const last = this.#said.at(-1)
    if (last?.role === role) return last
    const said: Said = { role, results: [], items: [], texts: '' }
    this.#said.push(said)
    return said
  }
  #text(said: Said, text: string): void {
    const words = bare(text)
    if (words !== '') said.items.push(words)
  }
  tell({ role, parts }: Turn, first: boolean): void {
    const said = this.#open(role === 'system' && !first ? 'user' : role)
    for (const part of parts) this.#part(said, part, role === 'system' && !first)
  }
  #part(said: Said, part: Part, note: boolean): void {
    if (part.kind === 'call') {
      const id = `call ${this.#ids.size}`
      this.#ids.set(part.id, id)
      said.items.push({ call: id, name: part.name, arguments: argumentsOf(part.input, part.custom) })
    } else if (part.kind === 'result') {
      said.results.push(resultOf(part, this.#ids.get(part.id) ?? 'none'))
      for (const one of part.content) if (one.kind !== 'text') said.items.push(mediaOf(one))
    } else if (part.kind === 'reasoning') return
    else if ('source' in part || part.kind === 'audio') said.items.push(mediaOf(part))
    else this.#text(said, note && bare(part.text) !== '' ? `<system>${part.text}</system>` : part.text)
  }
  /** Neighbours of one role as one; texts that touch as one text. What tools showed may stand beside their results. */
  done(): readonly Json[] {
    return this.#said.flatMap(({ role, results, items }): Json[] => {
      const media = items.filter(item => results.length > 0 && typeof item !== 'string')
      const says: Json[] = []
      for (const item of items.filter(one => !media.includes(one))) {
        const last = says.at(-1)
        if (typeof item === 'string' && typeof last === 'string') says[says.length - 1] = last + item
        else says.push(item)
      }
      return results.length + media.length + says.length === 0
        ? []
        : [{ role, results: results.toSorted(byText), media: media.toSorted(byText), says }]
    })
  }
}

const byText = (one: Json, other: Json): number =>
  JSON.stringify(one) < JSON.stringify(other) ? -1 : JSON.stringify(one) > JSON.stringify(other) ? 1 : 0

/** What was thought is a fact of its own. */
const isSilent = (part: Part): boolean =>
  part.kind === 'reasoning' || (part.kind !== 'call' && 'text' in part && bare(part.text) === '')

/** What is said, with neighbours joined again after blank ones have gone. */
const conversationOf = (turns: readonly Turn[]): readonly Json[] => {
  const teller = new Teller()
  const begins = turns.findIndex(({ role }) => role !== 'system')
  for (const [index, turn] of turns.entries()) {
    if (turn.parts.every(isSilent)) continue
    teller.tell(turn, index < begins)
  }
  return teller.done()
}

const partsIn = ({ turns }: NeutralRequest): readonly Part[] =>
  turns
    .flatMap(({ parts }) => parts)
    .flatMap((part): Part[] => (part.kind === 'result' ? [part, ...part.content] : [part]))

const unless = (value: unknown, ...nothing: readonly unknown[]): unknown =>
  nothing.includes(value) ? undefined : value

const choiceOf = ({ toolChoice: choice, tools = [] }: NeutralRequest): Json => {
  const all = tools.map(({ name }) => name)
  if (tools.length === 0) return { mode: 'auto', names: [] }
  if (choice?.kind === 'tool') return { mode: 'required', names: [choice.name] }
  if (choice?.kind === 'allowed')
    return { mode: choice.required ? 'required' : 'auto', names: choice.names.toSorted() }
  return { mode: choice?.kind ?? 'auto', names: all.toSorted() }
}

const toolsOf = (request: NeutralRequest): Json => {
  const { names } = choiceOf(request) as { names: readonly string[] }
  return (request.tools ?? [])
    .filter(({ name }) => names.includes(name))
    .map(tool => {
      const { name, description = '', schema } = asFunction(tool)
      return { name, description, schema: { properties: {}, ...schema } }
    })
}

/** A file without a name is given one where it has to have one. */
const namesOf = (request: NeutralRequest): readonly string[] =>
  partsIn(request).flatMap(part =>
    part.kind === 'file' && part.name !== undefined && part.name !== 'file.pdf'
      ? [part.name.replace(/\.pdf$/, '')]
      : [],
  )

/** That nothing else is in an object goes without saying, where the answer is bound to its schema. */
const unclosed = (schema: Json): Json => {
  if (!isObject(schema)) return schema
  const { additionalProperties: more, ...members } = schema
  const kept = Object.entries(members).map(([key, value]) => [key, unclosed(value)])
  return {
    ...Object.fromEntries(kept),
    ...(more === undefined || more === false ? {} : { additionalProperties: more }),
  }
}

/** Of the tools that may be called. A form of the answer is kept to as well as the provider can. */
const strictIn = (request: NeutralRequest): readonly string[] => {
  const { names } = choiceOf(request) as { names: readonly string[] }
  return (request.tools ?? []).flatMap(({ name, strict }) =>
    names.includes(name) && strict === true ? [name] : [],
  )
}

/** Words and counts of tokens are steps of one ladder, that every dialect cuts in its own way. */
const thinks = ({ effort, thinkingTokens }: NeutralRequest): boolean =>
  thinkingTokens !== undefined || (effort !== undefined && effort !== 'none')

/** Facts by the name under which their loss is told; `expected` says which losses there are. */
export const factsOf = (request: NeutralRequest): Facts => {
  const { format } = request
  // Where nothing may be called, nothing is called at once.
  const armed = (request.tools ?? []).length > 0 && request.toolChoice?.kind !== 'none'
  return {
    conversation: conversationOf(request.turns),
    tools: toolsOf(request),
    tool_choice: choiceOf(request),
    parallel: armed ? unless(request.parallelCalls, true) : undefined,
    max_tokens: request.maxTokens,
    temperature: unless(request.temperature, 1),
    top_p: unless(request.topP, 1),
    top_k: request.topK,
    stop: request.stop?.toSorted(),
    seed: request.seed,
    presence: unless(request.presencePenalty, 0),
    frequency: unless(request.frequencyPenalty, 0),
    logit_bias: request.logitBias,
    logprobs: request.logprobs,
    response_format: format?.kind === 'schema' ? unclosed(format.schema) : unless(format?.kind, 'text'),
    'response_format.description': format?.kind === 'schema' ? format.description : undefined,
    strict: strictIn(request),
    thinking: thinks(request),
    display: request.thoughts,
    thoughts: partsIn(request).flatMap(part => (part.kind === 'reasoning' ? [part] : [])),
    verbosity: unless(request.verbosity, 'medium'),
    metadata: request.metadata,
    user: request.user,
    service_tier: unless(request.serviceTier, 'auto', 'default'),
    cache_key: request.cacheKey,
    cache:
      partsIn(request).filter(part => 'cache' in part && part.cache !== undefined && !isSilent(part)).length +
      (request.tools ?? []).filter(({ cache }) => cache !== undefined).length,
    detail: partsIn(request)
      .flatMap(part => ('detail' in part ? [unless(part.detail, 'auto')] : []))
      .filter(Boolean),
    filename: namesOf(request),
  }
}

/** By which names the loss of a fact may be told. */
export const TOLD: Readonly<Record<string, RegExp>> = {
  conversation: /^$/,
  tools: /^tools$|tools\[\]\.(?:custom\.)?format/,
  tool_choice: /^tools$|tool_choice/,
  parallel: /parallel_tool_calls/,
  max_tokens: /max_tokens/,
  temperature: /temperature/,
  top_p: /top_p/,
  top_k: /top_k/,
  stop: /stop/,
  seed: /seed/,
  presence: /presence_?penalty/i,
  frequency: /frequency_?penalty/i,
  logit_bias: /logit_bias/,
  logprobs: /logprobs/,
  response_format: /response_format/,
  'response_format.description': /response_format/,
  strict: /strict/,
  thinking: /reasoning|thinking/,
  display: /reasoning|thinking/,
  thoughts: /reasoning|thinking/,
  verbosity: /verbosity/,
  metadata: /metadata/,
  user: /^user/,
  service_tier: /service_tier/,
  cache_key: /prompt_cache_key/,
  cache: /cache_control/,
  detail: /detail/,
  filename: /filename/,
}

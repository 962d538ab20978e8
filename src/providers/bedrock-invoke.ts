import { generationOf, type Traits, traitsOf } from '../dialects/anthropic-messages-models.ts'
import { ASIDE, OWN } from '../dialects/anthropic-messages-request.ts'
import { converseErrorOf } from '../dialects/bedrock-converse-error.ts'
import { INVOKE_STREAM, invokeDecoder, invokeUpstream } from '../dialects/bedrock-invoke.ts'
import { bytesOf } from '../dialects/bridge.ts'
import { objectOf, parseJson, spelled } from '../dialects/read-json.ts'
import { asBuffer } from '../wire/bytes.ts'
import { applyEdits, type Edit, joinSegments, type Warning } from '../wire/edit.ts'
import { indexObject, type JsonIndex, kindOf, valueAt } from '../wire/index.ts'
import { isObject, type Json } from '../wire/json.ts'
import { mayMention } from '../wire/mentions.ts'
import { type Betas, betasFor } from './bedrock-betas.ts'
import { bridgedReading } from './bridged.ts'
import { type MessagesBody, messagesBody, speaksMessages } from './messages-dialect.ts'
import { type Ask, type HeaderPair, type Reading, type Stamp, Unsupported } from './provider.ts'

/**
 * Claude through Bedrock's InvokeModel: the body of the Messages API, with the model and the stream said by the path, the
 * version and the betas by the body, and without what only Anthropic's own service knows.
 */

/** InvokeModel's name of the version of the Messages API; there is no other. */
const VERSION = 'bedrock-2023-05-31'

export type ClaudeModel = {
  readonly id: string
  /** Infinite where the id names no number, or no model at all. */
  readonly generation: number
  readonly traits: Traits
}

const claudeOf = (id: string): ClaudeModel => {
  // The oldest were named by version: claude-v2, claude-instant-v1.
  const named = id.replace(/claude-(?:instant-)?v(\d)/, 'claude-$1')
  const known = generationOf(named)
  // An ARN that hides its model is taken for one of the newest.
  return known === undefined
    ? { id, generation: Number.POSITIVE_INFINITY, traits: traitsOf('claude') }
    : { id, generation: known, traits: traitsOf(named) }
}

type Changes = { readonly edits: Edit[]; readonly warnings: Warning[] }

type Given = {
  readonly index: JsonIndex
  readonly ask: Ask
  readonly model: ClaudeModel
  readonly betas: readonly string[]
}

const foreign = (path: readonly string[]): Edit => ({ op: 'drop', path, why: 'foreign-key' })

const set = (key: string, value: Json): Edit => ({ op: 'set', path: [key], value, why: 'provider-rename' })

/** What belongs to Anthropic's service and changes no answer; each with the reason that is told. */
const LEFT: Readonly<Record<string, string>> = {
  ...ASIDE,
  cache_control: 'Bedrock takes cache marks on single blocks only',
  service_tier: 'Bedrock has tiers of its own',
}

/** Betas without which context_management is refused. */
const MANAGING = ['context-management-2025-06-27', 'compact-2026-01-12']

const saysNothing = (index: JsonIndex, key: string): boolean => {
  const value = valueAt(index, key)
  return value === null || value === 'auto' || (Array.isArray(value) && value.length === 0)
}

/** Throws Unsupported for what Bedrock cannot do, and an answer without it would be another one. */
const checkOwn = ({ index, ask }: Given): void => {
  for (const key of OWN)
    if (index.members.has(key) && !saysNothing(index, key) && !ask.allowedParams.includes(key))
      throw new Unsupported(`'${key}' is known to Anthropic only`, key)
}

const dropKeys = (given: Given, { edits, warnings }: Changes): void => {
  const { index, ask, betas } = given
  const managed = betas.some(beta => MANAGING.includes(beta))
  for (const key of [...Object.keys(LEFT), ...OWN]) {
    if (!index.members.has(key) || ask.allowedParams.includes(key)) continue
    if (key === 'context_management' && managed) continue
    edits.push(foreign([key]))
    const because = LEFT[key]
    if (because !== undefined && !saysNothing(index, key)) warnings.push({ lost: key, because })
  }
}

/** Tools that run at Anthropic; those that the client runs (bash, computer, text_editor, memory) Bedrock knows. */
const HOSTED = /^(?:web_search|web_fetch|code_execution|mcp_toolset|advisor)(?:_|$)/
const HOSTED_WORDS = ['"web_', '"code_execution', '"mcp_toolset', '"advisor_']

const checkTools = ({ index }: Given): void => {
  const tools = index.members.get('tools')
  if (tools === undefined) return
  const written = asBuffer(index.bytes).subarray(tools.start, tools.end)
  if (!HOSTED_WORDS.some(word => written.includes(word))) return
  const list = valueAt(index, 'tools')
  for (const [at, tool] of (Array.isArray(list) ? list : []).entries())
    if (isObject(tool) && HOSTED.test(spelled(tool.type)))
      throw new Unsupported(
        `the tool of type '${spelled(tool.type)}' is run by Anthropic ('tools[${at}].type')`,
        `tools[${at}].type`,
      )
}

/** Where a cache mark may stand. */
const MARKED: readonly (readonly string[])[] = [
  ['system', '*'],
  ['messages', '*', 'content', '*'],
  ['messages', '*', 'content', '*', 'content', '*'],
  ['tools', '*'],
]

const mentions = (index: JsonIndex, key: string, name: string): boolean => {
  const member = index.members.get(key)
  return member !== undefined && mayMention(index.bytes, member, name)
}

/** Bedrock knows no scope of a mark, and its hours only since Claude 4.5. */
const unmark = ({ index, model }: Given, { edits, warnings }: Changes): void => {
  const names = model.generation >= 4.5 ? ['scope'] : ['scope', 'ttl']
  for (const name of names)
    for (const place of MARKED) {
      const [key = ''] = place
      if (mentions(index, key, name)) edits.push(foreign([...place, 'cache_control', name]))
    }
  if (names.includes('ttl') && edits.some(({ path }) => path.at(-1) === 'ttl'))
    warnings.push({
      lost: 'cache_control.ttl',
      because: 'this model keeps what it has cached for five minutes',
    })
}

/** Members of tools that go with a beta: without it every tool is given from the start, and without examples. */
const TOOL_MEMBERS: readonly (readonly [name: string, beta: string])[] = [
  ['defer_loading', 'tool-search-tool-2025-10-19'],
  ['input_examples', 'tool-examples-2025-10-29'],
]

const trimTools = ({ index, betas }: Given, { edits, warnings }: Changes): void => {
  for (const [name, beta] of TOOL_MEMBERS) {
    if (betas.includes(beta) || !mentions(index, 'tools', name)) continue
    edits.push(foreign(['tools', '*', name]))
    warnings.push({ lost: `tools[].${name}`, because: `Bedrock takes it with the beta ${beta} only` })
  }
  // Some agents write these members a second time, inside an object of this name.
  if (mentions(index, 'tools', 'custom')) edits.push(foreign(['tools', '*', 'custom']))
}

/** An effort where the model has none is left out; a format by its older name gets the one that Bedrock knows. */
const output = ({ index, model }: Given, { edits, warnings }: Changes): void => {
  const written = valueAt(index, 'output_config')
  const { effort, ...config } = isObject(written) ? written : {}
  if (effort !== undefined && !model.traits.effort) {
    edits.push(foreign(Object.keys(config).length === 0 ? ['output_config'] : ['output_config', 'effort']))
    warnings.push({ lost: 'output_config.effort', because: 'this model has no effort to set' })
  }
  if (!index.members.has('output_format')) return
  const format = valueAt(index, 'output_format')
  const kept = effort === undefined || !model.traits.effort ? {} : { effort }
  if (isObject(format)) edits.push(set('output_config', { ...config, ...kept, format }))
  edits.push({ op: 'drop', path: ['output_format'], why: 'provider-rename' })
}

const listed = (header: string | undefined): readonly string[] =>
  (header ?? '')
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')

const betasIn = (headers: readonly HeaderPair[]): readonly string[] =>
  listed(headers.find(([name]) => name === 'anthropic-beta')?.[1])

/** Betas that the operator has written for this deployment, in its `extra_headers`. */
export const operatorBetas = ({ operatorHeaders = [] }: Ask): readonly string[] => betasIn(operatorHeaders)

const isOperators = ({ why, path }: Edit): boolean =>
  why === 'deployment-extra-body' && path[0] === 'anthropic_beta'

/** Betas of the header, and of a body that was written for Bedrock: the operator's as they are, the client's as they fit. */
const betasOf = (ask: Ask, index: JsonIndex, model: ClaudeModel): Betas => {
  const value = valueAt(index, 'anthropic_beta')
  const written = Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
  const own = operatorBetas(ask)
  const ownBody = ask.edits.some(isOperators) ? written : []
  // The operator's header has taken the place of the client's.
  const asked = [...(own.length === 0 ? betasIn(ask.headers) : []), ...(ownBody.length === 0 ? written : [])]
  const { taken, left } = betasFor(asked, model, ask.allowedParams)
  return { taken: [...new Set([...own, ...ownBody, ...taken])], left }
}

/** What the path says, and the version. */
const ALWAYS: readonly Edit[] = [
  { op: 'drop', path: ['model'], why: 'model' },
  { op: 'drop', path: ['stream'], why: 'provider-rename' },
  set('anthropic_version', VERSION),
]

const changesFor = (index: JsonIndex, ask: Ask, model: ClaudeModel): Changes => {
  const { taken, left } = betasOf(ask, index, model)
  const given: Given = { index, ask, model, betas: taken }
  checkOwn(given)
  checkTools(given)
  const changes: Changes = {
    edits: [
      ...ALWAYS,
      taken.length > 0
        ? set('anthropic_beta', taken)
        : { op: 'drop', path: ['anthropic_beta'], why: 'provider-rename' },
    ],
    warnings: left.map(beta => ({
      lost: `anthropic-beta: ${beta}`,
      because: 'Bedrock does not take it for this model',
    })),
  }
  dropKeys(given, changes)
  unmark(given, changes)
  trimTools(given, changes)
  output(given, changes)
  return changes
}

/** Tokens of an answer that nobody will give: a call that is counted has to be a whole one. */
const someTokens = (index: JsonIndex): Edit => {
  const thinking = valueAt(index, 'thinking')
  const budget = isObject(thinking) && typeof thinking.budget_tokens === 'number' ? thinking.budget_tokens : 0
  return set('max_tokens', budget + 1)
}

const isCount = ({ route }: Ask): boolean => route.shape === 'message_tokens'

const namesModel = ({ op, path }: Edit): boolean => op === 'set' && path.length === 1 && path[0] === 'model'

export type Invocation = MessagesBody & {
  /** The last piece of the path, behind the model's. */
  readonly verb: 'invoke' | 'invoke-with-response-stream' | 'count-tokens'
}

const verbOf = (ask: Ask): Invocation['verb'] => {
  if (isCount(ask)) return 'count-tokens'
  return ask.stream ? 'invoke-with-response-stream' : 'invoke'
}

/** CountTokens takes the body of an InvokeModel as base64. */
const wrapped = (body: readonly Uint8Array[]): Uint8Array =>
  bytesOf({ input: { invokeModel: { body: asBuffer(joinSegments(body)).toString('base64') } } })

/** The request, whatever the client speaks. Throws Unsupported for what cannot be carried. */
export const invocation = (ask: Ask, id: string): Invocation => {
  const messages = messagesBody(ask, id, 'bedrock')
  const index = indexObject(joinSegments(messages.body))
  const { edits: more, warnings } = changesFor(index, ask, claudeOf(id))
  if (isCount(ask) && kindOf(index, 'max_tokens') === undefined) more.push(someTokens(index))
  const idle: Edit[] = []
  const body = applyEdits(index, more, idle)
  return {
    verb: verbOf(ask),
    body: isCount(ask) ? [wrapped(body)] : body,
    edits: [
      ...messages.edits.filter(edit => !namesModel(edit)),
      ...more.filter(edit => !idle.includes(edit)),
    ],
    warnings: [...messages.warnings, ...warnings],
  }
}

/** Bytes that tell no count stay what they are: nobody takes them for one. */
const countedAnswer = (bytes: Uint8Array): Uint8Array => {
  const tokens = objectOf(parseJson(asBuffer(bytes).toString()))?.inputTokens
  return typeof tokens === 'number' ? bytesOf({ input_tokens: tokens }) : bytes
}

export const invocationReading = (ask: Ask, stamp: Stamp): Reading => {
  if (isCount(ask)) return { translate: countedAnswer, errorOf: converseErrorOf }
  if (!speaksMessages(ask)) return bridgedReading(ask, invokeUpstream, 'bedrock', stamp)
  return { decoder: invokeDecoder, streamType: INVOKE_STREAM, errorOf: converseErrorOf }
}

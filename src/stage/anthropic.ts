import { BETA_PARAMETERS, MESSAGES_PARAMETERS } from '../dialects/anthropic-parameters.ts'
import type { RouteParameters } from '../dialects/openai-parameters.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, type Event, json, namedEvent, stream } from './answer.ts'
import { checkMessages, type ModelRules } from './anthropic-rules.ts'
import { refused } from './anthropic-shape.ts'
import { type Cue, dueCall, newestWish } from './calls.ts'
import { checkJson, readJson } from './check-body.ts'
import type { Inspected } from './inspect.ts'
import { countTokens, type Direction, directionOf, sample, textOf, tokensOf } from './lines.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Ask, Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'
import { checkToken, messagesOf, vertexClaudeIn } from './vertex-claude.ts'

/** A strict simulated Anthropic: its heads, its rules, its answers and its streams. */

const VERSIONS = ['2023-06-01', '2026-10-21']

/** What belongs to a gateway, to another provider, or to the caller alone. */
const FOREIGN =
  /^(?:x-litellm-.*|litellm-.*|x-understudy.*|api-key|cookie|proxy-authorization|x-goog-.*|x-amz-.*|openai-.*)$/

const checkNames = (head: Head): void => {
  const seen = new Set<string>()
  for (const [spelled] of head.headers) {
    const name = spelled.toLowerCase()
    if (seen.has(name)) throw refused(`Header '${name}' was sent twice.`)
    if (FOREIGN.test(name)) throw refused(`Unexpected header: '${name}'.`)
    seen.add(name)
  }
}

/** The head as the API demands it. Throws StageRefusal. */
const checkHead = (head: Head, scene: Scene): void => {
  const key = headerOf(head, 'x-api-key')
  const bearer = /^Bearer (.+)$/.exec(headerOf(head, 'authorization') ?? '')?.[1]
  if (key === undefined && bearer === undefined)
    throw refused('x-api-key header is required', 401, 'authentication_error')
  for (const given of [key, bearer])
    if (given !== undefined && given !== scene.key)
      throw refused('invalid x-api-key', 401, 'authentication_error')
  const version = headerOf(head, 'anthropic-version')
  if (version === undefined) throw refused('anthropic-version: header is required')
  if (!VERSIONS.includes(version)) throw refused(`anthropic-version: '${version}' is not a valid version`)
}

const COMPACTION_BETA = 'compact-2026-09-04'

/** Its own compaction is a beta of its own, and takes `summarize` only. */
const checkCompaction = (body: JsonObject, head: Head): void => {
  const { compaction } = body
  if (compaction === undefined || compaction === null) return
  const betas = (headerOf(head, 'anthropic-beta') ?? '').split(',').map(one => one.trim())
  if (!betas.includes(COMPACTION_BETA)) throw refused('compaction: Extra inputs are not permitted')
  if (!isObject(compaction) || compaction.type !== 'summarize')
    throw refused("compaction.type: Input should be 'summarize'")
  if (body.context_management !== undefined && body.context_management !== null)
    throw refused('compaction: cannot be used together with context_management')
}

const rulesFor = (head: Head, route: RouteParameters): RouteParameters =>
  headerOf(head, 'anthropic-beta') === undefined
    ? route
    : { ...route, parameters: { ...route.parameters, ...BETA_PARAMETERS } }

/** Claude 4.6 and later think adaptively; later than that they take neither a budget nor sampling nor a prefill. */
const modelRules = (model: string, scene: Scene): ModelRules => {
  const newest = /claude-(?:[a-z]+-(?:4-[7-9]|[5-9])|[a-z]+-preview)/.test(model)
  return {
    budgets: !newest,
    adaptive: newest || /claude-[a-z]+-4-6/.test(model),
    sampling: !newest,
    prefill: scene.prefill === 'reject' ? false : !newest,
    reads: signature => scene.vault.open(signature) !== undefined,
  }
}

/** The other routes' complaints, in this API's words. */
const inOwnWords = (error: unknown): unknown => {
  if (!(error instanceof StageRefusal) || error.error.code === null) return error
  const param = typeof error.error.param === 'string' ? error.error.param : 'body'
  const said: Readonly<Record<string, string>> = {
    unknown_parameter: `${param}: Extra inputs are not permitted`,
    missing_required_parameter: `${param}: Field required`,
  }
  return refused(said[String(error.error.code)] ?? `${param}: ${error.message}`, error.status)
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  'POST /messages': ask => answerMessages(ask),
  'POST /messages/count_tokens': ({ body }) => json({ input_tokens: promptTokens(body) }),
}

type Place = { readonly scene: Scene; readonly head: Head; readonly hit: Hit }

/** `vertex`: the model of a Vertex AI path. */
const bodyOf = (
  { scene, head, hit }: Place,
  rules: RouteParameters,
  vertex: string | undefined,
): JsonObject => {
  if (!/^application\/json\b/.test(hit.header('content-type') ?? ''))
    throw refused('content-type: application/json is required')
  try {
    const read = readJson(hit.body)
    const body = vertex === undefined ? read : messagesOf(read, vertex)
    // Labels of other dialects are checked there; this one has its own rule for metadata.
    const { metadata: _, ...rest } = body
    checkJson(rest, rulesFor(head, rules), scene.accepts)
    return body
  } catch (error) {
    throw inOwnWords(error)
  }
}

/** Every check the API makes before it does anything. Throws StageRefusal. */
export const inspectMessages = (scene: Scene, head: Head, hit: Hit): Inspected => {
  checkNames(head)
  const vertex = vertexClaudeIn(hit.path)
  if (vertex === undefined) checkHead(head, scene)
  else checkToken(head, scene)
  const path = vertex === undefined ? hit.path : '/v1/messages'
  const key = `${hit.method} ${path.replace(/^\/v1(?=\/)/, '')}`
  const rules = path.startsWith('/v1/') ? MESSAGES_PARAMETERS[key] : undefined
  const handler = HANDLERS[key]
  if (rules === undefined || handler === undefined) throw refused('Not Found', 404, 'not_found_error')
  for (const name of hit.query.keys())
    if (name !== 'beta') throw refused(`${name}: Extra inputs are not permitted`)
  const body = bodyOf({ scene, head, hit }, rules, vertex)
  const model = String(body.model)
  if (!scene.models.includes('*') && !scene.models.includes(model))
    throw refused(`model: ${model}`, 404, 'not_found_error')
  checkCompaction(body, head)
  checkMessages(body, modelRules(model, scene))
  return { ask: { scene, params: {}, query: hit.query, body, fields: [], model }, handler }
}

const promptTokens = (body: JsonObject): number =>
  countTokens(
    [
      textOf(body.system),
      textOf(body.messages),
      body.tools === undefined ? '' : JSON.stringify(body.tools),
    ].join('\n'),
  ) + 8

type Play = {
  readonly id: string
  readonly model: string
  readonly blocks: readonly JsonObject[]
  readonly stop: JsonObject
  readonly usage: JsonObject
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])

/** Results come before the texts, and each text by itself: turns of other dialects are one message here. */
const cuesOf = ({ content }: JsonObject): readonly Cue[] => {
  if (typeof content === 'string') return [{ said: content }]
  const blocks = listOf(content).filter(isObject)
  const results = blocks.filter(({ type }) => type === 'tool_result').map((): Cue => 'result')
  return [
    ...results,
    ...blocks.flatMap(({ type, text }) => (type === 'text' ? [{ said: textOf(text) }] : [])),
  ]
}

const callBlock = ({ scene }: Ask, name: string, input: JsonObject): JsonObject => ({
  type: 'tool_use',
  id: scene.id('toolu_'),
  name,
  input,
})

const directedCall = (ask: Ask, cues: readonly Cue[]): JsonObject | undefined => {
  const { tools, tool_choice: choice } = ask.body
  if (isObject(choice) && choice.type === 'none') return undefined
  const names = listOf(tools).map(tool => (isObject(tool) ? (tool.name ?? null) : null))
  const due = dueCall(cues, names)
  return due === undefined ? undefined : callBlock(ask, due.name, due.args)
}

/** The tool that the request forces, or that the prompt's stage direction asks for. */
const toolCall = (ask: Ask, direction: Direction): JsonObject | undefined => {
  const { body } = ask
  const choice = isObject(body.tool_choice) ? body.tool_choice : {}
  const tools = listOf(body.tools).filter(isObject)
  const forced = choice.type === 'any' || choice.type === 'tool'
  if (!(forced || direction.callTool) || choice.type === 'none') return undefined
  const tool = choice.type === 'tool' ? tools.find(one => one.name === choice.name) : tools[0]
  if (tool === undefined) return undefined
  const input = sample(tool.input_schema, direction.text)
  return callBlock(ask, String(tool.name), isObject(input) ? input : {})
}

/** What a conversation begins for the model is not said again. */
const continued = (body: JsonObject, text: string): string => {
  const last = listOf(body.messages).at(-1)
  const begun = isObject(last) && last.role === 'assistant' ? textOf(last.content) : ''
  return text.startsWith(begun) ? text.slice(begun.length) : text
}

const thinkingBlock = ({ body, scene }: Ask, direction: Direction): JsonObject[] => {
  const wanted = isObject(body.thinking) && body.thinking.type !== 'disabled'
  if (!wanted && !direction.reason) return []
  const thinking = 'The lead has forgotten it.'
  return [{ type: 'thinking', thinking, signature: scene.vault.seal(thinking) }]
}

const formatted = ({ body }: Ask, text: string): string => {
  const format = isObject(body.output_config) ? body.output_config.format : undefined
  return isObject(format) ? JSON.stringify(sample(format.schema, text)) : text
}

const playOf = (ask: Ask): Play => {
  const { body, scene, model } = ask
  const spoken = listOf(body.messages).filter(isObject)
  const cues = spoken.filter(({ role }) => role === 'user').flatMap(cuesOf)
  const direction = directionOf(newestWish(cues).prompt, scene.says)
  const results = listOf(spoken.at(-1)?.content).some(
    block => isObject(block) && block.type === 'tool_result',
  )
  const call = direction.refuse
    ? undefined
    : (directedCall(ask, cues) ?? (results ? undefined : toolCall(ask, direction)))
  const tokens = tokensOf(continued(body, formatted(ask, direction.text)))
  const limit = Number(body.max_tokens)
  const short = limit < tokens.length
  const text = (short ? tokens.slice(0, limit) : tokens).join('')
  const thinking = thinkingBlock(ask, direction)
  const said: readonly JsonObject[] = call === undefined ? [{ type: 'text', text, citations: null }] : [call]
  const reason =
    call !== undefined ? 'tool_use' : direction.refuse ? 'refusal' : short ? 'max_tokens' : 'end_turn'
  const output = countTokens(JSON.stringify(said)) + (thinking.length > 0 ? 6 : 0)
  return {
    id: scene.id('msg_'),
    model,
    blocks: [...thinking, ...said],
    stop: { stop_reason: reason, stop_sequence: null },
    usage: {
      input_tokens: promptTokens(body),
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: output,
      service_tier: 'standard',
    },
  }
}

/** One block that stands for the conversation, and nothing else. */
const compactionPlay = (ask: Ask): Play => {
  const play = playOf(ask)
  const block = {
    type: 'compaction',
    content: ask.scene.says,
    encrypted_content: ask.scene.vault.seal('compaction'),
  }
  return { ...play, blocks: [block], stop: { stop_reason: 'compaction', stop_sequence: null } }
}

const messageOf = ({ id, model, stop, usage }: Play, content: readonly JsonObject[]): JsonObject => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  content,
  ...stop,
  usage,
})

const answerMessages = (ask: Ask): Answer => {
  const play = isObject(ask.body.compaction) ? compactionPlay(ask) : playOf(ask)
  return ask.body.stream === true ? stream(eventsOf(play)) : json(messageOf(play, play.blocks))
}

const halves = (text: string): readonly string[] => {
  const middle = Math.ceil(text.length / 2)
  return ['', text.slice(0, middle), text.slice(middle)]
}

const deltasOf = (block: JsonObject): readonly JsonObject[] => {
  switch (block.type) {
    case 'tool_use':
      return halves(JSON.stringify(block.input)).map(part => ({
        type: 'input_json_delta',
        partial_json: part,
      }))
    case 'thinking':
      return [
        ...tokensOf(String(block.thinking)).map(thinking => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block.signature ?? '' },
      ]
    default:
      return tokensOf(String(block.text)).map(text => ({ type: 'text_delta', text }))
  }
}

const quiet = (block: JsonObject): JsonObject => {
  if (block.type === 'tool_use') return { ...block, input: {} }
  return block.type === 'thinking' ? { ...block, thinking: '', signature: '' } : { ...block, text: '' }
}

const blockEvents = (block: JsonObject, index: number): readonly Event[] => [
  namedEvent(
    { type: 'content_block_start', index, content_block: quiet(block) },
    block.type === 'tool_use' ? 'content' : 'lifecycle',
  ),
  ...(index === 0 ? [namedEvent({ type: 'ping' }, 'lifecycle')] : []),
  ...deltasOf(block).map(delta => namedEvent({ type: 'content_block_delta', index, delta }, 'content')),
  namedEvent({ type: 'content_block_stop', index }, 'lifecycle'),
]

/** The input is counted at the start, the output at the end. */
const eventsOf = (play: Play): readonly Event[] => {
  const begun = { stop_reason: null, stop_sequence: null }
  const first = messageOf({ ...play, stop: begun, usage: { ...play.usage, output_tokens: 1 } }, [])
  return [
    namedEvent({ type: 'message_start', message: first }, 'lifecycle'),
    ...play.blocks.flatMap(blockEvents),
    namedEvent(
      { type: 'message_delta', delta: play.stop, usage: { output_tokens: play.usage.output_tokens ?? 0 } },
      'final',
    ),
    namedEvent({ type: 'message_stop' }, 'terminal'),
  ]
}

const ERRORS: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ['invalid_request_error', 'The request is invalid.'],
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'Your payment method failed.'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'model: claude-0'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: [
    'rate_limit_error',
    'This request would exceed your organization’s rate limit of 40,000 input tokens per minute.',
  ],
  500: ['api_error', 'Internal server error'],
  503: ['overloaded_error', 'Overloaded'],
  504: ['timeout_error', 'Request timed out'],
  529: ['overloaded_error', 'Overloaded'],
}

/** An error as this API writes errors. */
export const messagesErrorBody = (error: JsonObject): JsonObject => ({
  type: 'error',
  error: { type: error.type ?? 'api_error', message: error.message ?? '' },
  request_id: 'req_stage',
})

/** What it writes for a status when a script names no body. */
export const messagesErrorFor = (status: number): JsonObject => {
  const [type, message] = ERRORS[status] ?? [
    status >= 500 ? 'api_error' : 'invalid_request_error',
    `Status ${status}.`,
  ]
  return messagesErrorBody({ type, message })
}

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, type Event, json, namedEvent, stream } from './answer.ts'
import { keepThread } from './anthropic-threads.ts'
import { type Cue, dueCall, newestWish } from './calls.ts'
import { countTokens, type Direction, directionOf, sample, textOf, tokensOf } from './lines.ts'
import type { Ask } from './scene.ts'

/** What Claude says in the Messages dialect, whoever hosts it. */

export const promptTokens = (body: JsonObject): number =>
  countTokens(
    [
      textOf(body.system),
      textOf(body.messages),
      body.tools === undefined ? '' : JSON.stringify(body.tools),
    ].join('\n'),
  ) + 8

/** One answer before it is written whole or as events. */
export type Play = {
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

export const playOf = (ask: Ask): Play => {
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
  const said: readonly JsonObject[] = call === undefined ? [{ type: 'text', text }] : [call]
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

/** The whole answer, with these blocks. */
export const messageOf = ({ id, model, stop, usage }: Play, content: readonly JsonObject[]): JsonObject => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  content,
  ...stop,
  usage,
})

export const answerMessages = (ask: Ask): Answer => {
  const play = isObject(ask.body.compaction) ? compactionPlay(ask) : playOf(ask)
  keepThread(ask.body, play, ask.scene)
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
export const eventsOf = (play: Play): readonly Event[] => {
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

import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, type Event, json, namedEvent, stream } from './answer.ts'
import { type Cue, dueCall, newestWish } from './calls.ts'
import { countTokens, type Direction, directionOf, sample, textOf, tokensOf } from './lines.ts'
import type { Ask, Handler } from './scene.ts'

/** What the simulated Cohere says in a chat, and how. */

type Call = { readonly id: string; readonly name: string; readonly args: string }

type Play = {
  readonly id: string
  readonly thought: string
  readonly plan: string
  readonly text: string
  readonly citations: readonly JsonObject[]
  readonly calls: readonly Call[]
  readonly finish: string
  readonly usage: JsonObject
}

const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

const cueOf = (message: JsonObject): readonly Cue[] => {
  if (message.role === 'tool') return ['result']
  return message.role === 'user' ? [{ said: textOf(message.content) }] : []
}

const functionsOf = ({ body }: Ask): readonly JsonObject[] =>
  objectsIn(body.tools).flatMap(tool => (isObject(tool.function) ? [tool.function] : []))

const callsFor = (ask: Ask, direction: Direction, cues: readonly Cue[]): readonly Call[] => {
  const { scene, body } = ask
  const declared = functionsOf(ask)
  if (direction.refuse || body.tool_choice === 'NONE') return []
  const made = (name: string, args: Json): Call => ({
    id: `${name}_${scene.id('')}`,
    name,
    args: JSON.stringify(args),
  })
  const due = dueCall(
    cues,
    declared.map(({ name }) => name ?? null),
  )
  if (due !== undefined) return [made(due.name, due.args)]
  const answered = cues.at(-1) === 'result'
  const [first] = declared
  const wanted = body.tool_choice === 'REQUIRED' || (direction.callTool && !answered)
  if (first === undefined || !wanted) return []
  return [made(String(first.name), sample(first.parameters, direction.text))]
}

const formatted = ({ body }: Ask, text: string): string => {
  const format = body.response_format
  if (!isObject(format) || format.type !== 'json_object') return text
  return JSON.stringify(isObject(format.json_schema) ? sample(format.json_schema, text) : { answer: text })
}

/** The first word of an answer is taken from the first document. */
const citationsOf = ({ body }: Ask, text: string): readonly JsonObject[] => {
  const [document]: readonly Json[] = Array.isArray(body.documents) ? body.documents : []
  const word = /^\S+/.exec(text)?.[0]
  if (document === undefined || word === undefined) return []
  const id = isObject(document) && typeof document.id === 'string' ? document.id : 'doc:0'
  const data = isObject(document) && isObject(document.data) ? document.data : { text: textOf(document) }
  const source = { type: 'document', id, document: { id, ...data } }
  return [{ start: 0, end: word.length, text: word, sources: [source], type: 'TEXT_CONTENT' }]
}

const thinks = ({ body }: Ask, direction: Direction): boolean =>
  direction.reason && !(isObject(body.thinking) && body.thinking.type === 'disabled')

const playOf = (ask: Ask): Play => {
  const { body, scene } = ask
  const messages = objectsIn(body.messages)
  const cues = messages.flatMap(cueOf)
  const direction = directionOf(newestWish(cues).prompt, scene.says)
  const calls = callsFor(ask, direction, cues)
  const tokens = calls.length > 0 ? [] : tokensOf(formatted(ask, direction.text))
  const limit = typeof body.max_tokens === 'number' ? body.max_tokens : tokens.length
  const text = tokens.slice(0, limit).join('')
  const thought = thinks(ask, direction) ? 'The lead has forgotten it.' : ''
  const input = countTokens(messages.map(message => textOf(message.content)).join('\n')) + 8
  const output = Math.min(limit, tokens.length) + (calls.length > 0 ? 8 : 0) + (thought === '' ? 0 : 6)
  return {
    id: scene.id(''),
    thought,
    plan: calls.length > 0 ? 'I will look it up.' : '',
    text,
    citations: citationsOf(ask, text),
    calls,
    finish: calls.length > 0 ? 'TOOL_CALL' : limit < tokens.length ? 'MAX_TOKENS' : 'COMPLETE',
    usage: {
      billed_units: { input_tokens: Math.ceil(input / 2), output_tokens: output },
      tokens: { input_tokens: input, output_tokens: output },
      cached_tokens: 0,
    },
  }
}

const writtenCall = ({ id, name, args }: Call): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})

const messageOf = ({ thought, plan, text, calls, citations }: Play): JsonObject => ({
  role: 'assistant',
  ...(calls.length === 0 ? {} : { tool_plan: plan, tool_calls: calls.map(writtenCall) }),
  ...(thought === '' && text === ''
    ? {}
    : {
        content: [
          ...(thought === '' ? [] : [{ type: 'thinking', thinking: thought }]),
          ...(text === '' ? [] : [{ type: 'text', text }]),
        ],
      }),
  ...(citations.length === 0 ? {} : { citations }),
})

const delta = (message: JsonObject): JsonObject => ({ delta: { message } })

type Block = { readonly type: 'text' | 'thinking'; readonly text: string }

const blockEvents = (
  { type, text }: Block,
  index: number,
  citations: readonly JsonObject[],
): readonly Event[] => {
  const [first, ...others] = tokensOf(text).map(token =>
    namedEvent({ type: 'content-delta', index, ...delta({ content: { [type]: token } }) }, 'content'),
  )
  return [
    namedEvent({ type: 'content-start', index, ...delta({ content: { type, [type]: '' } }) }, 'lifecycle'),
    ...(first === undefined ? [] : [first]),
    ...citations.flatMap(citation => [
      namedEvent({ type: 'citation-start', index, ...delta({ citations: citation }) }, 'lifecycle'),
      namedEvent({ type: 'citation-end', index }, 'lifecycle'),
    ]),
    ...others,
    namedEvent({ type: 'content-end', index }, 'lifecycle'),
  ]
}

const callEvents = (call: Call, index: number): readonly Event[] => {
  const middle = Math.ceil(call.args.length / 2)
  return [
    namedEvent(
      { type: 'tool-call-start', index, ...delta({ tool_calls: writtenCall({ ...call, args: '' }) }) },
      'content',
    ),
    ...[call.args.slice(0, middle), call.args.slice(middle)].map(piece =>
      namedEvent(
        { type: 'tool-call-delta', index, ...delta({ tool_calls: { function: { arguments: piece } } }) },
        'content',
      ),
    ),
    namedEvent({ type: 'tool-call-end', index }, 'lifecycle'),
  ]
}

const eventsOf = (play: Play): readonly Event[] => {
  const empty = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }
  const blocks: readonly Block[] = [
    ...(play.thought === '' ? [] : [{ type: 'thinking', text: play.thought } as const]),
    ...(play.text === '' ? [] : [{ type: 'text', text: play.text } as const]),
  ]
  return [
    namedEvent({ type: 'message-start', id: play.id, ...delta(empty) }, 'lifecycle'),
    ...blocks.flatMap((block, index) =>
      blockEvents(block, index, block.type === 'text' ? play.citations : []),
    ),
    ...tokensOf(play.plan).map(token =>
      namedEvent({ type: 'tool-plan-delta', ...delta({ tool_plan: token }) }, 'content'),
    ),
    ...play.calls.flatMap(callEvents),
    namedEvent({ type: 'message-end', delta: { finish_reason: play.finish, usage: play.usage } }, 'terminal'),
  ]
}

export const chat: Handler = (ask): Answer => {
  const play = playOf(ask)
  if (ask.body.stream === true) return stream(eventsOf(play))
  return json({ id: play.id, finish_reason: play.finish, message: messageOf(play), usage: play.usage })
}

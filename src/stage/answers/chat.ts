import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { type Answer, DONE, dataEvent, type Event, json, stream } from '../answer.ts'
import { type Cue, dueCall, newestWish } from '../calls.ts'
import { checkChat } from '../chat-rules.ts'
import { countTokens, type Direction, directionOf, sample, textOf, tokensOf } from '../lines.ts'
import { refuse } from '../refusal.ts'
import { type Ask, type Handler, snapshot } from '../scene.ts'
import { type Counts, THOUGHT, type Voice } from '../voice.ts'

type ToolCall = { readonly id: string; readonly name: string; readonly args: string }

type Play = {
  readonly id: string
  readonly created: number
  readonly text: string
  /** '' where nothing was thought, or nothing of it is shown. */
  readonly thought: string
  readonly direction: Direction
  readonly calls: readonly ToolCall[]
  readonly finish: 'stop' | 'length' | 'tool_calls'
  readonly usage: JsonObject
}

export const chat: Handler = ask => {
  const messages = checkChat(ask.body)
  if (ask.body.stream_options !== undefined && ask.body.stream_options !== null && ask.body.stream !== true) {
    throw refuse(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
      param: 'stream_options',
    })
  }
  if (isGiven(ask.body.max_tokens) && isGiven(ask.body.max_completion_tokens)) {
    throw refuse(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", {
      param: 'max_tokens',
      code: 'invalid_parameter_combination',
    })
  }
  return perform(ask, messages)
}

const isGiven = (value: Json | undefined): boolean => value !== undefined && value !== null

/** The answer to a conversation that somebody has found right. */
export const perform = (ask: Ask, messages: readonly JsonObject[]): Answer => {
  const play = playOf(ask, messages)
  if (ask.body.stream !== true) return json(completionOf(ask, play))
  const { failed } = ask.scene.voice ?? {}
  const flow = stream(eventsOf(ask, play))
  if (failed === undefined || flow.kind !== 'stream') return flow
  const error = (said: JsonObject): Event => dataEvent(failed(chunkOf(ask, play, []), said), 'terminal')
  return { ...flow, error }
}

const playOf = (ask: Ask, messages: readonly JsonObject[]): Play => {
  const cues = messages.flatMap(cueOf)
  const direction = directionOf(newestWish(cues).prompt, ask.scene.says)
  const calls = direction.refuse ? [] : toolCalls(ask, direction, cues)
  const whole = continued(ask, messages, structured(ask.body.response_format, direction.text))
  const limit = ask.body.max_completion_tokens ?? ask.body.max_tokens
  const tokens = tokensOf(whole)
  const short = typeof limit === 'number' && limit < tokens.length
  const text = calls.length > 0 ? '' : short ? tokens.slice(0, limit).join('') : whole
  const prompt = messages.reduce((sum, message) => sum + countTokens(textOf(message.content)) + 4, 0)
  const thought = ask.scene.voice !== undefined && direction.reason ? THOUGHT : ''
  const output = calls.reduce((sum, call) => sum + countTokens(call.args) + 4, tokensOf(text).length)
  return {
    id: ask.scene.id(ask.scene.voice?.idPrefix ?? 'chatcmpl-'),
    created: ask.scene.now(),
    text,
    thought,
    direction,
    calls,
    finish: calls.length > 0 ? 'tool_calls' : short ? 'length' : 'stop',
    usage: (ask.scene.voice?.usage ?? usageOf)({
      prompt,
      answer: output * choiceCount(ask),
      thought: tokensOf(thought).length * choiceCount(ask),
    }),
  }
}

const cueOf = (message: JsonObject): readonly Cue[] => {
  if (message.role === 'tool') return ['result']
  return message.role === 'user' ? [{ said: textOf(message.content) }] : []
}

const choiceCount = (ask: Ask): number =>
  typeof ask.body.n === 'number' ? Math.min(Math.max(ask.body.n, 1), 128) : 1

const usageOf = ({ prompt, answer }: Counts): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: answer,
  total_tokens: prompt + answer,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
})

/** An assistant message at the end is a beginning to go on from, an error, or (as at OpenAI) one more message. */
const continued = (ask: Ask, messages: readonly JsonObject[], text: string): string => {
  const last = messages.at(-1)
  if (last?.role !== 'assistant' || ask.scene.prefill === 'ignore') return text
  if (ask.scene.prefill === 'reject') {
    throw refuse(
      400,
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  }
  const begun = textOf(last.content)
  return text.startsWith(begun) ? text.slice(begun.length) : text
}

/** JSON mode and structured output: the same line inside an object the schema accepts. */
const structured = (format: Json | undefined, text: string): string => {
  if (!isObject(format)) return text
  if (format.type === 'json_object') return JSON.stringify({ answer: text })
  if (format.type !== 'json_schema' || !isObject(format.json_schema)) return text
  return JSON.stringify(sample(format.json_schema.schema, text))
}

const toolCalls = (ask: Ask, direction: Direction, cues: readonly Cue[]): readonly ToolCall[] => {
  const tools = (Array.isArray(ask.body.tools) ? ask.body.tools : []).filter(isObject)
  const choice = ask.body.tool_choice
  const functions = tools.map(tool => tool.function).filter(isObject)
  const wantedName = isObject(choice) && isObject(choice.function) ? choice.function.name : undefined
  const due =
    choice === 'none'
      ? undefined
      : dueCall(
          cues,
          functions.map(({ name = null }) => name),
        )
  if (due !== undefined)
    return [{ id: ask.scene.id('call_'), name: due.name, args: JSON.stringify(due.args) }]
  const directed = direction.callTool && cues.at(-1) !== 'result'
  const wanted = wantedName !== undefined || choice === 'required' || directed
  if (!wanted || tools.length === 0 || choice === 'none') return []
  const chosen = wantedName === undefined ? functions[0] : functions.find(tool => tool.name === wantedName)
  if (chosen === undefined || typeof chosen.name !== 'string') {
    throw refuse(400, "Invalid value for 'tool_choice': the named tool is not in 'tools'.", {
      param: 'tool_choice',
    })
  }
  const args = sample(chosen.parameters, direction.text)
  return [{ id: ask.scene.id('call_'), name: chosen.name, args: JSON.stringify(isObject(args) ? args : {}) }]
}

const thoughtOf = ({ thoughts, details }: Voice, thought: string): JsonObject => ({
  [thoughts]: thought,
  ...details?.(thought),
})

/** OpenAI has a member for refusals; others refuse in words. */
const messageOf = ({ scene }: Ask, play: Play): JsonObject => {
  const tool_calls = play.calls.map(callOf)
  const calls = tool_calls.length > 0 ? { tool_calls } : {}
  const said = tool_calls.length > 0 ? null : play.text
  if (scene.voice !== undefined)
    return {
      role: 'assistant',
      content: said,
      ...(play.thought === '' ? {} : thoughtOf(scene.voice, play.thought)),
      ...calls,
    }
  const { refuse: refuses } = play.direction
  const refusal = refuses ? play.text : null
  return { role: 'assistant', content: refuses ? null : said, refusal, annotations: [], ...calls }
}

/** What stands beside the choices. */
const besideOf = ({ scene }: Ask, { id }: Play): JsonObject => {
  if (scene.voice !== undefined) return scene.voice.beside(id)
  const tier = scene.flavour === 'azure' ? {} : { service_tier: 'default' }
  return { ...tier, system_fingerprint: 'fp_stage' }
}

/** OpenAI answers with a dated name, others with the one that was asked for. */
const modelOf = ({ scene, model }: Ask): string => (scene.voice === undefined ? snapshot(model) : model)

const completionOf = (ask: Ask, play: Play): JsonObject => ({
  id: play.id,
  object: 'chat.completion',
  created: play.created,
  model: modelOf(ask),
  choices: Array.from({ length: choiceCount(ask) }, (_, index) => ({
    index,
    message: messageOf(ask, play),
    logprobs: null,
    finish_reason: play.finish,
    ...(ask.scene.flavour === 'azure' ? { content_filter_results: SAFE } : {}),
  })),
  usage: play.usage,
  ...(ask.scene.flavour === 'azure'
    ? { prompt_filter_results: [{ prompt_index: 0, content_filter_results: SAFE }] }
    : {}),
  ...besideOf(ask, play),
})

const callOf = (call: ToolCall): JsonObject => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: call.args },
})

const passed = { filtered: false, severity: 'safe' }
/** What Azure adds to every choice. */
const SAFE: JsonObject = { hate: passed, self_harm: passed, sexual: passed, violence: passed }

const wantsUsage = ({ body, scene }: Ask): boolean =>
  scene.voice?.alwaysUsage === true ||
  (isObject(body.stream_options) && body.stream_options.include_usage === true)

const chunkOf = (ask: Ask, play: Play, choices: readonly Json[], more: JsonObject = {}): JsonObject => ({
  id: play.id,
  object: 'chat.completion.chunk',
  created: play.created,
  model: modelOf(ask),
  ...besideOf(ask, play),
  choices,
  ...(wantsUsage(ask) ? { usage: null } : {}),
  ...more,
})

const eventsOf = (ask: Ask, play: Play): readonly Event[] => {
  const { voice } = ask.scene
  const chunk = (choices: readonly Json[], more: JsonObject = {}): JsonObject =>
    chunkOf(ask, play, choices, more)
  const events: Event[] = []
  if (ask.scene.flavour === 'azure') {
    // Azure opens with a chunk that has no choices: a reader that takes choices[0] blindly breaks here.
    const filter = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: SAFE }] }
    events.push(dataEvent(chunk([], { id: '', created: 0, model: '', ...filter }), 'lifecycle'))
  }
  const counts = Array.from({ length: choiceCount(ask) }, (_, index) => index)
  const delta = (index: number, value: JsonObject, finish: string | null = null): JsonObject =>
    chunk([{ index, delta: value, logprobs: null, finish_reason: finish }])
  for (const index of counts) {
    const refusal = voice === undefined ? { refusal: null } : {}
    const first = { role: 'assistant', content: play.calls.length > 0 ? null : '', ...refusal }
    const comment = index === 0 && voice?.comment !== undefined ? { comment: voice.comment } : {}
    events.push({ ...dataEvent(delta(index, first), 'lifecycle'), ...comment })
    for (const value of deltasOf(ask, play)) events.push(dataEvent(delta(index, value), 'content'))
    const last = voice?.last?.(play.id, play.usage) ?? {}
    events.push(dataEvent({ ...delta(index, {}, play.finish), ...last }, 'final'))
  }
  if (wantsUsage(ask)) events.push(dataEvent(chunk([], { usage: play.usage }), 'final'))
  return [...events, DONE]
}

const deltasOf = ({ scene: { voice } }: Ask, play: Play): readonly JsonObject[] => {
  if (voice === undefined) return saidOf(play, 'refusal')
  return [...tokensOf(play.thought).map(token => thoughtOf(voice, token)), ...saidOf(play, 'content')]
}

const saidOf = (play: Play, refusal: 'refusal' | 'content'): readonly JsonObject[] => {
  if (play.calls.length === 0) {
    const key = play.direction.refuse ? refusal : 'content'
    return tokensOf(play.text).map(token => ({ [key]: token }))
  }
  return play.calls.flatMap((call, index) => [
    { tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] },
    ...halves(call.args).map(part => ({ tool_calls: [{ index, function: { arguments: part } }] })),
  ])
}

/** Arguments arrive in pieces, never aligned with JSON. */
export const halves = (text: string): readonly string[] => {
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)].filter(part => part !== '')
}

export const answerOfCompletion = (ask: Ask): Answer => {
  const prompt = textOf(ask.body.prompt)
  const text = directionOf(prompt, ask.scene.says).text
  const base = {
    id: ask.scene.id('cmpl-'),
    object: 'text_completion',
    created: ask.scene.now(),
    model: snapshot(ask.model),
  }
  const counts = Array.from({ length: choiceCount(ask) }, (_, index) => index)
  const usage: JsonObject = {
    prompt_tokens: countTokens(prompt),
    completion_tokens: tokensOf(text).length * counts.length,
    total_tokens: countTokens(prompt) + tokensOf(text).length * counts.length,
  }
  const choice = (index: number, part: string, finish: string | null): JsonObject => ({
    index,
    text: part,
    logprobs: null,
    finish_reason: finish,
  })
  const echoed = ask.body.echo === true ? prompt + text : text
  if (ask.body.stream !== true)
    return json({ ...base, choices: counts.map(index => choice(index, echoed, 'stop')), usage })
  const events: Event[] = counts.flatMap(index => [
    ...tokensOf(echoed).map(part => dataEvent({ ...base, choices: [choice(index, part, null)] }, 'content')),
    dataEvent({ ...base, choices: [choice(index, '', 'stop')] }, 'final'),
  ])
  if (wantsUsage(ask)) events.push(dataEvent({ ...base, choices: [], usage }, 'final'))
  return stream([...events, DONE])
}

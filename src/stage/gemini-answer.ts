import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, dataEvent, type Event, json, stream } from './answer.ts'
import { type Cue, dueCall, newestWish } from './calls.ts'
import { listIn, member, objectIn } from './gemini-rules.ts'
import { countTokens, type Direction, directionOf, sample, tokensOf } from './lines.ts'
import type { Scene } from './scene.ts'

/** What the simulated model says, and how. */

type Play = {
  readonly id: string
  readonly model: string
  readonly thought: string
  readonly words: readonly string[]
  readonly calls: readonly JsonObject[]
  readonly finish: string
  readonly usage: JsonObject
}

const textsIn = (content: JsonObject): string =>
  listIn(content, 'parts')
    .map(part => (typeof part.text === 'string' ? part.text : JSON.stringify(part)))
    .join('\n')

/** Tokens of a whole request, about. */
export const promptTokens = (request: JsonObject): number =>
  [...listIn(request, 'contents'), objectIn(request, 'systemInstruction')].reduce(
    (sum, content) => sum + countTokens(textsIn(content)),
    0,
  )

const declarations = (request: JsonObject): readonly JsonObject[] =>
  listIn(request, 'tools').flatMap(tool => listIn(tool, 'functionDeclarations'))

/** Results come before the texts, as in every dialect that has both in one message. */
const cuesOf = (content: JsonObject): readonly Cue[] => {
  const parts = listIn(content, 'parts')
  return [
    ...parts.filter(part => isObject(member(part, 'functionResponse'))).map((): Cue => 'result'),
    ...parts.flatMap(({ text }) => (typeof text === 'string' ? [{ said: text }] : [])),
  ]
}

const callPart = (scene: Scene, name: Json, args: Json): JsonObject => ({
  functionCall: { name, args },
  thoughtSignature: Buffer.from(scene.id('sig')).toString('base64'),
})

/** The call that the prompt directs, else one that is forced, or asked for by a stage direction and not yet made. */
const callsOf = (
  request: JsonObject,
  { direction, cues }: { readonly direction: Direction; readonly cues: readonly Cue[] },
  scene: Scene,
): readonly JsonObject[] => {
  const calling = objectIn(objectIn(request, 'toolConfig'), 'functionCallingConfig')
  const allowed = member(calling, 'allowedFunctionNames')
  const declared = declarations(request)
  const due =
    calling.mode === 'NONE'
      ? undefined
      : dueCall(
          cues,
          declared.map(({ name = null }) => name),
        )
  if (due !== undefined) return [callPart(scene, due.name, due.args)]
  const tool = Array.isArray(allowed)
    ? declared.find(one => one.name === allowed[0])
    : (declared[0] ?? undefined)
  if (tool === undefined || calling.mode === 'NONE') return []
  if (calling.mode !== 'ANY' && (!direction.callTool || cues.at(-1) === 'result')) return []
  const schema = member(tool, 'parametersJsonSchema') ?? member(tool, 'parameters')
  const args = isObject(schema) ? sample(lowered(schema), 'left') : {}
  return [callPart(scene, tool.name ?? '', args)]
}

/** Types of the API's own Schema, as samples are made of JSON schema's. */
const lowered = (schema: JsonObject): JsonObject =>
  JSON.parse(
    JSON.stringify(schema).replace(
      /"type":"([A-Z]+)"/g,
      (_, type: string) => `"type":"${type.toLowerCase()}"`,
    ),
  )

const structured = (config: JsonObject, text: string): string => {
  if (member(config, 'responseMimeType') !== 'application/json') return text
  const schema = member(config, 'responseJsonSchema') ?? member(config, 'responseSchema')
  return JSON.stringify(isObject(schema) ? sample(lowered(schema), text) : { answer: text })
}

/** What a conversation begins for the model is not said again, where this stage goes on from it. */
const continued = (scene: Scene, request: JsonObject, text: string): string => {
  const last = listIn(request, 'contents').at(-1)
  if (last?.role !== 'model' || scene.prefill !== 'continue') return text
  const begun = textsIn(last)
  return text.startsWith(begun) ? text.slice(begun.length) : text
}

export const playOf = (scene: Scene, model: string, request: JsonObject): Play => {
  const config = objectIn(request, 'generationConfig')
  const cues = listIn(request, 'contents')
    .filter(content => content.role !== 'model')
    .flatMap(cuesOf)
  const direction = directionOf(newestWish(cues).prompt, scene.says)
  const calls = direction.refuse ? [] : callsOf(request, { direction, cues }, scene)
  const all =
    calls.length > 0 || direction.refuse
      ? []
      : tokensOf(continued(scene, request, structured(config, direction.text)))
  const limit = member(config, 'maxOutputTokens')
  const short = typeof limit === 'number' && limit < all.length
  const words = short ? all.slice(0, limit) : all
  const shown = objectIn(config, 'thinkingConfig').includeThoughts === true
  const thought = direction.reason && shown ? 'Let me think about the line.' : ''
  const prompt = promptTokens(request)
  const spoken = words.length + (calls.length > 0 ? 8 : 0)
  const thoughts = direction.reason ? 7 : 0
  return {
    id: scene.id('r'),
    model,
    thought,
    words,
    calls,
    finish: direction.refuse ? 'SAFETY' : short ? 'MAX_TOKENS' : 'STOP',
    usage: {
      promptTokenCount: prompt,
      ...(spoken === 0 ? {} : { candidatesTokenCount: spoken }),
      ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
      totalTokenCount: prompt + spoken + thoughts,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: prompt }],
    },
  }
}

const thoughtParts = (play: Play): JsonObject[] =>
  play.thought === '' ? [] : [{ text: play.thought, thought: true }]

export const wholeAnswer = (play: Play): JsonObject => {
  const text = play.words.join('')
  const parts = [...thoughtParts(play), ...(text === '' ? [] : [{ text }]), ...play.calls]
  return {
    candidates: [
      {
        ...(play.finish === 'SAFETY' ? {} : { content: { parts, role: 'model' } }),
        finishReason: play.finish,
        index: 0,
      },
    ],
    usageMetadata: play.usage,
    modelVersion: play.model,
    responseId: play.id,
  }
}

const chunk = (play: Play, parts: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: 'model' }, ...more, index: 0 }],
  usageMetadata:
    more.finishReason === undefined ? { promptTokenCount: play.usage.promptTokenCount ?? 0 } : play.usage,
  modelVersion: play.model,
  responseId: play.id,
})

/** One chunk a token; the last one has no words, as the API's own. */
export const chunksOf = (play: Play): readonly Event[] => [
  ...thoughtParts(play).map(part => dataEvent(chunk(play, [part]), 'content')),
  ...play.words.map(text => dataEvent(chunk(play, [{ text }]), 'content')),
  ...play.calls.map(call => dataEvent(chunk(play, [call]), 'content')),
  dataEvent(chunk(play, [{ text: '' }], { finishReason: play.finish }), 'final'),
]

/** Without `alt=sse` a stream is one JSON array. */
export const streamed = (play: Play, events: boolean): Answer =>
  events ? stream(chunksOf(play)) : json(chunksOf(play).map(event => JSON.parse(event.data)))

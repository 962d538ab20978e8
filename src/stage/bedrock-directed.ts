import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { BedrockAnswer } from './bedrock-answer.ts'
import { type Cue, dueCall, newestWish } from './calls.ts'
import { type Direction, directionOf, sample } from './lines.ts'

/** What a model behind Converse says: what the prompt directs, or its line. */

const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

const isResult = ({ toolResult }: JsonObject): boolean => isObject(toolResult)

/** Results come before the texts, as in every dialect that has both in one message. */
const cuesOf = ({ content }: JsonObject): readonly Cue[] => {
  const blocks = objectsIn(content)
  return [
    ...blocks.filter(isResult).map((): Cue => 'result'),
    ...blocks.flatMap(({ text }) => (typeof text === 'string' ? [{ said: text }] : [])),
  ]
}

const specsIn = (config: JsonObject): readonly JsonObject[] =>
  objectsIn(config.tools).flatMap(({ toolSpec }) => (isObject(toolSpec) ? [toolSpec] : []))

/** Arguments that the tool's schema accepts. */
const argumentsOf = (spec: JsonObject | undefined, text: string): JsonObject => {
  const made = sample(isObject(spec?.inputSchema) ? spec.inputSchema.json : undefined, text)
  return isObject(made) ? made : {}
}

/** The tool that a request forces. */
const forcedTool = ({ toolChoice }: JsonObject, [first]: readonly string[]): string | undefined => {
  if (!isObject(toolChoice)) return undefined
  if (isObject(toolChoice.tool)) return String(toolChoice.tool.name)
  return isObject(toolChoice.any) ? first : undefined
}

type Call = { readonly name: string; readonly input: JsonObject }

const callOf = (request: JsonObject, cues: readonly Cue[], direction: Direction): Call | undefined => {
  const config = isObject(request.toolConfig) ? request.toolConfig : {}
  const specs = specsIn(config)
  const names = specs.map(({ name }) => String(name))
  const due = dueCall(cues, names)
  if (due !== undefined) return { name: due.name, input: due.args }
  const asked = direction.callTool && cues.at(-1) !== 'result' ? names[0] : undefined
  const name = forcedTool(config, names) ?? asked
  if (name === undefined) return undefined
  const spec = specs.find(one => one.name === name)
  return { name, input: argumentsOf(spec, direction.text) }
}

const THOUGHT = { reasoningText: { text: 'The lead has forgotten it.', signature: 'c3RhZ2U=' } }

export const directedAnswer = (request: JsonObject, says: string): BedrockAnswer => {
  const usage = { inputTokens: 12, outputTokens: 5, totalTokens: 17 }
  const spoken = objectsIn(request.messages).filter(({ role }) => role === 'user')
  const cues = spoken.flatMap(cuesOf)
  const { prompt, results } = newestWish(cues)
  const direction = directionOf(prompt, says)
  const thoughts = direction.reason ? [{ reasoningContent: THOUGHT }] : []
  if (direction.refuse)
    return { content: [{ text: 'I cannot say that.' }], stopReason: 'content_filtered', usage }
  const call = callOf(request, cues, direction)
  if (call === undefined)
    return { content: [...thoughts, { text: direction.text }], stopReason: 'end_turn', usage }
  const toolUse = { toolUseId: `tooluse_stage_${results + 1}`, ...call }
  return { content: [...thoughts, { toolUse }], stopReason: 'tool_use', usage }
}

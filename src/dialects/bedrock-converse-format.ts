import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Traits } from './bedrock-converse-models.ts'
import { wantsThinking } from './bedrock-converse-thinking.ts'
import type { Losses } from './losses.ts'
import type { Format, NeutralRequest } from './neutral.ts'

/**
 * An answer of a given form: by the model's own means where it has them, else as the arguments of a tool that it has to
 * call, else by words.
 */

/** A call of this name is no call: its arguments are the answer. */
export const ANSWER_TOOL = 'understudy_json_answer'

export type FormatPlan = {
  readonly outputConfig?: JsonObject
  readonly toolConfig?: JsonObject
  /** To stand behind the system prompt. */
  readonly words?: string
}

/** Objects that hold anything cannot be told: every object has to say that it holds nothing but its properties. */
const isClosable = (schema: Json): boolean => {
  if (Array.isArray(schema)) return schema.every(isClosable)
  if (!isObject(schema)) return true
  const { type, properties, additionalProperties: more } = schema
  if (type === 'object' && more !== false && (more !== undefined || !isObject(properties))) return false
  return Object.values(schema).every(isClosable)
}

const closed = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(closed)
  if (!isObject(value)) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, closed(each)]))
  return value.type === 'object' ? { ...inner, additionalProperties: false } : inner
}

const native = ({ name, schema, description }: Format & { kind: 'schema' }): JsonObject => ({
  textFormat: {
    type: 'json_schema',
    structure: {
      jsonSchema: {
        schema: JSON.stringify(closed(schema)),
        name,
        ...(description === undefined ? {} : { description }),
      },
    },
  },
})

const asTool = ({ schema, description }: Format & { kind: 'schema' }): JsonObject => ({
  tools: [
    {
      toolSpec: {
        name: ANSWER_TOOL,
        description: description ?? 'Gives the answer in the form that was asked for.',
        inputSchema: { json: schema },
      },
    },
  ],
  toolChoice: { tool: { name: ANSWER_TOOL } },
})

/** `toolConfig`: of the request's own tools, which leave no room for another that has to be called. */
export const formatPlan = (
  request: NeutralRequest,
  toolConfig: JsonObject | undefined,
  traits: Traits,
  losses: Losses,
): FormatPlan => {
  const { format } = request
  if (format === undefined || format.kind === 'text') return {}
  if (format.kind === 'schema' && traits.structured && isClosable(format.schema))
    return { outputConfig: native(format) }
  if (format.kind === 'schema' && traits.forced && toolConfig === undefined && !wantsThinking(request)) {
    if (format.schema.type === 'object') return { toolConfig: asTool(format) }
  }
  losses.warn('response_format', 'it is asked for in the system prompt')
  if (format.kind !== 'schema') return { words: 'Answer with one JSON object and nothing else.' }
  return {
    words: `Answer with JSON and nothing else. It has to follow this JSON schema:\n${JSON.stringify(format.schema)}`,
  }
}

import type { JsonObject } from '../wire/json.ts'
import type { Traits } from './bedrock-converse-models.ts'
import { wantsThinking } from './bedrock-converse-thinking.ts'
import { novaSchema } from './bedrock-nova-schema.ts'
import { closed, isClosable, isLimited, LIMITS_IN_WORDS } from './bound-schema.ts'
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

const asTool = (
  { schema, description }: Format & { kind: 'schema' },
  { family }: Traits,
  losses: Losses,
): JsonObject => ({
  tools: [
    {
      toolSpec: {
        name: ANSWER_TOOL,
        description: description ?? 'Gives the answer in the form that was asked for.',
        inputSchema: { json: family === 'nova' ? novaSchema(schema, losses) : schema },
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
  if (format.kind === 'schema' && traits.structured && isClosable(format.schema)) {
    if (isLimited(format.schema)) losses.warn('response_format', LIMITS_IN_WORDS)
    return { outputConfig: native(format) }
  }
  if (format.kind === 'schema' && traits.forced && toolConfig === undefined && !wantsThinking(request)) {
    if (format.schema.type === 'object') return { toolConfig: asTool(format, traits, losses) }
  }
  losses.warn('response_format', 'it is asked for in the system prompt')
  if (format.kind !== 'schema') return { words: 'Answer with one JSON object and nothing else.' }
  return {
    words: `Answer with JSON and nothing else. It has to follow this JSON schema:\n${JSON.stringify(format.schema)}`,
  }
}

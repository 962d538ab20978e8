import type { CallIdForm } from '../dialects/call-id-edits.ts'
import { isOfMistral } from '../dialects/call-ids.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import type { ChatDifferences } from './chat-differences.ts'

/**
 * What single providers refuse, or do not hear, of a chat completion as OpenAI publishes it. From their references and
 * published clients, LiteLLM's transformations, and the errors they have answered in public.
 */

/** What an answer says when there is nothing of the kind. */
const EMPTY = ['refusal', 'audio', 'function_call'] as const

const NINE: CallIdForm = { kind: 'nine' }

const always = (): true => true

/** A document is its address, and bytes have one, too; a file is the id of one that was uploaded to Mistral. */
const documentOf = ({ file }: JsonObject): JsonObject | undefined => {
  if (!isObject(file)) return undefined
  const { file_data: data, file_id: id, filename } = file
  if (typeof data === 'string')
    return {
      type: 'document_url',
      document_url: data,
      ...(typeof filename === 'string' ? { document_name: filename } : {}),
    }
  return typeof id === 'string' ? { type: 'file', file_id: id } : undefined
}

const soundOf = ({ input_audio: sound }: JsonObject): JsonObject | undefined =>
  isObject(sound) && typeof sound.data === 'string'
    ? { type: 'input_audio', input_audio: sound.data }
    : undefined

const refusalOf = ({ refusal }: JsonObject): JsonObject | undefined =>
  typeof refusal === 'string' ? { type: 'text', text: refusal } : undefined

/**
 * Everything that is not published is refused (422, extra_forbidden). Ids of calls are nine letters and digits (400, code
 * 3280). Usage is in the last chunk of every stream. `tool_choice: required` is taken beside `any`.
 */
export const MISTRAL: ChatDifferences = {
  names: { max_completion_tokens: 'max_tokens', seed: 'random_seed' },
  idle: ['stream_options'],
  // Two are published: none and high.
  efforts: () => ({ minimal: 'none', low: 'high', medium: 'high', xhigh: 'high', max: 'high' }),
  refusesThoughts: true,
  answersInParts: true,
  messages: {
    noDeveloper: always,
    callIds: () => NINE,
    nameless: role => role !== 'tool',
    echoes: { always: ['reasoning', 'reasoning_details', 'annotations', 'images'], whenNull: EMPTY },
    refusesRefusals: true,
    parts: { file: documentOf, input_audio: soundOf, refusal: refusalOf },
  },
}

const QWEN_EFFORTS = { minimal: 'default', low: 'default', medium: 'default', high: 'default' } as const

/** Three are published, whoever serves the model: it always thinks. */
const GPT_OSS_EFFORTS = { none: 'low', minimal: 'low', xhigh: 'high', max: 'high' } as const

const isGptOss = (model: string): boolean => model.includes('gpt-oss')

const groqEfforts = (model: string): Readonly<Record<string, string>> | undefined => {
  if (/\bqwen3(?:\.6)?-/.test(model)) return { ...QWEN_EFFORTS, xhigh: 'default', max: 'default' }
  return isGptOss(model) ? GPT_OSS_EFFORTS : undefined
}

const NOTHING: readonly string[] = []
const THOUGHTS: readonly string[] = ['reasoning']

/**
 * Refuses names, and every member of a message that is not published (`property … is unsupported`). Thoughts are published,
 * and refused by models that have none (`reasoning is not supported with this model`).
 */
export const GROQ: ChatDifferences = {
  efforts: groqEfforts,
  refusesThoughts: true,
  messages: {
    nameless: always,
    echoes: {
      always: ['annotations', 'images', 'reasoning_details'],
      whenNull: EMPTY,
      byModel: model => (/gpt-oss|qwen3|qwq|deepseek-r1/.test(model) ? NOTHING : THOUGHTS),
    },
    refusesRefusals: true,
  },
}

/**
 * `Extra inputs are not permitted`, in messages too: thoughts have one name. Roles are system, user and assistant, and
 * `tool` for results. Efforts are none, low, medium and high, and one family cannot leave thinking.
 */
export const FIREWORKS: ChatDifferences = {
  efforts: model => (isGptOss(model) ? GPT_OSS_EFFORTS : { minimal: 'low', xhigh: 'high' }),
  messages: {
    noDeveloper: always,
    echoes: { always: ['reasoning', 'reasoning_details', 'annotations'], whenNull: EMPTY },
  },
}

/** The newer name of the limit is not heard, or not published, and the answer has none. */
export const OLDER_LIMIT: ChatDifferences = { names: { max_completion_tokens: 'max_tokens' } }

/** `Only messages of role 'user' can have a name.` */
export const XAI: ChatDifferences = { messages: { nameless: role => role !== 'user' } }

/**
 * The newer name of the limit is not heard. While a model thinks, every call has to come back with its thoughts; only the
 * oldest name is a model that does not.
 */
export const DEEPSEEK: ChatDifferences = {
  ...OLDER_LIMIT,
  thinkingSwitch: true,
  messages: { noDeveloper: always, wantsThoughts: model => model !== 'deepseek-chat' },
}

/**
 * The role is published for one family of models. Thoughts that go back are refused under the name that others give them
 * (`property 'messages.2.assistant.reasoning_content' is unsupported`).
 */
export const CEREBRAS: ChatDifferences = {
  refusesThoughts: true,
  messages: { noDeveloper: model => !isGptOss(model) },
}

/** Roles are system, user, assistant and tool. */
export const NO_DEVELOPER: ChatDifferences = { messages: { noDeveloper: always } }

/** The chat templates of Mistral's models check the ids of calls, whoever runs them. */
export const VLLM: ChatDifferences = {
  messages: { callIds: model => (isOfMistral(model) ? NINE : undefined) },
}

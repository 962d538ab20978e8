import type { CallIdForm } from '../dialects/call-id-edits.ts'
import { isOfMistral } from '../dialects/call-ids.ts'
import type { ChatDifferences } from './chat-differences.ts'

/**
 * What single providers refuse, or do not hear, of a chat completion as OpenAI publishes it. From their references and
 * published clients, LiteLLM's transformations, and the errors they have answered in public.
 */

/** What an answer says when there is nothing of the kind. */
const EMPTY = ['refusal', 'audio', 'function_call'] as const

const NINE: CallIdForm = { kind: 'nine' }

const always = (): true => true

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
  messages: {
    noDeveloper: always,
    callIds: () => NINE,
    nameless: role => role !== 'tool',
    echoes: { always: ['reasoning', 'reasoning_details', 'annotations', 'images'], whenNull: EMPTY },
    refusesRefusals: true,
  },
}

/** Refuses names, and every member of a message that is not published (`property … is unsupported`). */
export const GROQ: ChatDifferences = {
  efforts: model =>
    /\bqwen3-/.test(model)
      ? { minimal: 'default', low: 'default', medium: 'default', high: 'default', xhigh: 'default' }
      : undefined,
  refusesThoughts: true,
  messages: {
    nameless: always,
    echoes: { always: ['annotations', 'images'], whenNull: EMPTY },
    refusesRefusals: true,
  },
}

/** The newer name of the limit is not heard, and the answer has none. */
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

/** The role is published for one family of models. */
export const CEREBRAS: ChatDifferences = { messages: { noDeveloper: model => !model.includes('gpt-oss') } }

/** Roles are system, user, assistant and tool. */
export const NO_DEVELOPER: ChatDifferences = { messages: { noDeveloper: always } }

/** The chat templates of Mistral's models check the ids of calls, whoever runs them. */
export const VLLM: ChatDifferences = {
  messages: { callIds: model => (isOfMistral(model) ? NINE : undefined) },
}

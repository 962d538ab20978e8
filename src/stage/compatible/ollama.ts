import { isObject, type JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { among, callsOf, everyMessage, someMessages } from './rules.ts'

/** Ollama: it is nobody's account, hears what it knows, and refuses what it cannot read. */

const OLLAMA_EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh', 'ultra', 'max', 'none']

const ollamaPart = (part: unknown): string | undefined => {
  if (typeof part !== 'object' || part === null || !('type' in part)) return 'invalid message format'
  if (part.type === 'text' || part.type === 'input_audio') return undefined
  if (part.type !== 'image_url' || !('image_url' in part)) return 'invalid message format'
  const image = part.image_url as JsonObject | string
  const url = isObject(image) ? image.url : image
  if (typeof url !== 'string') return 'invalid message format'
  return /^https?:/.test(url)
    ? 'image URLs are not currently supported, please use base64 encoded data instead'
    : undefined
}

const isJson = (text: unknown): boolean => {
  try {
    return typeof text === 'string' && isObject(JSON.parse(text))
  } catch {
    return false
  }
}

const ollamaMessage = (message: JsonObject): string | undefined => {
  const { content } = message
  if (Array.isArray(content)) return content.map(ollamaPart).find(said => said !== undefined)
  if (typeof content !== 'string' && message.tool_calls === undefined)
    return `invalid message content type: ${content === undefined || content === null ? '<nil>' : typeof content}`
  return callsOf(message).every(call => isObject(call.function) && isJson(call.function.arguments))
    ? undefined
    : 'invalid tool call arguments'
}

const OLLAMA_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  404: 'not_found_error',
}

export const OLLAMA: Row = {
  base: '',
  roots: ['/v1'],
  model: 'llama3.2',
  open: true,
  routes: ['POST /completions', 'POST /embeddings'],
  deaf: ['n', 'max_completion_tokens', 'tool_choice'],
  rules: [
    someMessages("[] is too short - 'messages'"),
    everyMessage(ollamaMessage),
    among(
      'reasoning_effort',
      () => OLLAMA_EFFORTS,
      value =>
        `invalid reasoning value: "${value}" (must be ${OLLAMA_EFFORTS.slice(0, -1)
          .map(one => `"${one}"`)
          .join(', ')}, or "none")`,
    ),
  ],
  voice: {
    thoughts: 'reasoning',
    usage: plainUsage,
    beside: () => ({ system_fingerprint: 'fp_ollama' }),
  },
  noModel: model => ({ message: `model '${model}' not found` }),
  statuses: {
    500: { message: 'llama runner process has terminated' },
    503: { message: 'server busy, please try again.  maximum pending requests exceeded' },
  },
  envelope: (status, { message }) => ({
    error: { message, type: OLLAMA_TYPES[status] ?? 'api_error', param: null, code: null },
  }),
}

import { countMessages } from '../dialects/anthropic-messages-count.ts'
import { objectIn } from '../dialects/bridge.ts'
import { countGemini } from '../dialects/gemini-count.ts'
import { Refusal } from '../failure.ts'
import { resolveGroup } from '../plan/resolve.ts'
import { indexBody } from '../read/parse.ts'
import { checkedModel } from '../read/read.ts'
import { receive } from '../read/receive.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'

/** `/utils/token_counter`: LiteLLM's own question for the size of a prompt. Counted here; nobody is asked. */

const bad = (message: string, param: string): Refusal =>
  new Refusal(400, message, { type: 'invalid_request_error', param })

const bodyOf = async ({ house, config, request }: Visit): Promise<JsonObject> => {
  const intake = await receive(request, config.general.maxRequestBytes, house.memory)
  try {
    indexBody(intake.bytes)
    return objectIn(intake.bytes)
  } finally {
    intake.release()
  }
}

/** Pictures of OpenAI's form, as those of the form that the count knows. */
const known = (part: Json): Json =>
  isObject(part) && (part.type === 'image_url' || part.type === 'input_image')
    ? { type: 'image', source: {} }
    : part

const readable = (message: Json): Json =>
  isObject(message) && Array.isArray(message.content)
    ? { ...message, content: (message.content as readonly Json[]).map(known) }
    : message

const listAt = (body: JsonObject, key: string): readonly Json[] | undefined => {
  const value = body[key]
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value)) return value
  throw bad(`${key}: a list is expected.`, key)
}

const countIn = (body: JsonObject, tokensOf: (text: string) => number): number => {
  const messages = listAt(body, 'messages')
  if (messages !== undefined) return countMessages({ ...body, messages: messages.map(readable) }, tokensOf)
  if (listAt(body, 'contents') !== undefined) return countGemini(body, tokensOf)
  if (typeof body.prompt === 'string') return tokensOf(body.prompt)
  throw bad('prompt or messages or contents must be provided', 'messages')
}

export const countTokens = async (visit: Visit): Promise<LocalAnswer> => {
  const body = await bodyOf(visit)
  const model = checkedModel(body.model)
  const found = resolveGroup(model, visit.config)
  const may = found !== undefined && visit.caller?.mayUse(found.group) === true
  const used = (may ? found.candidates[0]?.model : undefined) ?? model
  return json({
    total_tokens: countIn(body, text => countPromptTokens(text, used)),
    request_model: model,
    model_used: used,
    tokenizer_type: 'openai_tokenizer',
    original_response: null,
    error: false,
    error_message: null,
    status_code: null,
  })
}

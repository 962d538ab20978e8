import { MESSAGES_PARAMETERS } from '../../src/dialects/anthropic-parameters.ts'
import type { Dialect } from '../../src/dialects/neutral.ts'
import type { RouteParameters } from '../../src/dialects/openai-parameters.ts'
import { checkMessages, LAX } from '../../src/stage/anthropic-rules.ts'
import { checkConverse } from '../../src/stage/bedrock-rules.ts'
import { checkChat } from '../../src/stage/chat-rules.ts'
import { checkItems, checkJson } from '../../src/stage/check-body.ts'
import { CHAT as COHERE_CHAT } from '../../src/stage/cohere-columns.ts'
import { checkChat as checkCohere } from '../../src/stage/cohere-rules.ts'
import { checkFields } from '../../src/stage/cohere-shape.ts'
import { parametersOf } from '../../src/stage/columns.ts'
import { generateMessage } from '../../src/stage/gemini-columns.ts'
import { checkGenerate } from '../../src/stage/gemini-rules.ts'
import { checkMessage } from '../../src/stage/gemini-shape.ts'
import { checkResponses } from '../../src/stage/responses-rules.ts'
import type { JsonObject } from '../../src/wire/json.ts'

const known = (rules: RouteParameters | undefined): RouteParameters => {
  if (rules === undefined) throw new Error('the route has no rules')
  return rules
}

/** Throws what the provider of this dialect answers to a body that it does not take, by the strict stage's rules. */
export const accept: Readonly<Record<Dialect, (body: JsonObject, model: string) => void>> = {
  chat: body => {
    checkJson(body, known(parametersOf('openai', 'POST /chat/completions')), [])
    checkChat(body)
  },
  responses: body => {
    checkJson(body, known(parametersOf('openai', 'POST /responses')), [])
    checkItems(body.input, { flavour: 'openai', accepts: [] })
    checkResponses(body, true)
  },
  messages: body => {
    const { metadata: _, ...rest } = body
    checkJson(rest, known(MESSAGES_PARAMETERS['POST /messages']), [])
    checkMessages(body, { ...LAX, adaptive: false })
  },
  gemini: (body, model) => {
    checkMessage(body, generateMessage(true))
    checkGenerate(body, model)
  },
  converse: body => void checkConverse(body),
  cohere: body => {
    checkFields(body, COHERE_CHAT)
    checkCohere(body)
  },
}

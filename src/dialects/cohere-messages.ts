import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { IdRule } from './call-ids.ts'
import { writeMessages } from './chat-turns.ts'
import { FIRST_WORD, tellFirstWord } from './first-word.ts'
import type { Losses } from './losses.ts'
import type { Turn } from './neutral.ts'
import { listOf, objectOf, textOf } from './read-json.ts'
import { withFilesTold } from './text-files.ts'

/**
 * Turns as messages of Cohere's chat: those of Chat Completions, with one system message at the head, pictures as the
 * only media, and what is said before a call as its `tool_plan`.
 */

const CALL_ID: IdRule = { accepts: /^[a-zA-Z0-9_-]{1,64}$/, prefix: 'call_', length: 29 }

const textIn = (content: Json | undefined): string =>
  typeof content === 'string'
    ? content
    : (listOf(content) ?? []).map(part => textOf(objectOf(part)?.text) ?? '').join('')

const assistant = ({ content, refusal, tool_calls: calls }: JsonObject): JsonObject => {
  const said = textIn(content) + (textOf(refusal) ?? '')
  if (calls === undefined) return { role: 'assistant', content: said }
  return { role: 'assistant', ...(said === '' ? {} : { tool_plan: said }), tool_calls: calls }
}

/** "message must not be empty in a turn"; a result may be. */
const isBlank = ({ role, content, tool_calls: calls }: JsonObject): boolean =>
  role !== 'tool' && calls === undefined && typeof content === 'string' && content.trim() === ''

/** Throws Unsupported at a part that is neither text nor a picture. */
const refuseOthers = (turns: readonly Turn[]): void => {
  for (const [index, { parts }] of turns.entries())
    for (const [at, part] of parts.entries()) {
      const found = part.kind === 'result' ? part.content : [part]
      const path = `messages[${index}].content[${at}]`
      if (found.some(({ kind }) => kind === 'file' || kind === 'audio'))
        throw new Unsupported(`Cohere's chat takes text and pictures only (${path})`, path)
    }
}

/** "system turn must be the first in the list", says its guide to errors: a later one joins it there. */
const atHead = (messages: readonly JsonObject[], losses: Losses): readonly JsonObject[] => {
  const isSystem = ({ role }: JsonObject): boolean => role === 'system'
  const system = messages.filter(isSystem)
  if (messages.findLastIndex(isSystem) >= system.length)
    losses.warn('position of a later system message', 'Cohere takes one at the head of all messages')
  const content = system.map(message => textIn(message.content)).join('\n\n')
  const others = messages.filter(message => !isSystem(message))
  return content === '' ? others : [{ role: 'system', content }, ...others]
}

/** Throws Unsupported for content that Cohere has no place for. */
export const toCohereMessages = (turns: readonly Turn[], losses: Losses): readonly JsonObject[] => {
  const told = withFilesTold(turns)
  refuseOthers(told)
  const written = writeMessages(told, {
    callIds: CALL_ID,
    customTools: false,
    wantsReasoning: false,
    losses,
  })
  const messages = atHead(written, losses)
    .map(message => (message.role === 'assistant' ? assistant(message) : message))
    .filter(message => !isBlank(message))
  if (messages.some(({ role }) => role === 'user' || role === 'tool')) return messages
  tellFirstWord(losses)
  return [...messages, { role: 'user', content: FIRST_WORD }]
}

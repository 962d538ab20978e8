import { readMessagesAnswer, writeMessagesAnswer } from './anthropic-messages-answer.ts'
import { readMessagesRequest } from './anthropic-messages-request.ts'
import { messagesDecoder } from './anthropic-messages-stream.ts'
import { writeMessagesRequest } from './anthropic-messages-write.ts'
import { messagesWriter } from './anthropic-messages-writer.ts'
import type { Door, Upstream } from './neutral.ts'

/** The Messages dialect as clients speak it. */
export const messagesDoor: Door = {
  dialect: 'messages',
  read: readMessagesRequest,
  answer: writeMessagesAnswer,
  writer: messagesWriter,
}

/** The same as providers speak it. Its errors are read where every provider's are: `{type: 'error', error: {…}}`. */
export const messagesUpstream: Upstream = {
  dialect: 'messages',
  write: writeMessagesRequest,
  answer: readMessagesAnswer,
  decoder: messagesDecoder,
  toolNames: { accepts: /^[a-zA-Z0-9_-]{1,128}$/, length: 128 },
}

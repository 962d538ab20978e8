import { readChatAnswer, writeChatAnswer } from './chat-answer.ts'
import { chatDecoder } from './chat-decoder.ts'
import { readChat } from './chat-request.ts'
import { writeChat } from './chat-write.ts'
import { chatWriter } from './chat-writer.ts'
import type { Door, Upstream } from './neutral.ts'
import { USUAL_NAMES } from './tool-names.ts'

/** Chat Completions as clients speak it. */
export const chatDoor: Door = {
  dialect: 'chat',
  read: readChat,
  answer: writeChatAnswer,
  writer: chatWriter,
}

/** Chat Completions as providers speak it. */
export const chatUpstream: Upstream = {
  dialect: 'chat',
  write: writeChat,
  answer: readChatAnswer,
  decoder: chatDecoder,
  toolNames: USUAL_NAMES,
}

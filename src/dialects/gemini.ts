import { answerForGemini, answerOfGemini } from './gemini-answer.ts'
import { readGemini } from './gemini-door-request.ts'
import { geminiDecoder } from './gemini-stream.ts'
import { writeGemini } from './gemini-upstream-request.ts'
import { geminiWriter } from './gemini-writer.ts'
import type { Door, Upstream } from './neutral.ts'

export const geminiDoor: Door = {
  dialect: 'gemini',
  read: readGemini,
  answer: answerForGemini,
  writer: geminiWriter,
}

export const geminiUpstream: Upstream = {
  dialect: 'gemini',
  write: writeGemini,
  answer: answerOfGemini,
  decoder: geminiDecoder,
  // "Must start with a letter or an underscore … underscores, dots, colons and dashes, with a maximum length of 128."
  toolNames: { accepts: /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/, length: 128 },
}

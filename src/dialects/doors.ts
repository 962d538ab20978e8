import type { ShapeName } from '../routes.ts'
import { messagesDoor } from './anthropic-messages.ts'
import { chatDoor } from './chat.ts'
import { completionsDoor } from './completions-door.ts'
import { geminiDoor } from './gemini.ts'
import type { Door } from './neutral.ts'
import { responsesDoor } from './responses.ts'

/** The dialects that clients speak, by the shape of their endpoint: from there a call can go to any other dialect. */
export const DOORS: Readonly<Partial<Record<ShapeName, Door>>> = {
  chat: chatDoor,
  completions: completionsDoor,
  gemini: geminiDoor,
  messages: messagesDoor,
  responses: responsesDoor,
}

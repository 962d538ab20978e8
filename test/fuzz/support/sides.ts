import { messagesDoor, messagesUpstream } from '../../../src/dialects/anthropic-messages.ts'
import { converseUpstream } from '../../../src/dialects/bedrock-converse.ts'
import { chatDoor, chatUpstream } from '../../../src/dialects/chat.ts'
import { cohereUpstream } from '../../../src/dialects/cohere.ts'
import { geminiDoor, geminiUpstream } from '../../../src/dialects/gemini.ts'
import type { Losses } from '../../../src/dialects/losses.ts'
import type { Door, NeutralRequest, Target, Upstream } from '../../../src/dialects/neutral.ts'
import { responsesDoor, responsesUpstream } from '../../../src/dialects/responses.ts'
import type { JsonObject } from '../../../src/wire/json.ts'

/** Every dialect as clients and as providers speak it. */

export type Far = { readonly upstream: Upstream; readonly target: Target }
export type Side = Far & { readonly door: Door }

const plain = { allowedParams: [] }

export const SIDES = {
  chat: {
    door: chatDoor,
    upstream: chatUpstream,
    target: { model: 'gpt-5.1', ...plain, customTools: true, mostStops: 4 },
  },
  responses: { door: responsesDoor, upstream: responsesUpstream, target: { model: 'gpt-5.1', ...plain } },
  messages: {
    door: messagesDoor,
    upstream: messagesUpstream,
    target: { model: 'claude-sonnet-4-5', ...plain },
  },
  gemini: { door: geminiDoor, upstream: geminiUpstream, target: { model: 'gemini-3-flash', ...plain } },
} as const satisfies Record<string, Side>

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'

export const FAR: Readonly<Record<keyof typeof SIDES | 'converse' | 'cohere', Far>> = {
  ...SIDES,
  converse: { upstream: converseUpstream(CLAUDE), target: { model: CLAUDE, ...plain } },
  cohere: { upstream: cohereUpstream, target: { model: 'command-a-03-2025', ...plain } },
}

/** The body as it comes out of the bytes on the wire. */
export const bodyFor = ({ upstream, target }: Far, request: NeutralRequest, losses: Losses): JsonObject =>
  JSON.parse(JSON.stringify(upstream.write(request, target, losses))) as JsonObject

/** To a provider of the one dialect, whose requests are those of a client of the same. */
export const through = (side: Side, request: NeutralRequest, losses: Losses): NeutralRequest =>
  side.door.read(bodyFor(side, request, losses), losses)

import { randomUUID } from 'node:crypto'
import { chatUpstream } from '../dialects/chat.ts'
import { DOORS } from '../dialects/doors.ts'
import type { Target } from '../dialects/neutral.ts'
import type { ClientBody } from '../read/body.ts'
import { ROUTES, type Route, type ShapeName } from '../routes.ts'
import { indexObject } from '../wire/index.ts'
import { bridge, bridgedReading } from './bridged.ts'
import { plainModel } from './openai-compatible.ts'
import type { Ask, Connection, Draft, Provider } from './provider.ts'

/**
 * Clients of other dialects at providers that speak OpenAI's: the request is written as chat, and then goes the way of
 * every chat request, with the provider's own address, names and edits.
 */

/** Shapes that these providers have endpoints of their own for. */
const OWN: ReadonlySet<ShapeName> = new Set(['chat', 'responses'])

const isForeign = ({ route }: Ask): boolean => DOORS[route.shape] !== undefined && !OWN.has(route.shape)

const chatRoute = (): Route => {
  const found = ROUTES.find(route => route.name === 'chat.completions')
  if (found === undefined) throw new Error('there is no chat endpoint')
  return found
}

const CHAT = chatRoute()

/** Headers that mean something to providers of the client's dialect only. */
const FOREIGN_HEADER = /^anthropic-|^x-goog-/

/** Their limit is called max_completion_tokens; servers that follow them know the older name longer than the newer. */
const NEWER_LIMIT: ReadonlySet<string> = new Set(['openai', 'azure'])

const targetOf = (ask: Ask, { name }: Provider): Target => ({
  model: plainModel(ask.model),
  allowedParams: ask.allowedParams,
  ...(NEWER_LIMIT.has(name) ? {} : { limitName: 'max_tokens' as const }),
})

const jsonBody = (bytes: Uint8Array): ClientBody => ({
  kind: 'json',
  bytes,
  index: indexObject(bytes),
  contentType: 'application/json',
})

const asChat = (ask: Ask, provider: Provider, connection: Connection): Draft => {
  const { body, warnings } = bridge(ask, chatUpstream, targetOf(ask, provider), provider.name)
  const draft = connection.draft({
    ...ask,
    route: CHAT,
    params: {},
    query: '',
    headers: ask.headers.filter(([name]) => !FOREIGN_HEADER.test(name)),
    body: jsonBody(body),
    edits: [],
  })
  return { ...draft, edits: [...ask.edits, ...draft.edits], warnings: [...warnings, ...draft.warnings] }
}

/** A provider that speaks OpenAI's dialect, for clients of every dialect. */
export const overChat = (provider: Provider): Provider => ({
  ...provider,
  connect: params => {
    const connection = provider.connect(params)
    return {
      ...connection,
      draft: ask => (isForeign(ask) ? asChat(ask, provider, connection) : connection.draft(ask)),
      reading: (ask, stamp) =>
        isForeign(ask)
          ? bridgedReading(
              ask,
              chatUpstream,
              provider.name,
              stamp?.() ?? { unique: randomUUID(), created: 0 },
            )
          : connection.reading(ask, stamp),
    }
  },
})

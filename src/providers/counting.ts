import { bytesOf, objectIn } from '../dialects/bridge.ts'
import { COUNTS, type Counter } from '../dialects/counts.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import { type Ask, type Connection, type Draft, type Provider, Unsupported } from './provider.ts'

/** Endpoints that count a prompt, for providers that have none: the gateway counts, and nobody is asked. */

const counted = (ask: Ask, count: Counter, connection: Connection): Draft => {
  if (ask.body.kind !== 'json') throw new Unsupported('a prompt is counted from a JSON request')
  const body = objectIn(joinSegments(applyEdits(ask.body.index, ask.edits)))
  const { origin, pathname } = new URL(connection.baseUrl)
  return {
    method: ask.method,
    origin,
    path: pathname,
    headers: [],
    body: [],
    edits: ask.edits,
    warnings: [{ lost: 'the exact count', because: 'the provider counts no prompts: counted here' }],
    local: bytesOf(count(body, text => countPromptTokens(text, ask.model))),
  }
}

const counter = (ask: Ask, provider: Provider): Counter | undefined =>
  provider.counts?.(ask) === true ? undefined : COUNTS[ask.route.shape]

/** The provider, with the gateway's count where it has none of its own. */
export const countingFor = (provider: Provider): Provider => ({
  ...provider,
  connect: params => {
    const connection = provider.connect(params)
    return {
      ...connection,
      draft: ask => {
        const count = counter(ask, provider)
        return count === undefined ? connection.draft(ask) : counted(ask, count, connection)
      },
      reading: (ask, stamp) => (counter(ask, provider) === undefined ? connection.reading(ask, stamp) : {}),
    }
  },
})

import { asBuffer } from '../wire/bytes.ts'
import { indexObject, valueAt } from '../wire/index.ts'
import { isObject, type Json } from '../wire/json.ts'
import { mayMentionAny } from '../wire/mentions.ts'
import { valueInForce } from './in-force.ts'
import { type Ask, Unsupported } from './provider.ts'

/**
 * Pictures and documents by their address: Anthropic's own service fetches them, Claude's other hosts do not (`URL sources
 * are not supported`). Whoever does is asked instead; the gateway fetches nothing that a client names.
 */
const FETCHES_NOTHING: ReadonlySet<string> = new Set(['vertex_ai', 'bedrock'])

const MARK = ['url']

/** Where the first of them stands, in the blocks of a message or of a result in it. */
const addressIn = (content: Json | undefined, path: string): string | undefined => {
  if (!Array.isArray(content)) return undefined
  for (const [at, block] of content.entries()) {
    if (!isObject(block)) continue
    const place = `${path}.content[${at}]`
    if (isObject(block.source) && block.source.type === 'url') return `${place}.source`
    const inside = block.type === 'tool_result' ? addressIn(block.content, place) : undefined
    if (inside !== undefined) return inside
  }
  return undefined
}

const refuseIn = (messages: Json | undefined, provider: string): void => {
  if (!Array.isArray(messages)) return
  for (const [at, message] of messages.entries()) {
    const place = isObject(message) ? addressIn(message.content, `messages[${at}]`) : undefined
    if (place !== undefined)
      throw new Unsupported(
        `Claude on ${provider} takes pictures and documents as base64 only, and none by its address (${place})`,
        place,
      )
  }
}

/** Throws Unsupported: of a request in the dialect itself. */
export const refuseAddresses = (ask: Ask, provider: string): void => {
  if (!FETCHES_NOTHING.has(provider) || ask.body.kind !== 'json') return
  const { bytes, members } = ask.body.index
  const span = members.get('messages')
  if (span !== undefined && mayMentionAny(bytes, span, MARK))
    refuseIn(valueInForce(ask, 'messages'), provider)
}

/** Throws Unsupported: of a request that was translated. */
export const refuseWrittenAddresses = (body: Uint8Array, provider: string): void => {
  if (FETCHES_NOTHING.has(provider) && asBuffer(body).includes('"type":"url"'))
    refuseIn(valueAt(indexObject(body), 'messages'), provider)
}

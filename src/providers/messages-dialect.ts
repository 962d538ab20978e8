import { randomUUID } from 'node:crypto'
import { messagesUpstream } from '../dialects/anthropic-messages.ts'
import { FailedAnswer, objectIn } from '../dialects/bridge.ts'
import { documentAsEvents, type Whole } from '../dialects/compaction-events.ts'
import type { Edit, Warning } from '../wire/edit.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { bridge, bridgedReading } from './bridged.ts'
import { refuseGeo } from './inference-geo.ts'
import { missingThinking } from './missing-thinking.ts'
import { type Ask, type HeaderPair, type Reading, type Stamp, Unsupported } from './provider.ts'
import { encodeBody } from './same-dialect.ts'
import { withoutThread } from './threads.ts'
import { refuseAddresses, refuseWrittenAddresses } from './url-sources.ts'

/** What every vendor of Claude has in common, whose address and credential differ. */

/** Routes of the dialect itself: the client's bytes go as they are. */
const OWN: ReadonlySet<string> = new Set(['messages', 'message_tokens'])

/** Routes whose requests can be translated. */
const BRIDGED: ReadonlySet<string> = new Set([
  'chat.completions',
  'completions',
  'responses.create',
  'gemini.generate',
  'gemini.stream',
])

export const speaksMessages = (ask: Ask): boolean => OWN.has(ask.route.shape)

/** Headers that only clients of another dialect send, and mean for its providers. */
const FOREIGN: ReadonlySet<string> = new Set(['openai-beta', 'openai-organization', 'openai-project'])

/** The ask without what is meant for providers of another dialect. */
export const withoutForeign = (ask: Ask): Ask =>
  ask.headers.some(([name]) => FOREIGN.has(name))
    ? { ...ask, headers: ask.headers.filter(([name]) => !FOREIGN.has(name)) }
    : ask

export type MessagesBody = {
  readonly body: readonly Uint8Array[]
  readonly edits: readonly Edit[]
  readonly warnings: readonly Warning[]
}

const RESTING: Warning = {
  lost: 'thinking',
  because: 'another provider began this turn, and it has no thoughts that can be sent back',
}

/** The body in the Messages dialect, whatever the client speaks. Throws Unsupported for what cannot be carried. */
export const messagesBody = (ask: Ask, model: string, provider: string): MessagesBody => {
  if (speaksMessages(ask)) {
    refuseGeo(ask, provider)
    refuseAddresses(ask, provider)
    const thread = withoutThread(ask, provider)
    const resting = missingThinking(ask)
    const { body, edits } = encodeBody(ask, model, thread === undefined ? resting : [thread.edit, ...resting])
    const warnings = [
      ...(thread === undefined ? [] : [thread.warning]),
      ...(resting.length === 0 ? [] : [RESTING]),
    ]
    return { body, edits, warnings }
  }
  if (ask.compaction === undefined && !BRIDGED.has(ask.route.name))
    throw new Unsupported(`${provider} does not serve ${ask.route.name}`)
  const target = { model, allowedParams: ask.allowedParams }
  const { body, warnings } = bridge(ask, messagesUpstream, target, provider)
  refuseWrittenAddresses(body, provider)
  return { body: [body], edits: ask.edits, warnings }
}

const SAME_DIALECT: Reading = {}

/** The flag of the beta, as the API's client library lists it. */
export const COMPACTION_BETA = 'compact-2026-09-04'

/** It is asked for its own compaction, which comes as one document. */
export const compactsItself = ({ compaction }: Ask): boolean => compaction?.way === 'own'

/** What is told of a failure stays here: somebody else is asked. */
const failedResponse = (error: JsonObject): JsonObject => ({
  object: 'response',
  status: 'failed',
  output: [],
  error,
})

const wholeOf = (translate: (body: Uint8Array) => Uint8Array): Whole => ({
  read: body => {
    const response = objectIn(translate(body))
    if (isObject(response.error)) throw new FailedAnswer(response.error)
    return response
  },
  failed: failedResponse,
})

export const messagesReading = (ask: Ask, provider: string, stamp: (() => Stamp) | undefined): Reading => {
  if (speaksMessages(ask)) return SAME_DIALECT
  const reading = bridgedReading(
    ask,
    messagesUpstream,
    provider,
    stamp?.() ?? { unique: randomUUID(), created: 0 },
  )
  const { translate } = reading
  if (!compactsItself(ask) || !ask.stream || translate === undefined) return reading
  return {
    ...reading,
    decoder: () => documentAsEvents(wholeOf(translate)),
    streamType: 'application/json',
  }
}

/** The version that everybody speaks; a client that speaks another says so itself. */
export const VERSION_HEADER: HeaderPair = ['anthropic-version', '2023-06-01']

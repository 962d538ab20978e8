import { randomUUID } from 'node:crypto'
import { chatUpstream } from '../dialects/chat.ts'
import { DOORS } from '../dialects/doors.ts'
import type { Target, Upstream } from '../dialects/neutral.ts'
import { responsesUpstream } from '../dialects/responses.ts'
import { routeNamed } from '../route-named.ts'
import { indexObject } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { bridge, bridgedReading, refuseKept } from './bridged.ts'
import { crossesWires, lostOnWire, onOtherWire, otherWireReading } from './other-wire.ts'
import type { Ask, CompactionWay, Connection, Draft, ProviderParams, Reading } from './provider.ts'

/**
 * OpenAI's dialect has two APIs for text, chat completions and responses, and most of its providers serve the first
 * only. A call for one that is not there goes through the neutral form to the other: the body that comes of it is from
 * then on like any client's, so every rule of its provider holds for it.
 */

/** litellm_params that are read here. */
export const TEXT_PARAMS = ['use_chat_completions_api'] as const

/** What is known of a provider. */
export type KnownApis = {
  /** /responses is there. */
  readonly responses?: true
  /** And /responses/input_tokens. */
  readonly counts?: boolean
  /** No response is kept, and to ask for it is refused. */
  readonly keepsNothing?: true
  /** Its ways of compacting a conversation. */
  readonly compaction?: readonly CompactionWay[]
  /** litellm_settings.route_all_chat_openai_to_responses speaks of this one. */
  readonly allChatToResponses?: true
  /** How its chat completions differ from OpenAI's. */
  readonly chat?: ChatTraits
}

export type ChatTraits = Pick<Target, 'limitName' | 'customTools' | 'mostStops' | 'wantsReasoning'>

/** Every server of chat completions knows the older name of the limit; the newer one is OpenAI's. */
const USUAL: ChatTraits = { limitName: 'max_tokens' }

/** Which of the two APIs serve one deployment. */
export type TextApis = {
  readonly responses: boolean
  /** /responses/input_tokens is known to be there: whoever counts a prompt of another dialect may be sent to it. */
  readonly counts: boolean
  readonly compaction: readonly CompactionWay[]
  readonly chat: ChatTraits
  /** Chat completions go to /responses: always, never, or where the model's name says so (`responses/<model>`). */
  readonly chatToResponses: 'always' | 'never' | 'by name'
}

const declares = (params: ProviderParams, pattern: RegExp): boolean =>
  params.info?.supportedEndpoints?.some(endpoint => pattern.test(endpoint)) === true

const RESPONSES = /^(?:\/v1)?\/responses$/
const COMPACT = /^(?:\/v1)?\/responses\/compact$/
const INPUT_TOKENS = /^(?:\/v1)?\/responses\/input_tokens$/
const AT_ENDPOINT: readonly CompactionWay[] = ['endpoint']
const NO_WAY: readonly CompactionWay[] = []

/** Throws Error for what is neither true nor false. */
const isOn = (name: string, value: Json | undefined): boolean => {
  if (value === undefined || value === null || typeof value === 'boolean') return value === true
  throw new Error(`${name} must be true or false`)
}

/** use_chat_completions_api comes first, then what model_info says, then what is known of the provider. */
export const readApis = (known: KnownApis, params: ProviderParams): TextApis => {
  const chat = known.chat ?? USUAL
  if (isOn('use_chat_completions_api', params.extra.use_chat_completions_api))
    return { responses: false, counts: false, compaction: NO_WAY, chat, chatToResponses: 'never' }
  const only = params.info?.mode === 'responses'
  const setting = 'route_all_chat_openai_to_responses'
  const all = known.allChatToResponses === true && isOn(setting, params.settings?.[setting])
  return {
    responses: only || known.responses === true || declares(params, RESPONSES),
    counts: known.counts === true || declares(params, INPUT_TOKENS),
    compaction: known.compaction ?? (declares(params, COMPACT) ? AT_ENDPOINT : NO_WAY),
    chat,
    chatToResponses: only || all ? 'always' : 'by name',
  }
}

/** LiteLLM's mark of a model for the Responses API; it is no part of the upstream name. */
const MARK = 'responses/'
const isMarked = (model: string): boolean => model.startsWith(MARK)

export const plainModel = (model: string): string => (isMarked(model) ? model.slice(MARK.length) : model)

const toResponses = (ask: Ask, { chatToResponses }: TextApis): boolean =>
  chatToResponses === 'always' || (chatToResponses === 'by name' && isMarked(ask.model))

/**
 * The dialect that a call has to be translated into; undefined: it goes as it is. Throws Unsupported for what needs a
 * store, or work, of the provider's own.
 */
const crossingOf = (ask: Ask, apis: TextApis, provider: string): Upstream | undefined => {
  const { route, compaction } = ask
  if (compaction?.way === 'summary')
    return apis.responses || toResponses(ask, apis) ? responsesUpstream : chatUpstream
  if (compaction !== undefined) return undefined
  if (route.shape === 'chat') return toResponses(ask, apis) ? responsesUpstream : undefined
  if (route.upstream.startsWith('/responses')) {
    if (apis.responses || toResponses(ask, apis)) return undefined
    refuseKept(ask, provider)
    return chatUpstream
  }
  // Text completions are this dialect's own: whoever serves them not says so, and the next one is asked.
  if (DOORS[route.shape] === undefined || route.shape === 'completions') return undefined
  return toResponses(ask, apis) ? responsesUpstream : chatUpstream
}

/** Where a dialect is served. */
const places = {
  chat: () => routeNamed('chat.completions'),
  responses: () => routeNamed('responses.create'),
} as const

type Served = {
  readonly name: string
  readonly apis: TextApis
  /** A request in the provider's own dialect. */
  readonly plain: (ask: Ask) => Draft
  /** How an answer to it becomes what OpenAI would have said. Default: it is that. */
  readonly reading?: (ask: Ask) => Reading
}

/** Headers of clients that mean something to providers of their own dialect only. */
const FOREIGN_HEADER = /^anthropic-|^x-goog-/

export const ownHeaders = ({ headers }: Ask): Ask['headers'] =>
  headers.filter(([name]) => !FOREIGN_HEADER.test(name))

/** The request in the other dialect, with what was lost on the way. Throws Unsupported. */
const crossed = (ask: Ask, upstream: Upstream, { name, apis, plain }: Served): Draft => {
  const target: Target = {
    model: plainModel(ask.model),
    allowedParams: ask.allowedParams,
    ...apis.chat,
  }
  const { body, warnings } = bridge(ask, upstream, target, name)
  const made = plain({
    ...ask,
    route: upstream.dialect === 'responses' ? places.responses() : places.chat(),
    params: {},
    // The client's query belongs to the path that it asked for.
    query: '',
    headers: ownHeaders(ask),
    body: { kind: 'json', bytes: body, index: indexObject(body), contentType: 'application/json' },
    edits: [],
  })
  return { ...made, edits: [...ask.edits, ...made.edits], warnings: [...warnings, ...made.warnings] }
}

const SAME_DIALECT: Reading = {}

/** Within the dialect: the client's bytes, and its compaction by the wire that is there. */
const same = (ask: Ask, { plain }: Served): Draft => {
  if (!crossesWires(ask)) return plain(ask)
  const made = plain(onOtherWire(ask))
  return { ...made, warnings: [...lostOnWire(ask), ...made.warnings] }
}

/** Its own clients are sent to the endpoint wherever there is /responses, as to everything below it. */
const countsFor =
  (apis: TextApis): NonNullable<Connection['counts']> =>
  ask => {
    const own = ask.route.upstream.startsWith('/responses')
    return (own ? apis.responses || toResponses(ask, apis) : apis.counts) ? 'responses' : undefined
  }

/** Requests and answers of a provider whose own dialect is `plain`, across its two APIs. */
export const acrossApis = (
  served: Served,
): Pick<Connection, 'draft' | 'reading' | 'compaction' | 'counts'> => {
  const { name, apis } = served
  return {
    compaction: apis.compaction,
    counts: countsFor(apis),
    draft: ask => {
      const upstream = crossingOf(ask, apis, name)
      return upstream === undefined ? same(ask, served) : crossed(ask, upstream, served)
    },
    reading: (ask, stamp) => {
      const upstream = crossingOf(ask, apis, name)
      if (upstream === undefined)
        return crossesWires(ask) ? otherWireReading(ask, stamp) : (served.reading?.(ask) ?? SAME_DIALECT)
      return bridgedReading(ask, upstream, name, stamp?.() ?? { unique: randomUUID(), created: 0 })
    },
  }
}

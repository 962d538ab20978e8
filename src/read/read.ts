import type { Caller } from '../authenticate/caller.ts'
import type { Call, Received } from '../call.ts'
import { Context } from '../context.ts'
import type { Reference } from '../dialects/bound-state.ts'
import { Refusal } from '../failure.ts'
import { type NamedItem, namedItemsIn } from '../plan/copies.ts'
import { carriesCiphertext, homeOfItems, NO_HOME } from '../plan/encrypted.ts'
import { keeperOf, readReferences } from '../plan/references.ts'
import type { Pin } from '../plan/wish.ts'
import type { Route } from '../routes.ts'
import type { Seal } from '../seal.ts'
import type { Board } from '../shared/board.ts'
import type { Edit } from '../wire/edit.ts'
import { type Forwarding, upstreamHeaders } from '../wire/headers.ts'
import { isObject, type Json } from '../wire/json.ts'
import type { ClientBody } from './body.ts'
import { NO_REFERENCES, type Opener, openBody, openId, type References } from './bound.ts'
import { asTrigger, type Compaction, readCompaction } from './compaction.ts'
import { asksNothing, controlEdits, NO_CONTROLS, readControls, readTags, withoutNative } from './controls.ts'
import { keysOf, parseBody, peekAt } from './parse.ts'
import { readQuery } from './query.ts'
import { refuseCredentials } from './refusals.ts'

const invalid = (message: string, param: string): Refusal =>
  new Refusal(400, message, { type: 'invalid_request_error', param })

type Looked = {
  readonly body: ClientBody
  /** Its top-level keys that may mean something to the gateway. */
  readonly keys: readonly string[]
  readonly peek: (key: string) => Json | undefined
}

const look = (bytes: Uint8Array, received: Received): Looked => {
  const contentType = received.request.headers['content-type'] ?? ''
  const body = parseBody(bytes, contentType, received.route)
  const keys = withoutNative(keysOf(body), received.route, received.request.headers)
  return { body, keys, peek: peekAt(body) }
}

/** As with LiteLLM: where a path may name the model, the query may, too; an empty one names none. */
const namedInQuery = (route: Route, query: (name: string) => string | undefined): string | undefined =>
  query('model') && route.paths.some(path => path.includes('/:model/')) ? query('model') : undefined

/** The group asked for: path, then the operator's completion_model, then the query, then the body. Names, never URLs. */
const modelOf = (received: Received, looked: Looked, query: (name: string) => string | undefined): string => {
  const { route, config } = received
  const fromPath = received.params.model
  if (route.model === 'path' || fromPath !== undefined) return checkedModel(fromPath)
  if (route.model === 'body' && config.general.completionModel !== undefined)
    return config.general.completionModel
  const written = looked.keys.includes('model') ? looked.peek('model') : undefined
  if (route.model === 'owner' || route.model === 'sealed-id') {
    const named = query('model') ?? written ?? firstOf(looked.peek('target_model_names'))
    return typeof named === 'string' ? checkedModel(named) : ''
  }
  const named = namedInQuery(route, query)
  if (named !== undefined) return checkedModel(named)
  if ((written === undefined || written === null) && route.modelOptional === true) return ''
  return checkedModel(written)
}

const firstOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string'
    ? value.split(',')[0]?.trim()
    : Array.isArray(value) && typeof value[0] === 'string'
      ? value[0]
      : undefined

/** A name of a model, and never an address. Throws Refusal. */
export const checkedModel = (model: Json | undefined): string => {
  if (model === undefined || model === null)
    throw invalid(
      "Missing required parameter: 'model'. Call `/v1/models` to view available models for your key.",
      'model',
    )
  if (typeof model !== 'string') throw invalid("Invalid type for 'model': expected a string.", 'model')
  if (model.trim() === '') throw invalid("Invalid 'model': empty string.", 'model')
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(model))
    throw invalid("Invalid 'model': a URL is not a model name.", 'model')
  if (model.length > 512 || hasControl(model))
    throw invalid("Invalid 'model': too long, or with control characters.", 'model')
  return model
}

const hasControl = (text: string): boolean => {
  for (let at = 0; at < text.length; at++)
    if (text.charCodeAt(at) < 0x20 || text.charCodeAt(at) === 0x7f) return true
  return false
}

const wantsStream = (
  received: Received,
  looked: Looked,
  query: (name: string) => string | undefined,
): boolean => {
  if (!received.route.streams) return false
  if (received.route.byPath === true) return true
  if (received.route.method === 'GET') return query('stream') === 'true'
  const stream = looked.keys.includes('stream') ? looked.peek('stream') : undefined
  if (looked.body.kind === 'multipart') return stream === 'true'
  // What a provider makes of anything else is not known, and its answer would be read as the wrong kind.
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    throw invalid("Invalid type for 'stream': expected a boolean.", 'stream')
  if (stream === true) return true
  return (
    received.route.shape === 'speech' &&
    looked.keys.includes('stream_format') &&
    looked.peek('stream_format') === 'sse'
  )
}

type Opened = { readonly params: Received['params']; readonly references: References }

/** Ids of the path or of the body, opened: the provider's own ids, and the deployment that must answer. */
const openReferences = (received: Received, looked: Looked, opener: Opener): Opened => {
  const { params, route } = received
  if (route.model === 'sealed-id' && params.id !== undefined) {
    const { upstreamId, pin } = openId(params.id, 'response_id', opener)
    const echoes = new Map([[upstreamId, params.id]])
    const references = { ...NO_REFERENCES, pin, echoes, unowned: pin === undefined }
    return { params: { ...params, id: upstreamId }, references }
  }
  const refers =
    route.shape === 'responses' || route.shape === 'compaction' || route.name.startsWith('responses.')
  if (!refers) return { params, references: NO_REFERENCES }
  const peek = (key: string): Json | undefined => (looked.keys.includes(key) ? looked.peek(key) : undefined)
  return { params, references: openBody(peek, opener) }
}

const ownerProviderOf = (looked: Looked, query: (name: string) => string | undefined): string | undefined => {
  const named =
    query('custom_llm_provider') ??
    query('provider') ??
    (looked.keys.includes('custom_llm_provider') ? looked.peek('custom_llm_provider') : undefined)
  return typeof named === 'string' && named !== '' ? named : undefined
}

const SESSION_HEADERS = [
  'x-litellm-session-id',
  'x-claude-code-session-id',
  'session-id',
  'session_id',
  'x-session-id',
]

const sessionOf = (received: Received, looked: Looked): string | undefined => {
  for (const name of SESSION_HEADERS) {
    const value = received.request.headers[name]
    if (typeof value === 'string' && value !== '') return value.slice(0, 256)
  }
  const written = looked.keys.includes('litellm_session_id') ? looked.peek('litellm_session_id') : undefined
  return typeof written === 'string' ? written.slice(0, 256) : undefined
}

/** The end user, where the dialect names it. */
const endUserOf = ({ keys, peek }: Looked, { shape }: Route): string | undefined => {
  const metadata = shape === 'messages' && keys.includes('metadata') ? peek('metadata') : undefined
  const user = keys.includes('user') ? peek('user') : isObject(metadata) ? metadata.user_id : undefined
  return typeof user === 'string' ? user.slice(0, 256) : undefined
}

const contextOf = (received: Received, caller: Caller, looked: Looked, tags: readonly string[]): Context =>
  new Context({
    callId: received.callId,
    caller,
    arrivedAt: received.arrivedAt,
    userAgent: received.request.headers['user-agent'] ?? '',
    sessionId: sessionOf(received, looked),
    endUser: endUserOf(looked, received.route),
    tags,
    departed: received.departed,
  })

const forwardingOf = ({ route, config: { general } }: Received): Forwarding => ({
  forwardClientHeaders: general.forwardClientHeaders,
  forwardOpenaiOrgId: general.forwardOpenaiOrgId,
  keyHeaderName: general.keyHeaderName,
  everyHeader: route.forwardsHeaders,
})

/** What the house remembers that an id or a ciphertext of the request may refer to. */
export type Memory = { readonly seal: Seal; readonly board: Pick<Board, 'origins'> }

type Bonds = Pick<Call, 'pin' | 'origin' | 'unowned' | 'references' | 'named'>

const NO_NAMES: readonly NamedItem[] = []
const NO_KEPT: readonly Reference[] = []

/** What the items and ids of a body bind its call to. `opened`: what its sealed ids do. Throws Refusal for two accounts. */
export const bondsOf = (
  body: ClientBody,
  { route, config }: Pick<Call, 'route' | 'config'>,
  { board }: Pick<Memory, 'board'>,
  opened: Pick<References, 'pin' | 'unowned'>,
): Bonds => {
  const index = body.kind === 'json' ? body.index : undefined
  const bearing = index !== undefined && carriesCiphertext(route.shape) ? index : undefined
  const home = bearing === undefined ? NO_HOME : homeOfItems(bearing, config, board)
  const references = index === undefined ? NO_KEPT : readReferences(index, config, route.shape)
  const keeping = keeperOf(references, config, board)
  return {
    pin: onePin(opened.pin ?? home.pin, keeping.pin),
    origin: home.origin,
    unowned: opened.unowned || home.unowned || keeping.unowned,
    references,
    named: bearing === undefined ? NO_NAMES : namedItemsIn(bearing),
  }
}

/** Throws Refusal where what the call refers to is kept by two accounts. */
const onePin = (one: Pin | undefined, other: Pin | undefined): Pin | undefined => {
  if (one !== undefined && other !== undefined && one.boundary !== other.boundary)
    throw invalid(
      `'${other.because}' and '${one.because}' belong to two different providers; one call cannot use both.`,
      other.because,
    )
  return one ?? other
}

const NOTHING: readonly string[] = []

/** The named edits that keep here what is the gateway's. */
const dropsOf = ({ keys, peek }: Looked, route: Route): readonly Edit[] =>
  controlEdits(keys, route.crossing === 'never' ? () => undefined : peek, route)

const NO_EDITS: readonly Edit[] = []

const editsOf = (drops: readonly Edit[], opened: References, compaction: Compaction): readonly Edit[] =>
  drops.length + compaction.edits.length === 0
    ? opened.edits
    : [...drops, ...opened.edits, ...compaction.edits]

/** Bytes and headers → Call. Everything the client may have got wrong is refused here, before anything is spent. */
export const read = (received: Received, caller: Caller, bytes: Uint8Array, memory: Memory): Call => {
  const { route, config, request } = received
  const looked = look(bytes, received)
  const query = readQuery(received.query, route.verbatim)
  // What passes through speaks to the provider in the provider's own words.
  const steering = route.verbatim === true || received.query === '' ? undefined : query.get
  const sources = {
    headers: request.headers,
    keys: looked.keys,
    peek: looked.peek,
    mockAllowed: caller.admin || config.general.allowMockTesting,
  }
  const plain = asksNothing(sources)
  refuseCredentials(plain ? NOTHING : looked.keys, looked.peek, steering)
  const model = modelOf(received, looked, query.get)
  const controls = plain ? NO_CONTROLS : readControls(sources)
  const { params, references: opened } = openReferences(received, looked, {
    seal: memory.seal,
    config,
    caller,
  })
  const compaction = readCompaction(looked.body, route, memory.seal.capsules, caller.owner)
  return {
    route: compaction.wire === 'trigger' ? asTrigger(route) : route,
    method: request.method ?? route.method,
    params,
    query: query.forward,
    body: looked.body,
    headers: upstreamHeaders(request.headers, forwardingOf(received)),
    model,
    ownerProvider: ownerProviderOf(looked, query.get),
    stream: wantsStream(received, looked, query.get),
    controls,
    edits: editsOf(plain && route.model !== 'owner' ? NO_EDITS : dropsOf(looked, route), opened, compaction),
    ...bondsOf(looked.body, received, memory, opened),
    echoes: opened.echoes,
    asides: opened.asides,
    compaction: compaction.wire,
    natives: compaction.natives,
    shadows: undefined,
    rehydrated: undefined,
    config,
    context: contextOf(received, caller, looked, plain ? NOTHING : readTags(sources)),
  }
}

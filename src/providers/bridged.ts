import { bytesOf, objectIn, throughBridge, translateAnswer } from '../dialects/bridge.ts'
import { compactionDoor } from '../dialects/compaction-door.ts'
import { decodingCustomCalls } from '../dialects/custom-tools.ts'
import { DOORS } from '../dialects/doors.ts'
import { decodingFreshIds } from '../dialects/fresh-ids.ts'
import { collectLosses, type Losses } from '../dialects/losses.ts'
import { meaningful } from '../dialects/meaning.ts'
import type { Asked, Dialect, Door, NeutralRequest, Target, Upstream } from '../dialects/neutral.ts'
import { decodingOwnNames, withFittingNames } from '../dialects/tool-names.ts'
import { applyEdits, joinSegments, type Warning } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import { refuseGeo } from './inference-geo.ts'
import { unsupportedText } from './parameters.ts'
import { type Ask, type Reading, type Stamp, Unsupported } from './provider.ts'
import { withoutThread } from './threads.ts'

/**
 * The body for a provider that speaks another dialect than the client: read by the client's door, written by the
 * provider's dialect, with everything that was lost on the way.
 */

export type Bridged = {
  readonly body: Uint8Array
  readonly warnings: readonly Warning[]
}

export const requestOf = (ask: Ask, provider: string): JsonObject => {
  if (ask.body.kind !== 'json') throw new Unsupported(`${provider} takes JSON requests only`)
  return objectIn(joinSegments(applyEdits(ask.body.index, ask.edits)))
}

/** What needs a store, or work, that the provider does not have for answers of this dialect, in LiteLLM's words. */
const KEPT_BY_NOBODY: Readonly<Record<string, string>> = {
  'responses.get': 'GET responses',
  'responses.delete': 'DELETE responses',
  'responses.cancel': 'CANCEL responses',
  'responses.input_items': 'list_input_items',
}

/** Throws Unsupported for a call about a response that a translation has made. */
export const refuseKept = ({ route }: Ask, provider: string): void => {
  const what = KEPT_BY_NOBODY[route.name]
  if (what !== undefined) throw new Unsupported(`${what} is not supported for ${provider}`)
}

/** The door through which this call came. Throws Unsupported when no translation leads from there. */
export const doorOf = (ask: Ask, provider: string): Door => {
  const { compaction } = ask
  if (compaction?.way === 'summary' || compaction?.way === 'own') return compactionDoor(compaction)
  refuseKept(ask, provider)
  const door = DOORS[ask.route.shape]
  if (door === undefined) throw new Unsupported(`${provider} does not serve ${ask.route.name}`)
  return door
}

/** The verb of the path, or the body, has decided whether it streams: that is known by now. */
const readAs = (door: Pick<Door, 'read'>, ask: Ask, body: JsonObject, losses: Losses): NeutralRequest => ({
  ...door.read(body, losses),
  stream: ask.stream,
})

/**
 * What was lost on the way to `dialect`: hints always go. Throws Unsupported with drop_params off for a parameter that
 * carries meaning.
 */
export const settledLosses = (
  ask: Ask,
  losses: Losses,
  to: { readonly provider: string; readonly dialect: string },
): readonly Warning[] => {
  const { warnings, lost, what } = losses.found()
  const weighty = meaningful(lost, ask.route.shape)
  if (weighty.length > 0 && !ask.dropParams)
    throw new Unsupported(
      [
        unsupportedText(to.provider, ask.model, weighty),
        ...weighty.flatMap(name => what.get(name) ?? []),
      ].join(' '),
      weighty[0] ?? null,
    )
  const gone = lost.map(name => {
    const because = what.get(name) ?? `${to.dialect} has no place for it`
    return { lost: name, because: weighty.includes(name) ? `drop_params: ${because}` : because }
  })
  return [...warnings, ...gone]
}

/** Where each dialect has its conversation. */
const CONVERSATION: Readonly<Partial<Record<Dialect, string>>> = { responses: 'input', gemini: 'contents' }

/** Some dialects would have a first word put into an empty conversation: nobody has asked for that answer. */
const refuseSilence = ({ turns }: NeutralRequest, dialect: Dialect, ask: Ask): void => {
  if (turns.length > 0 || ask.compaction !== undefined) return
  const name = CONVERSATION[dialect] ?? 'messages'
  throw new Unsupported(`'${name}' is empty: there is nothing to be answered`, name)
}

type Ways = {
  /** Without a dialect it is only counted: of nothing, too. */
  readonly door: Pick<Door, 'read'> & Partial<Pick<Door, 'dialect' | 'goesOn'>>
  readonly upstream: Upstream
  readonly target: Target
  readonly provider: string
}

/**
 * The request as the upstream has it. Throws Unsupported: for what cannot be carried, and with drop_params off for a lost
 * parameter that carries meaning.
 */
export const carried = (
  ask: Ask,
  { door, upstream, target, provider }: Ways,
): { readonly request: JsonObject; readonly warnings: readonly Warning[] } => {
  refuseGeo(ask, provider)
  withoutThread(ask, provider)
  if (door.goesOn === false && ask.edits.some(({ why }) => why === 'continuation'))
    throw new Unsupported(`${provider} cannot go on in the middle of a text`)
  const losses = collectLosses()
  const read = readAs(door, ask, requestOf(ask, provider), losses)
  if (door.dialect !== undefined) refuseSilence(read, door.dialect, ask)
  const request = upstream.write(withFittingNames(read, upstream), target, losses)
  return { request, warnings: settledLosses(ask, losses, { provider, dialect: upstream.dialect }) }
}

/** The body of the translated request. Throws Unsupported, as `carried` does. */
export const bridge = (ask: Ask, upstream: Upstream, target: Target, provider: string): Bridged => {
  const { request, warnings } = carried(ask, { door: doorOf(ask, provider), upstream, target, provider })
  return { body: bytesOf(request), warnings }
}

const askedOf = (ask: Ask, door: Door, provider: string, how: Stamp & { readonly losses: Losses }): Asked => {
  const body = requestOf(ask, provider)
  return { body, request: readAs(door, ask, body, collectLosses()), model: ask.model, ...how }
}

/** How the answer comes back. The request is read again, and only when there is an answer to be translated. */
export const bridgedReading = (ask: Ask, upstream: Upstream, provider: string, stamp: Stamp): Reading => {
  const door = doorOf(ask, provider)
  const losses = collectLosses()
  const how = { ...stamp, losses }
  return {
    decoder: () => {
      const asked = askedOf(ask, door, provider, how)
      const named = decodingOwnNames(upstream.decoder(), asked.request, upstream)
      const own = decodingFreshIds(named, asked.request)
      return throughBridge(decodingCustomCalls(own, asked.request), door.writer(asked))
    },
    // Whatever the client asked for, a translation brings one answer.
    answers: 1,
    translate: bytes => translateAnswer(bytes, upstream, door, askedOf(ask, door, provider, how)),
    judged: true,
    lost: () => losses.found().warnings,
    ...(upstream.streamType === undefined ? {} : { streamType: upstream.streamType }),
    ...(upstream.errorOf === undefined ? {} : { errorOf: upstream.errorOf }),
  }
}

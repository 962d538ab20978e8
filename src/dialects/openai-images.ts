import type { JsonIndex } from '../wire/index.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { bareError, sightOfOther } from './event-failure.ts'
import {
  content,
  isDone,
  isPing,
  lifecycle,
  listOf,
  listsObjects,
  objectOf,
  parseJson,
  seen,
  textOf,
  unsaid,
  usageFrom,
} from './read-json.ts'
import {
  ALWAYS,
  type ErrorBody,
  type Shape,
  type Sight,
  type StreamEvent,
  type StreamRules,
} from './shape.ts'

const hasPicture = (event: JsonObject | undefined): boolean =>
  textOf(event?.b64_json) !== undefined || textOf(event?.url) !== undefined

/** What one event type means in the typed streams of images and audio. `final` types end the stream. */
type TypedRules = {
  readonly final: ReadonlySet<string>
  /** Members of which one must be non-empty for an event of a known type to count as content. */
  readonly carriers: Readonly<Record<string, string>>
  /** Each answer of several has an end of its own, and `[DONE]` says that there are no more. */
  readonly several: boolean
}

const doneIn = ({ several }: TypedRules): Sight => (several ? { kind: 'lifecycle', ends: 'rest' } : lifecycle)

const endOf = (event: JsonObject, { several }: TypedRules): Sight => {
  const usage = usageFrom(event.usage)
  if (!several) return seen('terminal', usage)
  const shown = hasPicture(event) ? { speaks: true as const } : {}
  return { kind: 'final', ends: 'each', ...shown, ...(usage === undefined ? {} : { usage }) }
}

const sightOfTyped = (event: StreamEvent, rules: TypedRules): Sight => {
  const data = event.data
  if (data === undefined || isPing(event)) return lifecycle
  const parsed = parseJson(data)
  if (!isObject(parsed)) return isDone(data) ? doneIn(rules) : sightOfOther(event, parsed)
  const type = textOf(parsed.type) ?? event.event
  if (rules.final.has(type)) return endOf(parsed, rules)
  const said = saidError(parsed)
  if (said !== undefined) return { kind: 'error', error: said }
  if (type === 'error' || event.event === 'error')
    return { kind: 'error', error: errorObjectOf(parsed) ?? parsed }
  const bare = type === '' ? bareError(parsed) : undefined
  if (bare !== undefined) return { kind: 'error', error: bare }
  const carrier = rules.carriers[type]
  return carrier !== undefined && parsed[carrier] === '' ? lifecycle : content
}

/** Flat members and the nested object: clients of different age read the one or the other. */
export const typedErrorFrame = (error: ErrorBody): string => {
  const { message, param, code } = error
  return `event: error\ndata: ${JSON.stringify({ type: 'error', code, message, param, error })}\n\n`
}

/** Rules of a stream whose events carry a `type` and end with a type of their own. */
export const typedStream = (
  final: readonly string[],
  carriers: TypedRules['carriers'],
  {
    several = false,
    ...more
  }: Pick<StreamRules, 'speaksSoon' | 'continuation' | 'emptyEnd'> &
    Partial<Pick<TypedRules, 'several'>> = {},
): StreamRules => {
  const rules: TypedRules = { final: new Set(final), carriers, several }
  return {
    sight: event => sightOfTyped(event, rules),
    errorFrame: typedErrorFrame,
    endsWithoutTerminal: false,
    ...more,
  }
}

export const errorWithoutData = (answer: JsonObject): JsonObject | undefined => {
  const said = saidError(answer)
  if (said !== undefined) return said
  if (listOf(answer.data)?.some(isObject) === true) return undefined
  return errorObjectOf(answer) ?? unsaid('The provider answered without data.', 'empty_answer')
}

/** `data` lists something, and no `error` beside it: images and vectors are large, and are not parsed here. */
export const calmData = ({ bytes, members }: JsonIndex): boolean => {
  const data = members.get('data')
  return data !== undefined && listsObjects(bytes, data) && !members.has('error')
}

/** The last event brings the picture: one without it, and none before it, is no answer. */
const withoutPicture = (events: readonly StreamEvent[]): JsonObject | undefined => {
  const shown = events.map(({ data }) => objectOf(parseJson(data ?? ''))).some(hasPicture)
  return shown ? undefined : unsaid('The provider ended the stream without a picture.', 'empty_answer')
}

export const images: Shape = {
  name: 'images',
  errorInside: errorWithoutData,
  calm: calmData,
  hedge: ALWAYS,
  usageOf: answer => usageFrom(answer.usage),
  stream: typedStream(
    ['image_generation.completed', 'image_edit.completed'],
    { 'image_generation.partial_image': 'b64_json', 'image_edit.partial_image': 'b64_json' },
    { emptyEnd: withoutPicture, several: true },
  ),
}

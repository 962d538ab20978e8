import { Unsupported } from '../providers/provider.ts'
import { parseExact } from '../wire/exact-json.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { inputObject } from './custom-tools.ts'
import { isThird, NO_SIGNATURE } from './gemini-words.ts'
import type { Losses } from './losses.ts'
import type { CallPart, MediaPart, Part, ResultPart, Sealed, Source, TextPart, Turn } from './neutral.ts'
import { paired } from './open-calls.ts'

/** Neutral turns as `contents`: user and model in turn, the user first, no content without parts. */

export type Contents = {
  readonly system: readonly JsonObject[]
  readonly contents: readonly JsonObject[]
}

/** One content under construction. Responses of functions stand before everything else. */
type Content = {
  readonly role: 'user' | 'model'
  readonly responses: JsonObject[]
  readonly parts: JsonObject[]
}

type Writer = {
  readonly model: string
  readonly losses: Losses
}

const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  html: 'text/html',
  csv: 'text/csv',
  mp4: 'video/mp4',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
}

const typeOfUrl = (url: string): string | undefined =>
  TYPES[/\.([a-z0-9]+)$/i.exec(URL.parse(url)?.pathname ?? '')?.[1]?.toLowerCase() ?? '']

/** One type of images is written in two ways, and only one of them is known here. */
const typeOf = (mime: string): string => (mime === 'image/jpg' ? 'image/jpeg' : mime)

const sourcePart = (source: Source, kind: 'image' | 'file', { model }: Writer): JsonObject => {
  if (source.kind === 'bytes') return { inlineData: { mimeType: typeOf(source.mime), data: source.base64 } }
  if (source.kind === 'id')
    throw new Unsupported(`Gemini cannot read the file '${source.id}' of another account`, `${kind}.file_id`)
  // Addresses of anybody's are fetched by the provider since January 2026, for models after 2.0.
  if (/gemini-(?:1|2\.0)/.test(model) || !/^(?:https|gs):/.test(source.url))
    throw new Unsupported(`${model} takes images and files as bytes, not by their address`, `${kind}_url`)
  const mimeType = source.mime ?? typeOfUrl(source.url) ?? (kind === 'image' ? 'image/jpeg' : undefined)
  return { fileData: { fileUri: source.url, ...(mimeType === undefined ? {} : { mimeType }) } }
}

const mediaPart = (part: MediaPart, writer: Writer): JsonObject =>
  part.kind === 'audio'
    ? { inlineData: { mimeType: part.mime, data: part.base64 } }
    : sourcePart(part.source, part.kind, writer)

const noteMarks = (part: Part, { losses }: Writer): void => {
  if ('cache' in part && part.cache !== undefined)
    losses.warn('cache_control', 'Gemini caches prompts by itself')
  if ('detail' in part && part.detail !== undefined && part.detail !== 'auto')
    losses.warn('detail', 'Gemini looks at all images in the same way')
  if (part.kind === 'file' && part.name !== undefined)
    losses.warn('filename', 'Gemini knows no names of files')
}

const own = (sealed: Sealed | undefined): JsonObject =>
  sealed?.issuer === 'gemini' ? { thoughtSignature: sealed.payload } : {}

/** Arguments are a text that should hold an object. What does not parse is kept as text, not thrown away. */
const argsOf = (call: CallPart, losses: Losses): JsonObject => {
  if (call.custom === true) return inputObject(call.input)
  if (call.input.trim() === '') return {}
  try {
    const value = parseExact(call.input)
    if (isObject(value)) return value
  } catch {
    // Falls through to the text form.
  }
  losses.warn('arguments of a tool call', 'no JSON object: sent as text')
  return { raw_arguments: call.input }
}

const callPart = (call: CallPart, losses: Losses): JsonObject => ({
  functionCall: { id: call.id, name: call.name, args: argsOf(call, losses) },
  ...own(call.sealed),
})

/** A text that is an object is that object; every other text has a member of its own. */
const responseOf = (text: string, failed: boolean): JsonObject => {
  if (!failed && /^\s*\{/.test(text)) {
    try {
      const value = parseExact(text)
      if (isObject(value)) return value
    } catch {
      // A text that only begins like an object.
    }
  }
  return failed ? { error: text } : { output: text }
}

/** The response, and media of it that this model takes only beside it. */
const resultParts = (
  result: ResultPart,
  name: string,
  writer: Writer,
): { readonly response: JsonObject; readonly beside: readonly JsonObject[] } => {
  for (const part of [result, ...result.content]) noteMarks(part, writer)
  const texts = result.content.filter((part): part is TextPart => part.kind === 'text')
  const media = result.content.filter((part): part is MediaPart => part.kind !== 'text')
  const text = texts.map(part => part.text).join('\n')
  const parts = media.map(part => mediaPart(part, writer))
  const inside = isThird(writer.model) && parts.length > 0
  const functionResponse = {
    id: result.id,
    name,
    response: responseOf(text, result.failed === true),
    ...(inside ? { parts } : {}),
  }
  return { response: { functionResponse }, beside: inside ? [] : parts }
}

const reasoningPart = (part: Part & { kind: 'reasoning' }, losses: Losses): JsonObject[] => {
  if (part.sealed?.issuer === 'gemini') {
    const { text } = part
    return [{ text, ...(text === '' ? {} : { thought: true }), ...own(part.sealed) }]
  }
  if (part.text !== '' || part.sealed !== undefined)
    losses.warn('earlier reasoning', 'Gemini takes back only what it has signed')
  return []
}

const plainPart = (part: Exclude<Part, ResultPart>, writer: Writer): JsonObject[] => {
  noteMarks(part, writer)
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'summary':
      return part.text === '' ? [] : [{ text: part.text }]
    case 'reasoning':
      return reasoningPart(part, writer.losses)
    case 'call':
      return [callPart(part, writer.losses)]
    default:
      return [mediaPart(part, writer)]
  }
}

/**
 * Only the first call of a model's turn has to be signed. One that another model made gets the published
 * placeholder, because models since the third generation refuse a call without any.
 */
const signed = (parts: readonly JsonObject[], model: string): readonly JsonObject[] => {
  const first = parts.findIndex(part => part.functionCall !== undefined)
  if (first === -1 || !isThird(model)) return parts
  return parts.map((part, index) =>
    index === first && part.thoughtSignature === undefined
      ? { ...part, thoughtSignature: NO_SIGNATURE }
      : part,
  )
}

const callsIn = (content: Content | undefined): readonly JsonObject[] =>
  (content?.role === 'model' ? content.parts : []).flatMap(({ functionCall }) =>
    isObject(functionCall) ? [functionCall] : [],
  )

/** Responses in the order of their calls: the API pairs them by it. */
const answering = (content: Content, before: Content | undefined): Content => {
  const left = [...content.responses]
  const responses = callsIn(before).flatMap(({ id }) => {
    const place = left.findIndex(
      ({ functionResponse }) => isObject(functionResponse) && functionResponse.id === id,
    )
    return place === -1 ? [] : left.splice(place, 1)
  })
  return { ...content, responses: [...responses, ...left] }
}

/** Ids have paired calls and responses here; Vertex AI refuses them, and everybody else goes by the order. */
const withoutIds = (part: JsonObject): JsonObject => {
  const { functionCall, functionResponse } = part
  if (isObject(functionCall)) {
    const { id: _id, ...call } = functionCall
    return { ...part, functionCall: call }
  }
  if (!isObject(functionResponse)) return part
  const { id: _id, ...response } = functionResponse
  return { ...part, functionResponse: response }
}

const contentFor = (contents: Content[], role: Content['role']): Content => {
  const last = contents.at(-1)
  if (last?.role === role) return last
  const made: Content = { role, responses: [], parts: [] }
  contents.push(made)
  return made
}

/** A blank is no text that the API refuses, and says nothing. */
const BLANK: JsonObject = { text: ' ' }

const isEmpty = (content: Content): boolean => content.responses.length + content.parts.length === 0

const merged = (contents: readonly Content[]): Content[] => {
  const whole: Content[] = []
  for (const content of contents) {
    if (isEmpty(content)) continue
    const into = contentFor(whole, content.role)
    into.responses.push(...content.responses)
    into.parts.push(...content.parts)
  }
  return whole
}

const finished = (contents: readonly Content[], { losses, model }: Writer): JsonObject[] => {
  const whole = merged(contents)
  if (whole[0]?.role !== 'user') {
    if (whole.length > 0) losses.warn('first message', 'Gemini wants the first one from the user: a blank')
    whole.unshift({ role: 'user', responses: [], parts: [BLANK] })
  }
  return whole.map((content, index) => {
    const { role, responses, parts } =
      content.role === 'user' ? answering(content, whole[index - 1]) : content
    const said = role === 'model' ? signed(parts, model) : parts
    return { role, parts: [...responses, ...said].map(withoutIds) }
  })
}

const namesIn = (turns: readonly Turn[]): ReadonlyMap<string, string> =>
  new Map(
    turns.flatMap(turn =>
      turn.parts.flatMap(part => (part.kind === 'call' ? [[part.id, part.name] as const] : [])),
    ),
  )

/** A system message in the middle: this dialect has one place for them, before everything. */
const folded = (parts: readonly JsonObject[]): readonly JsonObject[] =>
  parts.map(part => (typeof part.text === 'string' ? { text: `<system>\n${part.text}\n</system>` } : part))

/** Throws Unsupported for media that cannot be carried. */
export const contentsOf = (turns: readonly Turn[], writer: Writer): Contents => {
  const names = namesIn(turns)
  const system: JsonObject[] = []
  const contents: Content[] = []
  for (const turn of paired(turns, writer.losses)) {
    const plain = turn.parts.filter(part => part.kind !== 'result').flatMap(part => plainPart(part, writer))
    if (turn.role === 'system') {
      if (contents.length === 0) system.push(...plain)
      else {
        writer.losses.warn('position of a later system message', 'it is told within the user turn')
        contentFor(contents, 'user').parts.push(...folded(plain))
      }
      continue
    }
    const content = contentFor(contents, turn.role === 'assistant' ? 'model' : 'user')
    for (const part of turn.parts) {
      if (part.kind !== 'result') continue
      const { response, beside } = resultParts(part, part.name || names.get(part.id) || '', writer)
      content.responses.push(response)
      content.parts.push(...beside)
    }
    content.parts.push(...plain)
  }
  return { system, contents: finished(contents, writer) }
}

import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { CacheMark, MediaPart, Part, Source, TextPart } from './neutral.ts'
import { fileName } from './openai-limits.ts'
import { objectOf, spelled, textOf } from './read-json.ts'

/** Content parts of Chat Completions, both ways. */

export const present = (value: Json | undefined): value is Json => value !== undefined && value !== null

const TYPE = /^[a-z0-9.+-]+\/[a-z0-9.+-]+/

/** `data:<type>[;…][;base64],<data>`; undefined for any other address. */
const fromDataUrl = (url: string): { readonly mime: string; readonly base64: string } | undefined => {
  if (!/^data:/i.test(url)) return undefined
  const comma = url.indexOf(',')
  if (comma < 0) return undefined
  const head = url.slice(5, comma).toLowerCase()
  const mime = TYPE.exec(head)?.[0] ?? ''
  const data = url.slice(comma + 1)
  if (/;\s*base64$/.test(head)) return { mime, base64: data }
  try {
    return { mime, base64: Buffer.from(decodeURIComponent(data)).toString('base64') }
  } catch {
    return undefined
  }
}

export const sourceOf = (url: string): Source => {
  const data = fromDataUrl(url)
  return data === undefined ? { kind: 'url', url } : { kind: 'bytes', ...data }
}

/**
 * cache_control as Anthropic writes it, which LiteLLM takes on parts, messages and tools of a chat; or OpenAI's
 * prompt_cache_breakpoint.
 */
export const cacheIn = (carrier: JsonObject): { readonly cache?: CacheMark } => {
  const control = carrier.cache_control
  if (!isObject(control)) return isObject(carrier.prompt_cache_breakpoint) ? { cache: {} } : {}
  const { ttl } = control
  return { cache: ttl === '5m' || ttl === '1h' ? { ttl } : {} }
}

const DETAILS = ['low', 'high', 'auto', 'original'] as const

const readImage = (part: JsonObject, path: string): MediaPart => {
  const image = objectOf(part.image_url)
  const url = textOf(image?.url) ?? textOf(part.image_url)
  if (url === undefined) throw new Unsupported(`'${path}.image_url' has no url`, `${path}.image_url`)
  const detail = DETAILS.find(each => each === image?.detail)
  return {
    kind: 'image',
    source: sourceOf(url),
    ...(detail === undefined ? {} : { detail }),
    ...cacheIn(part),
  }
}

const readFile = (part: JsonObject, path: string): MediaPart => {
  const file = objectOf(part.file) ?? {}
  const name = textOf(file.filename)
  const named = name === undefined ? {} : { name }
  const data = textOf(file.file_data)
  if (data !== undefined) return { kind: 'file', source: sourceOf(data), ...named, ...cacheIn(part) }
  const id = textOf(file.file_id)
  if (id === undefined) throw new Unsupported(`'${path}.file' holds no file`, `${path}.file`)
  // LiteLLM takes an address in the place of an id.
  const source: Source = /^(?:https?|gs):\/\//.test(id) ? { kind: 'url', url: id } : { kind: 'id', id }
  return { kind: 'file', source, ...named, ...cacheIn(part) }
}

const readAudio = (part: JsonObject, path: string): MediaPart => {
  const { data, format } = objectOf(part.input_audio) ?? {}
  if (typeof data !== 'string' || typeof format !== 'string')
    throw new Unsupported(`'${path}.input_audio' holds no audio`, `${path}.input_audio`)
  return { kind: 'audio', mime: format === 'mp3' ? 'audio/mpeg' : `audio/${format}`, base64: data }
}

const readPart = (part: Json, path: string): TextPart | MediaPart | (Part & { kind: 'refusal' }) => {
  if (!isObject(part)) throw new Unsupported(`'${path}' is no content part`, path)
  switch (part.type) {
    case 'text':
      return { kind: 'text', text: typeof part.text === 'string' ? part.text : '', ...cacheIn(part) }
    case 'refusal':
      return { kind: 'refusal', text: typeof part.refusal === 'string' ? part.refusal : '' }
    case 'image_url':
      return readImage(part, path)
    case 'file':
      return readFile(part, path)
    case 'input_audio':
      return readAudio(part, path)
    default:
      throw new Unsupported(
        `content of type '${spelled(part.type)}' cannot be translated (${path})`,
        `${path}.type`,
      )
  }
}

/** The content of a message: a text, or parts. A mark on the message marks its last part. */
export const readContent = (
  message: JsonObject,
  path: string,
): readonly (TextPart | MediaPart | (Part & { kind: 'refusal' }))[] => {
  const { content } = message
  if (typeof content === 'string')
    return content === '' ? [] : [{ kind: 'text', text: content, ...cacheIn(message) }]
  if (!present(content)) return []
  if (!Array.isArray(content)) throw new Unsupported(`'${path}.content' is no content`, `${path}.content`)
  const parts = content.map((part: Json, index: number) => readPart(part, `${path}.content[${index}]`))
  const last = parts.at(-1)
  if (
    !isObject(message.cache_control) ||
    last === undefined ||
    last.kind === 'audio' ||
    last.kind === 'refusal'
  )
    return parts
  return [...parts.slice(0, -1), { ...last, ...cacheIn(message) }]
}

export const dataUrl = (mime: string, base64: string): string => `data:${mime};base64,${base64}`

const AUDIO: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/wave': 'wav',
  'audio/x-wav': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
}

const writeImage = (part: MediaPart & { kind: 'image' }, path: string): JsonObject => {
  const { source, detail } = part
  if (source.kind === 'id')
    throw new Unsupported(`chat has no images by file id (${path})`, `${path}.image_url`)
  const url = source.kind === 'url' ? source.url : dataUrl(source.mime, source.base64)
  // `original` is the Responses API's own.
  const wanted = detail === 'original' ? 'high' : detail
  return { type: 'image_url', image_url: { url, ...(wanted === undefined ? {} : { detail: wanted }) } }
}

const writeFile = ({ source, name }: MediaPart & { kind: 'file' }, path: string): JsonObject => {
  if (source.kind !== 'bytes') {
    const what = source.kind === 'id' ? 'a file id of another account' : 'files by address'
    throw new Unsupported(`chat cannot take ${what} (${path})`, `${path}.file`)
  }
  return {
    type: 'file',
    file: { filename: fileName(name, source.mime), file_data: dataUrl(source.mime, source.base64) },
  }
}

/** Throws Unsupported for what no chat request can hold: foreign ids, files by address, odd audio. */
export const writePart = (part: TextPart | MediaPart, path: string): JsonObject => {
  switch (part.kind) {
    case 'text':
      return { type: 'text', text: part.text }
    case 'image':
      return writeImage(part, path)
    case 'file':
      return writeFile(part, path)
    case 'audio': {
      const format = AUDIO[part.mime]
      if (format === undefined)
        throw new Unsupported(`chat takes wav and mp3, not ${part.mime} (${path})`, `${path}.input_audio`)
      return { type: 'input_audio', input_audio: { data: part.base64, format } }
    }
  }
}

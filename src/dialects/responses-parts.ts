import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'
import type { CacheMark, MediaPart, Part, Source, TextPart } from './neutral.ts'
import { fileName, mimeOf } from './openai-limits.ts'
import { spelled } from './read-json.ts'

/** Content parts of Responses messages and tool outputs, both ways. */

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/i

/** `data:<mime>;base64,<bytes>` as bytes; undefined when it is none. */
const inData = (url: string): Source | undefined => {
  const head = DATA_URL.exec(url)
  if (head === null) return undefined
  const rest = url.slice(head[0].length)
  const mime = head[1] || 'text/plain'
  return head[3] === undefined
    ? { kind: 'bytes', mime, base64: Buffer.from(decoded(rest)).toString('base64') }
    : { kind: 'bytes', mime, base64: rest }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const cacheOf = (part: JsonObject): { cache?: CacheMark } =>
  isObject(part.prompt_cache_breakpoint) ? { cache: {} } : {}

const DETAILS = ['low', 'high', 'auto', 'original'] as const

const imageOf = (part: JsonObject, path: string): MediaPart => {
  const { image_url: url, file_id: id } = part
  const detail = DETAILS.find(known => known === part.detail)
  const more = { ...(detail === undefined ? {} : { detail }), ...cacheOf(part) }
  // Chat writes an object here; some clients of this dialect do, too.
  const address = isObject(url) ? url.url : url
  if (typeof address === 'string')
    return { kind: 'image', source: inData(address) ?? { kind: 'url', url: address }, ...more }
  if (typeof id === 'string') return { kind: 'image', source: { kind: 'id', id }, ...more }
  throw new Unsupported(`'${path}' has neither image_url nor file_id`, path)
}

const fileSource = (part: JsonObject, path: string): Source => {
  const { file_data: data, file_url: url, file_id: id } = part
  if (typeof data === 'string')
    return inData(data) ?? { kind: 'bytes', mime: mimeOf(part.filename), base64: data }
  if (typeof url === 'string') return inData(url) ?? { kind: 'url', url }
  if (typeof id === 'string') return { kind: 'id', id }
  throw new Unsupported(`'${path}' has no file_data, file_url or file_id`, path)
}

const fileOf = (part: JsonObject, path: string, losses: Losses): MediaPart => {
  if (typeof part.detail === 'string') losses.warn('input_file.detail', 'only Responses has it')
  const name = typeof part.filename === 'string' ? { name: part.filename } : {}
  return { kind: 'file', source: fileSource(part, path), ...name, ...cacheOf(part) }
}

const audioOf = (part: JsonObject, path: string): MediaPart => {
  const audio = isObject(part.input_audio) ? part.input_audio : part
  if (typeof audio.data !== 'string') throw new Unsupported(`'${path}' has no audio data`, path)
  const format = typeof audio.format === 'string' ? audio.format : 'wav'
  return { kind: 'audio', mime: `audio/${format === 'mp3' ? 'mpeg' : format}`, base64: audio.data }
}

const textFrom = (part: JsonObject): TextPart => {
  const annotations = Array.isArray(part.annotations) ? part.annotations.filter(isObject) : []
  return {
    kind: 'text',
    text: typeof part.text === 'string' ? part.text : '',
    ...cacheOf(part),
    ...(annotations.length === 0 ? {} : { annotations }),
  }
}

const readPart = (
  part: Json,
  path: string,
  losses: Losses,
): TextPart | MediaPart | { kind: 'refusal'; text: string } => {
  if (!isObject(part)) throw new Unsupported(`'${path}' is no content part`, path)
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
    case 'reasoning_text':
      return textFrom(part)
    case 'refusal':
      return { kind: 'refusal', text: typeof part.refusal === 'string' ? part.refusal : '' }
    case 'input_image':
    case 'computer_screenshot':
      return imageOf(part, path)
    case 'input_file':
      return fileOf(part, path, losses)
    case 'input_audio':
      return audioOf(part, path)
    default:
      throw new Unsupported(
        `'${path}' is of a kind that only Responses has: ${spelled(part.type)}`,
        `${path}.type`,
      )
  }
}

/** The content of a message: a text or a list of parts. Throws Unsupported. */
export const readContent = (content: Json | undefined, path: string, losses: Losses): readonly Part[] => {
  if (typeof content === 'string') return [{ kind: 'text', text: content }]
  if (content === undefined || content === null) return []
  if (!Array.isArray(content)) throw new Unsupported(`'${path}' is no content`, path)
  return content.map((part, index) => readPart(part, `${path}[${index}]`, losses))
}

/** What a tool put out. A refusal has no place there and is its words. */
export const readOutput = (
  output: Json | undefined,
  path: string,
  losses: Losses,
): readonly (TextPart | MediaPart)[] => {
  // Some clients send what the tool gave them as it is.
  const plain = isObject(output) && output.type === undefined ? JSON.stringify(output) : output
  const list = isObject(plain) ? [plain] : plain
  return readContent(list, path, losses).flatMap((part): (TextPart | MediaPart)[] => {
    if (part.kind === 'refusal') return [{ kind: 'text', text: part.text }]
    return part.kind === 'text' || part.kind === 'image' || part.kind === 'file' || part.kind === 'audio'
      ? [part]
      : []
  })
}

const breakpoint = (cache: CacheMark | undefined): JsonObject =>
  cache === undefined ? {} : { prompt_cache_breakpoint: { mode: 'explicit' } }

const dataUrl = (mime: string, base64: string): string => `data:${mime};base64,${base64}`

/** Ids of OpenAI's own files, which may belong to this account. Throws Unsupported for another provider's. */
const ownId = (id: string): string => {
  if (!/^(?:files\/|[a-z]+:\/\/)/i.test(id)) return id
  throw new Unsupported('a file that was uploaded to one provider cannot be read by another', 'file_id')
}

const writeImage = (part: Extract<MediaPart, { kind: 'image' }>): JsonObject => {
  const { source, detail } = part
  const place =
    source.kind === 'id'
      ? { file_id: ownId(source.id) }
      : { image_url: source.kind === 'url' ? source.url : dataUrl(source.mime, source.base64) }
  return { type: 'input_image', detail: detail ?? 'auto', ...place, ...breakpoint(part.cache) }
}

const writeFile = (part: Extract<MediaPart, { kind: 'file' }>): JsonObject => {
  const { source, name } = part
  if (source.kind === 'id')
    return { type: 'input_file', file_id: ownId(source.id), ...breakpoint(part.cache) }
  if (source.kind === 'url') return { type: 'input_file', file_url: source.url, ...breakpoint(part.cache) }
  return {
    type: 'input_file',
    filename: fileName(name, source.mime),
    file_data: dataUrl(source.mime, source.base64),
    ...breakpoint(part.cache),
  }
}

/** One part of a user's or the system's message, or of a tool's output. Throws Unsupported for audio. */
export const writePart = (part: TextPart | MediaPart): JsonObject => {
  switch (part.kind) {
    case 'text':
      return { type: 'input_text', text: part.text, ...breakpoint(part.cache) }
    case 'image':
      return writeImage(part)
    case 'file':
      return writeFile(part)
    case 'audio':
      throw new Unsupported(
        'the Responses dialect cannot hear: it takes text, images and files',
        'input_audio',
      )
  }
}

/** What a tool of the provider drew, as an item holds it; one that failed has no result. */
export const readPicture = ({ result, output_format: format }: JsonObject): readonly MediaPart[] =>
  typeof result === 'string' && result !== ''
    ? [
        {
          kind: 'image',
          source: {
            kind: 'bytes',
            mime: `image/${typeof format === 'string' ? format : 'png'}`,
            base64: result,
          },
        },
      ]
    : []

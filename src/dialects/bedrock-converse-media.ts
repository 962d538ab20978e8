import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

const IMAGES: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/gif': 'gif',
  'image/webp': 'webp',
}

const DOCUMENTS: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'text/csv': 'csv',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
}

type DataUrl = { readonly mediaType: string; readonly base64: string }

/** `data:<type>;base64,<data>`; undefined for anything else. */
const readDataUrl = (url: Json | undefined): DataUrl | undefined => {
  if (typeof url !== 'string' || !url.startsWith('data:')) return undefined
  const comma = url.indexOf(',')
  const [mediaType = '', ...parameters] = url.slice(5, comma).toLowerCase().split(';')
  if (comma < 0 || parameters.at(-1)?.trim() !== 'base64') return undefined
  return { mediaType: mediaType.trim(), base64: url.slice(comma + 1) }
}

/** An image_url part. Converse takes bytes only: an address would have to be fetched, and the gateway does not. */
export const imageBlock = (part: JsonObject, path: string): JsonObject => {
  const url = isObject(part.image_url) ? part.image_url.url : part.image_url
  const param = `${path}.image_url`
  const data = readDataUrl(url)
  if (data === undefined)
    throw new Unsupported(`Bedrock takes images as base64 data URLs only (${param})`, param)
  const format = IMAGES[data.mediaType]
  if (format === undefined)
    throw new Unsupported(`Bedrock takes no ${data.mediaType || 'untyped'} images`, param)
  return { image: { format, source: { bytes: data.base64 } } }
}

/** Letters, digits, single spaces, hyphens and brackets: nothing else may stand in a document's name. */
const documentName = (filename: Json | undefined, taken: Set<string>): string => {
  const stem = typeof filename === 'string' ? filename.replace(/\.[A-Za-z0-9]{1,5}$/, '') : ''
  const plain =
    stem
      .replace(/[^A-Za-z0-9()[\] -]+/g, '-')
      .replace(/ +/g, ' ')
      .trim()
      .slice(0, 180) || 'document'
  let name = plain
  for (let count = 2; taken.has(name); count += 1) name = `${plain} ${count}`
  taken.add(name)
  return name
}

/** A file part with inline data. A file id belongs to another provider's account. */
export const documentBlock = (part: JsonObject, path: string, taken: Set<string>): JsonObject => {
  const file = isObject(part.file) ? part.file : {}
  const param = `${path}.file`
  const data = readDataUrl(file.file_data)
  if (data === undefined)
    throw new Unsupported(`Bedrock takes files as base64 data URLs only (${param})`, param)
  const format = DOCUMENTS[data.mediaType]
  if (format === undefined)
    throw new Unsupported(`Bedrock takes no ${data.mediaType || 'untyped'} documents`, param)
  return { document: { name: documentName(file.filename, taken), format, source: { bytes: data.base64 } } }
}

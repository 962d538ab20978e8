import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import type { MediaPart } from './neutral.ts'

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

/** Converse takes bytes only: an address would have to be fetched, and the gateway does not. */
const imageBlock = ({ source }: MediaPart & { kind: 'image' }, path: string): JsonObject => {
  const param = `${path}.image_url`
  if (source.kind !== 'bytes')
    throw new Unsupported(`Bedrock takes images as base64 data URLs only (${param})`, param)
  const format = IMAGES[source.mime]
  if (format === undefined)
    throw new Unsupported(`Bedrock takes no ${source.mime || 'untyped'} images`, param)
  return { image: { format, source: { bytes: source.base64 } } }
}

/** Letters, digits, single spaces, hyphens and brackets: nothing else may stand in a document's name. */
const documentName = (filename: string | undefined, taken: Set<string>): string => {
  const stem = (filename ?? '').replace(/\.[A-Za-z0-9]{1,5}$/, '')
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

/** A file id belongs to another provider's account. */
const documentBlock = (
  { source, name }: MediaPart & { kind: 'file' },
  path: string,
  taken: Set<string>,
): JsonObject => {
  const param = `${path}.file`
  if (source.kind !== 'bytes')
    throw new Unsupported(`Bedrock takes files as base64 data URLs only (${param})`, param)
  // Pictures are no documents, wherever they stand.
  const image = IMAGES[source.mime]
  if (image !== undefined) return { image: { format: image, source: { bytes: source.base64 } } }
  const format = DOCUMENTS[source.mime]
  if (format === undefined)
    throw new Unsupported(`Bedrock takes no ${source.mime || 'untyped'} documents`, param)
  return { document: { name: documentName(name, taken), format, source: { bytes: source.base64 } } }
}

/** `taken`: names of documents in this request so far; no two may have one name. */
export const mediaBlock = (part: MediaPart, path: string, taken: Set<string>): JsonObject => {
  switch (part.kind) {
    case 'image':
      return imageBlock(part, path)
    case 'file':
      return documentBlock(part, path, taken)
    case 'audio':
      throw new Unsupported(`Bedrock cannot take content of type 'input_audio' (${path})`, `${path}.type`)
  }
}

import { asBuffer, textOf } from './bytes.ts'

/** One part of a multipart/form-data body by byte offsets; the content is [start, end). */
export type Part = {
  readonly name: string
  readonly filename: string | undefined
  readonly contentType: string | undefined
  readonly start: number
  readonly end: number
}

/** `start` is the offset of the first delimiter line; every further one follows the CRLF behind a part. */
export type MultipartIndex = {
  readonly boundary: string
  readonly start: number
  readonly parts: readonly Part[]
}

export type MultipartLimits = { readonly maxParts: number; readonly maxHeaderBytes: number }

/** The form cannot be read, or not in one way only. The message is for the client and quotes no content. */
export class MultipartFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MultipartFault'
  }
}

const LIMITS: MultipartLimits = { maxParts: 1000, maxHeaderBytes: 16 * 1024 }

const CRLF = '\r\n'
const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d

const UNENDED = 'The form ends before its final boundary.'
const AMBIGUOUS = 'The multipart boundary also occurs inside the form; choose another one.'

/** RFC 2046 section 5.1.1: characters of this set, the last one no space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/

/** `; name=token` or `; name="quoted"`, one after the other. */
const PARAMETER = /\s*;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/y

/** The parameters behind a header's first word; undefined when they cannot be read or one is given twice. */
const parametersOf = (header: string): ReadonlyMap<string, string> | undefined => {
  const found = new Map<string, string>()
  const first = header.indexOf(';')
  if (first < 0) return found
  let end = first
  PARAMETER.lastIndex = first
  for (let match = PARAMETER.exec(header); match !== null; match = PARAMETER.exec(header)) {
    end = PARAMETER.lastIndex
    const name = (match[1] ?? '').toLowerCase()
    if (found.has(name)) return undefined
    found.set(name, match[2]?.replace(/\\(["\\])/g, '$1') ?? match[3] ?? '')
  }
  return /^[\s;]*$/.test(header.slice(end)) ? found : undefined
}

const boundaryOf = (contentType: string): string => {
  if (!/^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    throw new MultipartFault('The content type must be multipart/form-data.')
  }
  const boundary = parametersOf(contentType)?.get('boundary') ?? ''
  if (boundary === '') throw new MultipartFault('The content type multipart/form-data names no boundary.')
  if (boundary.length > 70) throw new MultipartFault('The multipart boundary is longer than 70 characters.')
  if (!BOUNDARY.test(boundary))
    throw new MultipartFault('The multipart boundary has characters it may not have.')
  return boundary
}

/** Browsers write a quote or a line break in a name as %22, %0D, %0A (HTML, "multipart/form-data encoding"). */
const unescaped = (name: string): string =>
  name.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n')

const escaped = (name: string): string =>
  name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

/** `filename*` of RFC 8187; only UTF-8 is in use. */
const extended = (value: string | undefined): string | undefined => {
  if (value === undefined) return undefined
  try {
    return decodeURIComponent(value.replace(/^utf-8'[^']*'/i, ''))
  } catch {
    return value
  }
}

const headersOf = (text: string, nth: number): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>()
  for (const line of text.split(CRLF)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).toLowerCase()
    // A repeated or folded header is where two parsers see two forms.
    if (!/^[!-9;-~]+$/.test(name) || headers.has(name)) {
      throw new MultipartFault(`Part ${nth} of the form has a header that cannot be read.`)
    }
    headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}

const partOf = (text: string, nth: number, start: number, end: number): Part => {
  const headers = headersOf(text, nth)
  const disposition = headers.get('content-disposition') ?? ''
  const parameters = parametersOf(disposition)
  const name = parameters?.get('name')
  if (!/^form-data\s*;/i.test(disposition) || parameters === undefined || name === undefined) {
    throw new MultipartFault(
      `Part ${nth} of the form has no name (content-disposition: form-data; name="…").`,
    )
  }
  // Deprecated by RFC 7578; a provider that still decodes it would read another value than we do.
  if (!/^(?:|7bit|8bit|binary)$/i.test(headers.get('content-transfer-encoding') ?? '')) {
    throw new MultipartFault(
      `Part ${nth} of the form has a content-transfer-encoding; send its bytes as they are.`,
    )
  }
  const filename = parameters.get('filename')
  return {
    name: unescaped(name),
    filename: filename === undefined ? extended(parameters.get('filename*')) : unescaped(filename),
    contentType: headers.get('content-type'),
    start,
    end,
  }
}

/** What stands behind a boundary: 'last', or the offset where the part's headers start. */
const afterBoundary = (bytes: Buffer, from: number): number | 'last' => {
  const last = bytes[from] === DASH && bytes[from + 1] === DASH
  let at = last ? from + 2 : from
  while (bytes[at] === 0x20 || bytes[at] === 0x09) at++
  if (last && (at === bytes.length || bytes[at] === CR || bytes[at] === LF)) return 'last'
  if (!last && bytes[at] === CR && bytes[at + 1] === LF) return at + 2
  throw new MultipartFault(at >= bytes.length - 1 ? UNENDED : AMBIGUOUS)
}

/** The offset of the next line that begins with the boundary; -1 when there is none. */
const nextDelimiter = (bytes: Buffer, needle: Buffer, from: number): number => {
  const at = bytes.indexOf(needle, from)
  // A parser that takes a bare LF would see a part end here, one that asks for CRLF would not.
  if (at >= 0 && bytes[at - 1] !== CR) throw new MultipartFault(AMBIGUOUS)
  return at < 0 ? -1 : at + 1
}

/** The offset of the first delimiter: at the very start, or behind a preamble. */
const firstDelimiter = (bytes: Buffer, needle: Buffer): number => {
  const opening = needle.subarray(1)
  if (bytes.subarray(0, opening.length).equals(opening)) return 0
  const at = nextDelimiter(bytes, needle, 0)
  if (at < 0) throw new MultipartFault('The form does not contain the boundary its content type names.')
  return at
}

const unendedHeaders = (nth: number, limits: MultipartLimits, seen: number): MultipartFault =>
  new MultipartFault(
    seen > limits.maxHeaderBytes
      ? `Part ${nth} of the form has more than ${limits.maxHeaderBytes} bytes of headers.`
      : `The form ends inside the headers of part ${nth}.`,
  )

/** Fields that decide who serves a call and how: given twice, we and the provider could read different ones. */
const SINGLE_FIELDS: ReadonlySet<string> = new Set(['model', 'stream'])

const checkSingle = (parts: readonly Part[]): void => {
  const seen = new Set<string>()
  for (const { name, filename } of parts) {
    if (!SINGLE_FIELDS.has(name)) continue
    if (filename !== undefined)
      throw new MultipartFault(`The form sends '${name}' as a file; it is a plain field.`)
    if (seen.has(name)) throw new MultipartFault(`The form gives the field '${name}' twice; once is allowed.`)
    seen.add(name)
  }
}

/**
 * Reads a multipart/form-data body (RFC 7578) and remembers where its parts are. Nothing is copied, written to disk
 * or opened; a filename is only a text. Strict where parsers differ: lines end in CRLF, the boundary begins no other
 * line, no header or parameter comes twice, nor do `model` and `stream`. Limits: 1000 parts, 16 KiB of headers in
 * a part. Throws MultipartFault.
 */
export const indexMultipart = (
  bytes: Uint8Array,
  contentType: string,
  limits: MultipartLimits = LIMITS,
): MultipartIndex => {
  const boundary = boundaryOf(contentType)
  const body = asBuffer(bytes)
  const needle = Buffer.from(`\n--${boundary}`)
  const start = firstDelimiter(body, needle)
  const parts: Part[] = []
  for (let delimiter = start; ; ) {
    const headerStart = afterBoundary(body, delimiter + needle.length - 1)
    if (headerStart === 'last') {
      checkSingle(parts)
      return { boundary, start, parts }
    }
    const nth = parts.length + 1
    if (nth > limits.maxParts) throw new MultipartFault(`The form has more than ${limits.maxParts} parts.`)
    const window = body.subarray(headerStart, headerStart + limits.maxHeaderBytes + 4)
    const headerSize = window.indexOf(CRLF + CRLF)
    if (headerSize < 0) throw unendedHeaders(nth, limits, window.length)
    const contentStart = headerStart + headerSize + 4
    // Searched from the headers on, so that a boundary among them is seen.
    delimiter = nextDelimiter(body, needle, headerStart - 1)
    if (delimiter < 0) throw new MultipartFault(UNENDED)
    // The CRLF in front of a delimiter is the delimiter's; it cannot be the headers' blank line as well.
    const end = delimiter - CRLF.length
    if (end < contentStart) throw new MultipartFault(AMBIGUOUS)
    parts.push(partOf(body.toString('utf8', headerStart, headerStart + headerSize), nth, contentStart, end))
  }
}

const BRACKETED = /^([^[\]]+)\[[^[\]]*\]$/

/** A list is written as parts `name[]`, an object as parts `name[key]`: all of them are the field `name`. */
export const fieldName = (name: string): string => BRACKETED.exec(name)?.[1] ?? name

/** The values of a list that is written as parts `name[]`; undefined: there are none. */
export const listFieldOf = (index: MultipartIndex, bytes: Uint8Array, name: string): string[] | undefined => {
  const parts = index.parts.filter(each => each.name === `${name}[]` && each.filename === undefined)
  return parts.length === 0 ? undefined : parts.map(part => textOf(bytes, part.start, part.end))
}

/** The value of the first part of this name that is no file. */
export const fieldOf = (index: MultipartIndex, bytes: Uint8Array, name: string): string | undefined => {
  const part = index.parts.find(each => each.name === name && each.filename === undefined)
  return part && textOf(bytes, part.start, part.end)
}

export type MultipartEdits = {
  /** A list becomes parts `name[]`. */
  readonly set: Readonly<Record<string, string | readonly string[]>>
  readonly drop: readonly string[]
}

const contentOf = ({ boundary }: MultipartIndex, name: string, value: string): Buffer => {
  if (`${name}${CRLF}${value}`.includes(`--${boundary}`)) {
    throw new MultipartFault(`The new value of '${name}' contains the boundary of the form.`)
  }
  return Buffer.from(value)
}

const wholePart = (index: MultipartIndex, name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from(
      `--${index.boundary}${CRLF}Content-Disposition: form-data; name="${escaped(name)}"${CRLF}${CRLF}`,
    ),
    contentOf(index, name, value),
    Buffer.from(CRLF),
  ])

/**
 * The form after the edits, as segments in order. A set field keeps its place and headers and gets a new content;
 * a missing one, and a list, comes first, so that the provider knows it before any file. Further parts of a set field
 * are removed, and every part of a dropped one, however it is spelled; set wins over drop. All other bytes are the client's own, uncopied, under the
 * same boundary; with nothing to change the answer is the bytes alone.
 * Throws MultipartFault when a value contains the boundary.
 */
export const editMultipart = (
  bytes: Uint8Array,
  index: MultipartIndex,
  edits: MultipartEdits,
): Uint8Array[] => {
  const body = asBuffer(bytes)
  const values = new Map(Object.entries(edits.set))
  const removed = new Set([...edits.drop, ...values.keys()])
  const segments: Uint8Array[] = []
  let kept = 0
  const replace = (start: number, end: number, content: Buffer | undefined): void => {
    if (kept < start) segments.push(body.subarray(kept, start))
    if (content !== undefined && content.length > 0) segments.push(content)
    kept = end
  }

  const present = new Set(index.parts.filter(part => part.filename === undefined).map(part => part.name))
  for (const [name, value] of values) {
    if (typeof value !== 'string') {
      values.delete(name)
      for (const item of value) replace(index.start, index.start, wholePart(index, `${name}[]`, item))
    } else if (!present.has(name)) replace(index.start, index.start, wholePart(index, name, value))
  }
  let delimiter = index.start
  let changed = segments.length > 0
  for (const part of index.parts) {
    const next = part.end + CRLF.length
    const value = part.filename === undefined ? values.get(part.name) : undefined
    const touched = removed.has(part.name) || removed.has(fieldName(part.name))
    if (typeof value === 'string') {
      replace(part.start, part.end, contentOf(index, part.name, value))
      values.delete(part.name)
    } else if (touched) replace(delimiter, next, undefined)
    changed ||= touched
    delimiter = next
  }
  if (!changed) return [bytes]
  replace(body.length, body.length, undefined)
  return segments
}

/** Sets one field: see editMultipart. */
export const replaceField = (
  bytes: Uint8Array,
  index: MultipartIndex,
  name: string,
  value: string,
): Uint8Array[] => editMultipart(bytes, index, { set: { [name]: value }, drop: [] })

/** Removes every part of these names: see editMultipart. */
export const dropFields = (
  bytes: Uint8Array,
  index: MultipartIndex,
  names: readonly string[],
): Uint8Array[] => editMultipart(bytes, index, { set: {}, drop: names })

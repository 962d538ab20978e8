import type { StreamDecoder, StreamEvent } from '../dialects/shape.ts'
import { asBuffer, textOf } from './bytes.ts'

/**
 * Server-sent events by the WHATWG grammar (HTML, "Parsing an event stream"), read as bytes: a line ends at LF, CR
 * or CRLF and nowhere else, a blank line ends a block, and a block keeps the bytes it came in.
 */

/** The stream cannot be passed on. */
export class StreamFault extends Error {
  readonly reason: 'oversize'
  constructor(reason: 'oversize', message: string) {
    super(message)
    this.name = 'StreamFault'
    this.reason = reason
  }
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20

/** Room for an image as base64 in one event. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024

const find = (bytes: Uint8Array, byte: number, from: number): number => {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

const hasMark = (block: Uint8Array): boolean => block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf

const DATA = Buffer.from('data')
const EVENT = Buffer.from('event')

const isField = (block: Uint8Array, start: number, end: number, name: Uint8Array): boolean => {
  if (end - start < name.length) return false
  for (let at = 0; at < name.length; at++) if (block[start + at] !== name[at]) return false
  return end - start === name.length || block[start + name.length] === COLON
}

/** The text after the colon and at most one space; '' when the line is the bare name. */
const fieldValue = (block: Uint8Array, start: number, end: number, name: Uint8Array): string => {
  let from = start + name.length + 1
  if (from < end && block[from] === SPACE) from++
  return from < end ? textOf(block, from, end) : ''
}

/** One block, whole. Lines are cut here again because a block is short and usually has one or two. */
const eventOf = (block: Uint8Array): StreamEvent => {
  let event = ''
  let data: string | undefined
  let nextLf = -1
  let nextCr = -1
  for (let start = 0; start < block.length; ) {
    if (nextLf < start) nextLf = find(block, LF, start)
    if (nextCr < start) nextCr = find(block, CR, start)
    const end = Math.min(nextLf, nextCr)
    if (isField(block, start, end, DATA)) {
      const value = fieldValue(block, start, end, DATA)
      data = data === undefined ? value : `${data}\n${value}`
    } else if (isField(block, start, end, EVENT)) event = fieldValue(block, start, end, EVENT)
    start = end + 1
  }
  return { bytes: block, event, data }
}

const EMPTY = Buffer.alloc(0)

/** Bytes of a block that is not whole yet. Doubles when full, so that many small chunks cost what one big one does. */
type Held = { bytes: Buffer; size: number }

const hold = (held: Held, more: Uint8Array): void => {
  const size = held.size + more.length
  if (size > held.bytes.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(size, held.bytes.length * 2, 1024))
    held.bytes.copy(grown, 0, 0, held.size)
    held.bytes = grown
  }
  held.bytes.set(more, held.size)
  held.size = size
}

/** Takes what is held. The memory goes with it: an event's bytes are never written again. */
const take = (held: Held): Buffer => {
  const bytes = held.bytes.subarray(0, held.size)
  held.bytes = EMPTY
  held.size = 0
  return bytes
}

/** A number may be the beginning of a longer one; every other JSON value shows where it ends. */
const isWhole = (data: string): boolean => {
  if (data === '[DONE]') return true
  try {
    return typeof JSON.parse(data) !== 'number'
  } catch {
    return false
  }
}

type State = {
  readonly held: Held
  readonly maxEventBytes: number
  /** The current line has no byte yet, so a line end here ends the block. */
  atLineStart: boolean
  /** The last byte seen was a CR: an LF now belongs to it and ends no further line. */
  afterCr: boolean
  /** Nothing was returned yet: a byte order mark may lead. */
  first: boolean
  fault: StreamFault | undefined
}

const blockOf = (state: State, block: Uint8Array): StreamEvent => {
  // The mark is let go: it says nothing, and clients that do not expect one take it for a part of the first name.
  const marked = state.first && hasMark(block)
  state.first = false
  return eventOf(marked ? block.subarray(3) : block)
}

const oversize = (state: State): StreamFault =>
  new StreamFault('oversize', `The provider sent an event of more than ${state.maxEventBytes} bytes.`)

/** How far the chunk was read, and the next line ends known in it. */
type LineEnds = { at: number; lf: number; cr: number }

/** Where the block that contains `from` ends in this chunk, one past its blank line; -1 when it goes on. */
const blockEnd = (state: State, chunk: Uint8Array, ends: LineEnds): number => {
  for (;;) {
    if (ends.lf < ends.at) ends.lf = find(chunk, LF, ends.at)
    if (ends.cr < ends.at) ends.cr = find(chunk, CR, ends.at)
    const end = Math.min(ends.lf, ends.cr)
    if (end > ends.at) state.atLineStart = false
    if (end === chunk.length) {
      ends.at = end
      return -1
    }
    const blank = state.atLineStart
    state.atLineStart = true
    ends.at = end + 1
    if (end === ends.cr) {
      if (ends.at < chunk.length && chunk[ends.at] === LF) ends.at++
      else state.afterCr = ends.at === chunk.length
    }
    if (blank) return ends.at
  }
}

/** One past the line ends that begin a block; they say nothing, so all of them are one block. */
const blankEnd = (state: State, chunk: Uint8Array, from: number): number => {
  let at = from
  while (chunk[at] === LF || chunk[at] === CR) at++
  state.afterCr = at === chunk.length && chunk[at - 1] === CR
  return at
}

const push = (state: State, chunk: Uint8Array): readonly StreamEvent[] => {
  if (state.fault !== undefined) throw state.fault
  const events: StreamEvent[] = []
  if (chunk.length === 0) return events
  const bytes = asBuffer(chunk)
  const ends: LineEnds = { at: 0, lf: -1, cr: -1 }
  // The block was returned at its CR, not kept waiting for an LF that may never come; the LF leads the next one.
  if (state.afterCr && bytes[0] === LF) ends.at = 1
  state.afterCr = false
  for (let start = 0; ; ) {
    if (state.held.size === 0 && (bytes[ends.at] === LF || bytes[ends.at] === CR)) {
      state.first = false
      ends.at = blankEnd(state, bytes, ends.at)
      events.push({ bytes: bytes.subarray(start, ends.at), event: '', data: undefined })
      if (ends.at === bytes.length) return events
      start = ends.at
    }
    const end = blockEnd(state, bytes, ends)
    const piece = bytes.subarray(start, end < 0 ? bytes.length : end)
    if (state.held.size + piece.length > state.maxEventBytes) {
      state.fault = oversize(state)
      take(state.held)
      // Events that came whole before it are still answers.
      if (events.length > 0) return events
      throw state.fault
    }
    if (end < 0 || state.held.size > 0) hold(state.held, piece)
    if (end < 0) return events
    events.push(blockOf(state, state.held.size > 0 ? take(state.held) : piece))
    if (end === bytes.length) return events
    start = end
  }
}

const end = (state: State): readonly StreamEvent[] => {
  if (state.fault !== undefined) throw state.fault
  if (state.held.size === 0) return []
  const event = blockOf(state, take(state.held))
  const { bytes, data } = event
  // The LF of a CRLF whose CR ended the last block: nothing of an event, and still the provider's byte.
  if (data === undefined) return bytes.length === 1 && bytes[0] === LF ? [event] : []
  if (!isWhole(data)) return []
  // A CR before an LF is one line end, so after a CR it takes two more bytes to make the line blank.
  const blank = bytes[bytes.length - 1] === LF ? '\n' : '\n\n'
  return [{ ...event, bytes: Buffer.concat([bytes, Buffer.from(blank)]) }]
}

/**
 * Decodes one stream. Every event carries the provider's own bytes of its block, blank line included; blocks without
 * data (comments, stray blank lines) come with `data` undefined, so the bytes of all events are the whole stream but
 * for a byte order mark at its start. A run of blank lines is one block, however long.
 * Events inside one chunk are slices of it. `maxEventBytes` (16 MiB) bounds a block: above it StreamFault is thrown,
 * after the events that were whole before it have been returned.
 *
 * A stream that ends inside a block loses it, except that servers leave out the last blank line: a rest whose data
 * is `[DONE]` or a whole JSON value is an event, and its bytes are completed.
 */
export const sseDecoder = (options?: { readonly maxEventBytes: number }): StreamDecoder => {
  const state: State = {
    held: { bytes: EMPTY, size: 0 },
    maxEventBytes: options?.maxEventBytes ?? MAX_EVENT_BYTES,
    atLineStart: true,
    afterCr: false,
    first: true,
    fault: undefined,
  }
  return { push: chunk => push(state, chunk), end: () => end(state) }
}

/** Lines of data. A line break of any kind begins a further one: behind one `data:` only the first would be read. */
const dataLines = (data: string): string => {
  const broken = data.includes('\n') || data.includes('\r')
  return `data: ${broken ? data.replace(/\r\n|\r|\n/g, '\ndata: ') : data}\n`
}

/** One event as text. A line break in `event` becomes a space. */
export const encodeEvent = ({ event, data }: { readonly event?: string; readonly data: string }): string => {
  const name = event === undefined || event === '' ? '' : `event: ${event.replace(/[\r\n]+/g, ' ')}\n`
  return `${name}${dataLines(data)}\n`
}

/** What stands around the data of such a block. */
const ONE_LINE = 'data: \n\n'.length

/** An event with other data, as text. Every other line of its block stays in its place: `id`, `retry`, comments. */
export const withData = ({ bytes: block, data: before }: StreamEvent, data: string): string => {
  // Nearly every block is one line of data: there is no room for another.
  if (before !== undefined && block[0] === DATA[0] && block.length === Buffer.byteLength(before) + ONE_LINE)
    return `${dataLines(data)}\n`
  let text = ''
  let told = dataLines(data)
  for (const line of textOf(block, 0, block.length).split(/\r\n|\r|\n/)) {
    if (line === 'data' || line.startsWith('data:')) {
      text += told
      told = ''
    } else if (line !== '') text += `${line}\n`
  }
  return `${text}${told}\n`
}

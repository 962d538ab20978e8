import type { Losses } from './losses.ts'
import type { MediaPart, Part, TextPart, Turn } from './neutral.ts'

/**
 * A conversation as it is given to a model that is to summarise it: words only, as far as its window reaches. Calls
 * and results become text, because many models refuse them where no tool is declared, and none is to be called.
 */

/** What the summarising model takes. */
export type Room = {
  /** Tokens of prompt and answer; undefined: not known, and nothing is cut. */
  readonly window: number | undefined
  /** It reads images. */
  readonly sees: boolean
  /** It thinks before it speaks, and what it thinks counts as its answer. */
  readonly thinks: boolean
}

type Piece = {
  readonly role: Turn['role']
  /** Which turn it belongs to. */
  readonly turn: number
  readonly part: TextPart | MediaPart
  /** Of a call or a result: they go together. */
  readonly call?: string
  readonly result?: true
  readonly bytes: number
}

/** A larger image costs more than the summary is worth. Characters of base64: about 384 kB. */
const LARGEST_IMAGE = 512 * 1024
/** About 1500 tokens, whatever its bytes. */
const IMAGE_BYTES = 4500
/** Text and code have more bytes to a token than this, in nearly every language: the estimate is on the safe side. */
const BYTES_PER_TOKEN = 3
/** The newest results tell where the work stands. */
const NEWEST_RESULTS = 4

const textPart = (text: string): TextPart => ({ kind: 'text', text })

const sourceName = (source: { readonly kind: string; readonly id?: string; readonly url?: string }): string =>
  source.id ?? (source.kind === 'url' && (source.url?.length ?? 0) <= 200 ? (source.url ?? '') : '')

const left = (what: string, name: string): TextPart =>
  textPart(name === '' ? `[${what}, left out]` : `[${what}, left out: ${name}]`)

/**
 * Only bytes that are here are passed on, and only small ones: an address may have expired, and an id is foreign to
 * every other account. A summary does not fail for a picture.
 */
const mediaPart = (part: MediaPart, { sees }: Room): TextPart | MediaPart => {
  if (part.kind === 'audio') return left('a recording', '')
  const { source } = part
  if (part.kind === 'file') return left('a file', part.name ?? sourceName(source))
  const small = source.kind === 'bytes' && source.base64.length <= LARGEST_IMAGE
  return sees && small ? { kind: 'image', source } : left('an image', sourceName(source))
}

const textsOf = (parts: readonly (TextPart | MediaPart)[], room: Room): string =>
  parts
    .map(part => (part.kind === 'text' ? part : mediaPart(part, { ...room, sees: false })))
    .map(part => (part.kind === 'text' ? part.text : ''))
    .join('\n')

type Said = Pick<Piece, 'part' | 'call' | 'result'>

/** undefined: reasoning, which is its author's alone. */
const saidIn = (part: Part, room: Room): Said | undefined => {
  switch (part.kind) {
    case 'reasoning':
      return undefined
    case 'text':
    case 'refusal':
    case 'summary':
      return part.text === '' ? undefined : { part: textPart(part.text) }
    case 'call':
      return { part: textPart(`[call ${part.id}] ${part.name}: ${part.input}`), call: part.id }
    case 'result': {
      const mark = part.failed === true ? 'failed result' : 'result'
      const text = `[${mark} of ${part.id}] ${textsOf(part.content, room)}`
      return { part: textPart(text), call: part.id, result: true }
    }
    default:
      return { part: mediaPart(part, room) }
  }
}

const sizeOf = (part: TextPart | MediaPart): number =>
  part.kind === 'text' ? Buffer.byteLength(part.text) + 16 : IMAGE_BYTES

const piecesOf = (turns: readonly Turn[], room: Room): Piece[] =>
  turns.flatMap(({ role, parts }, turn) =>
    parts
      .map(part => saidIn(part, room))
      .filter(said => said !== undefined)
      .map(said => ({ role, turn, ...said, bytes: sizeOf(said.part) })),
  )

const total = (pieces: readonly Piece[]): number => pieces.reduce((sum, piece) => sum + piece.bytes, 0)

/** Old results first lose what they hold: that they were had is in the call. */
const withoutOldResults = (pieces: readonly Piece[], most: number): readonly Piece[] => {
  let over = total(pieces) - most
  const results = pieces.filter(piece => piece.result === true)
  const old = new Set(results.slice(0, Math.max(0, results.length - NEWEST_RESULTS)))
  return pieces.map(piece => {
    if (over <= 0 || !old.has(piece)) return piece
    const part = textPart(`[result of ${piece.call ?? ''}, left out]`)
    const bytes = sizeOf(part)
    if (bytes >= piece.bytes) return piece
    over -= piece.bytes - bytes
    return { ...piece, part, bytes }
  })
}

/** The oldest go first, a result with its call. What the system says stays, and so does the last thing that was said. */
const withoutOldest = (pieces: readonly Piece[], most: number): readonly Piece[] => {
  let over = total(pieces) - most
  const gone = new Set<Piece>()
  const last = pieces.findLast(piece => piece.role !== 'system')
  const pairs = Map.groupBy(pieces, piece => piece.call ?? '')
  const drop = (piece: Piece): void => {
    if (gone.has(piece) || piece === last) return
    gone.add(piece)
    over -= piece.bytes
  }
  for (const piece of pieces) {
    if (over <= 0) break
    if (piece.role === 'system') continue
    drop(piece)
    if (piece.call !== undefined && gone.has(piece))
      for (const other of pairs.get(piece.call) ?? []) drop(other)
  }
  return pieces.filter(piece => !gone.has(piece))
}

const GAP = '\n[…]\n'

/** Beginning and end of a text that is too long even alone. */
const shortened = (text: string, bytes: number): string => {
  const units = Math.max(0, Math.floor((bytes / Buffer.byteLength(text)) * text.length) - GAP.length)
  const head = Math.ceil(units / 2)
  return text.slice(0, head).toWellFormed() + GAP + text.slice(text.length - (units - head)).toWellFormed()
}

/** What is left is cut where it is longest. */
const withShorterTexts = (pieces: readonly Piece[], most: number): readonly Piece[] => {
  let cut = [...pieces]
  for (let turns = 0; turns < 8 && total(cut) > most; turns++) {
    const over = total(cut) - most
    const longest = cut.reduce((found, piece) => (piece.bytes > found.bytes ? piece : found))
    cut = cut.map(piece => {
      if (piece !== longest || piece.part.kind !== 'text') return piece
      const part = textPart(shortened(piece.part.text, Math.max(64, piece.bytes - over - 64)))
      return { ...piece, part, bytes: sizeOf(part) }
    })
  }
  return cut
}

const BEGINNING = '[The beginning of the conversation is left out: it does not fit here.]'

/** What a model called for is no part of its sentence: it is an answer of its own, or dialects would run the two together. */
const turnsOf = (pieces: readonly Piece[]): readonly Turn[] => {
  const turns: { role: Turn['role']; parts: Part[]; last: Piece }[] = []
  for (const piece of pieces) {
    const { role, turn, part } = piece
    const open = turns.at(-1)
    const called = role === 'assistant' && (piece.call ?? open?.last.call) !== undefined
    if (open?.last.turn !== turn || called) turns.push({ role, parts: [part], last: piece })
    else {
      open.parts.push(part)
      open.last = piece
    }
  }
  return turns.map(({ role, parts }) => ({ role, parts }))
}

/** The turns in words, within `tokens` when that is known. */
export const tellHistory = (
  turns: readonly Turn[],
  room: Room,
  tokens: number | undefined,
  losses: Losses,
): readonly Turn[] => {
  const pieces = piecesOf(turns, room)
  const most = tokens === undefined ? Number.POSITIVE_INFINITY : Math.max(0, tokens) * BYTES_PER_TOKEN
  if (total(pieces) <= most) return turnsOf(pieces)
  const budget = Math.max(0, most - Buffer.byteLength(BEGINNING) - 16)
  const fewer = withoutOldest(withoutOldResults(pieces, budget), budget)
  const kept = turnsOf(withShorterTexts(fewer, budget))
  losses.warn('input', 'the oldest of it does not fit into the window of the model that summarises it')
  if (fewer.length === pieces.length) return kept
  const at = kept.findIndex(turn => turn.role !== 'system')
  const marker: Turn = { role: 'user', parts: [textPart(BEGINNING)] }
  return [...kept.slice(0, Math.max(0, at)), marker, ...kept.slice(Math.max(0, at))]
}

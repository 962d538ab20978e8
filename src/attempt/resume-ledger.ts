import type { Continuation, Delivered } from '../dialects/continuation.ts'
import { parseJson } from '../dialects/read-json.ts'
import type { StreamEvent } from '../dialects/shape.ts'
import { isObject, type JsonObject } from '../wire/json.ts'

/** An answer longer than this is not gone on with: UTF-16 units of text. */
const MOST_TEXT = 1024 * 1024
/** Pieces are put together this many at a time: a rope of a million tokens would hold a million events in memory. */
const PIECES = 256

/** One running text. */
class Running {
  #text = ''
  #pieces: string[] = []
  add(piece: string): void {
    if (this.#pieces.push(piece) >= PIECES) this.#fold()
  }
  get text(): string {
    this.#fold()
    return this.#text
  }
  #fold(): void {
    if (this.#pieces.length === 0) return
    this.#text = [this.#text, ...this.#pieces].join('')
    this.#pieces = []
  }
}

/**
 * An event that says one piece and nothing else: what stands before the words, what follows them as far as it can say
 * more (the end of the list they stand in, else all of it), and their channel.
 */
type Mould = { readonly head: string; readonly neck: string; readonly running: Running }

/** A stream whose events are never alike is read event by event. */
const MOST_MOULDS = 8

const objectIn = (data: string | undefined): JsonObject | undefined => {
  const value = data === undefined ? undefined : parseJson(data)
  return isObject(value) ? value : undefined
}

/**
 * What has gone to the client of a stream that may have to be gone on with. Chunks of one stream are cast in one mould:
 * where an event is the last one with other words in it, the words are taken out without parsing.
 */
export class Ledger {
  readonly #continuation: Continuation
  readonly #channels = new Map<string, Running>()
  readonly #ids = new Map<string, string>()
  #mould: Mould | undefined
  #moulds = 0
  #first: string | undefined
  #spoke: string | undefined
  #last: string | undefined
  #size = 0
  /** What of it marks where things begin and end, and is no text of the answer. */
  #marks = 0
  #lost = false

  constructor(continuation: Continuation) {
    this.#continuation = continuation
  }

  /** An event has gone to the client. */
  note(event: StreamEvent): void {
    const { data } = event
    if (data === undefined || this.#lost) return
    this.#first ??= data
    this.#last = data
    if (this.#mould !== undefined && this.#takeFrom(this.#mould, data)) return
    const said = this.#continuation.said(event)
    if (said === 'other') return this.#lose()
    for (const { channel, text, id, whole } of said) {
      this.#spoke ??= data
      if (id !== undefined) this.#ids.set(channel, id)
      this.#add(this.#channel(channel), text)
      if (whole === true) this.#marks += text.length
    }
    const [only] = said
    if (only !== undefined && said.length === 1 && only.whole !== true)
      this.#cast(data, only.text, only.channel)
  }

  /** How much text has been said, UTF-16 units over all channels. */
  get size(): number {
    return this.#size - this.#marks
  }

  /** Undefined: something was said that nobody can go on from, or nothing was. */
  get delivered(): Delivered | undefined {
    if (this.#lost || this.#channels.size === 0) return undefined
    const texts = new Map([...this.#channels].map(([channel, running]) => [channel, running.text]))
    const sequence = objectIn(this.#last)?.sequence_number
    return {
      texts,
      ids: this.#ids,
      first: objectIn(this.#first),
      spoke: objectIn(this.#spoke),
      sequence: typeof sequence === 'number' ? sequence : -1,
    }
  }

  #channel(name: string): Running {
    const known = this.#channels.get(name)
    if (known !== undefined) return known
    const made = new Running()
    this.#channels.set(name, made)
    return made
  }
  #add(running: Running, text: string): void {
    this.#size += text.length
    if (this.#size > MOST_TEXT) this.#lose()
    else running.add(text)
  }
  #lose(): void {
    this.#lost = true
    this.#channels.clear()
    this.#mould = undefined
  }
  /** The words of an event that differs from the mould in them alone: without an escape they end at the next quote. */
  #takeFrom({ head, neck, running }: Mould, data: string): boolean {
    if (!data.startsWith(head)) return false
    const end = data.indexOf('"', head.length)
    if (end <= head.length || !data.startsWith(neck, end)) return false
    const words = data.slice(head.length, end)
    if (words.includes('\\')) return false
    this.#add(running, words)
    return true
  }
  /** Only where the words stand in the data once: then it is they that the next event differs in. */
  #cast(data: string, text: string, channel: string): void {
    if (this.#moulds >= MOST_MOULDS) return
    this.#moulds += 1
    const literal = JSON.stringify(text)
    const at = data.indexOf(literal)
    if (at < 0 || data.indexOf(literal, at + 1) >= 0 || literal.length !== text.length + 2) return
    const tail = data.slice(at + literal.length - 1)
    // What stands behind the list of choices says nothing of them: padding, times, empty usage.
    const list = /^"[^[\]]*\]/.exec(tail)?.[0]
    this.#mould = { head: data.slice(0, at + 1), neck: list ?? tail, running: this.#channel(channel) }
  }
}

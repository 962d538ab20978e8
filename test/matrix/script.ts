/**
 * What a provider does with one request, for both stagings of the matrix: in virtual time behind a scripted transport,
 * and over TCP byte for byte.
 */
export type Script = {
  /** Where the way to the provider ends. Everywhere but at an open door the request is never sent. */
  readonly door: 'open' | 'no-name' | 'refused' | 'unreachable' | 'untrusted' | 'no-tls'
  /** undefined: none comes. nonsense: what comes is no HTTP. */
  readonly head: Head | 'nonsense' | undefined
  readonly parts: readonly Part[]
  /** end: as HTTP ends a body. fin and reset: the connection ends. silence: nothing more, and it stays open. */
  readonly ending: 'end' | 'fin' | 'reset' | 'silence'
  /** What only a wire can show; it has no place behind a transport. */
  readonly wire?: 'early-hints' | 'early-answer' | 'garbage-after'
}

export type Head = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Bytes that the head announces; undefined: in chunks, until the last one. */
  readonly length: number | undefined
}

export type Part = {
  readonly bytes: Uint8Array
  /** Part of what the client asked for, not of its frame. */
  readonly content: boolean
}

const NOTHING: Script = { door: 'open', head: undefined, parts: [], ending: 'end' }

/** The request is never sent. */
export const shut = (door: Exclude<Script['door'], 'open'>): Script => ({ ...NOTHING, door })

/** No answer comes; the connection ends so, or stays. */
export const headless = (ending: Exclude<Script['ending'], 'end'>): Script => ({ ...NOTHING, ending })

export const nonsense: Script = { ...NOTHING, head: 'nonsense', ending: 'fin' }

/** A body of known length, in two pieces: it has a middle. */
export const halves = (body: Uint8Array): readonly Part[] => {
  const middle = Math.ceil(body.length / 2)
  return [body.subarray(0, middle), body.subarray(middle)]
    .filter(bytes => bytes.length > 0)
    .map(bytes => ({ bytes, content: true }))
}

/** One whole body. */
export const single = (status: number, headers: Head['headers'], body: Uint8Array | string): Script => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return { ...NOTHING, head: { status, headers, length: bytes.length }, parts: halves(bytes) }
}

export const withHead = (script: Script, change: Partial<Head>): Script =>
  typeof script.head === 'object' ? { ...script, head: { ...script.head, ...change } } : script

/** Index one past the `count`-th part with content; for 0 everything before the first one. */
export const upTo = (parts: readonly Part[], count: number): number => {
  const places = parts.flatMap(({ content }, place) => (content ? [place] : []))
  if (count === 0) return places[0] ?? 0
  const last = places[Math.min(count, places.length) - 1]
  return last === undefined ? 0 : last + 1
}

/** Everything in a body. */
export const bodyOf = (script: Script): Buffer => Buffer.concat(script.parts.map(({ bytes }) => bytes))

/** The same answer, stopped after so many parts with content. */
export const stopped = (script: Script, count: number, ending: Script['ending']): Script => ({
  ...script,
  parts: script.parts.slice(0, upTo(script.parts, count)),
  ending,
})

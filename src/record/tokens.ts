import { createRequire } from 'node:module'

type Encoding = {
  readonly countTokens: (text: string, options: { disallowedSpecial: Set<string> }) => number
}
type EncodingName = 'o200k_base' | 'cl100k_base'

/** Byte-pair merging is quadratic in the length of one unbroken run, so no piece is longer than this. */
const PIECE_UNITS = 1024
/** Up to here every piece is counted; the rest is taken to be as dense as what was counted. */
const EXACT_UNITS = 512 * 1024
/** After this much, text denser than one token a unit is noise: slow to count and easy to extrapolate. */
const NOISE_CHECK_UNITS = 32 * 1024

/** Users write '<|endoftext|>' about language models: it is text here, never a control token. */
const PLAIN = { disallowedSpecial: new Set<string>() }

const loadModule = createRequire(import.meta.url)
const loaded = new Map<EncodingName, Encoding>()

/** A vocabulary takes some 70 MB and 100 ms, so it is read when the first question needs it and not before. */
const encodingNamed = (name: EncodingName): Encoding => {
  const known = loaded.get(name)
  if (known !== undefined) return known
  const encoding: Encoding = loadModule(`gpt-tokenizer/encoding/${name}`)
  loaded.set(name, encoding)
  return encoding
}

/** gpt-4 and older, and the embedding models of that time. gpt-4o, gpt-4.1 and everything later read o200k. */
const OLDER_MODEL = /(?:^|\/)(?:gpt-4(?=$|[-:@])|gpt-3\.?5|text-embedding-)/

export const encodingOf = (model: string): EncodingName =>
  OLDER_MODEL.test(model) ? 'cl100k_base' : 'o200k_base'

/** The end of the piece that starts at `start`: before a word when there is one, never inside a surrogate pair. */
const pieceEnd = (text: string, start: number): number => {
  const end = start + PIECE_UNITS
  if (end >= text.length) return text.length
  const space = Math.max(text.lastIndexOf(' ', end), text.lastIndexOf('\n', end))
  if (space > start) return space
  const unit = text.charCodeAt(end)
  return unit >= 0xdc00 && unit <= 0xdfff ? end - 1 : end
}

/**
 * Tokens of `text` for an OpenAI model; a good estimate for any other. Exact up to 512 K UTF-16 units of ordinary
 * text (a run without any space longer than 1024 units may count one token more), extrapolated beyond.
 */
export const countPromptTokens = (text: string, model: string): number => {
  const encoding = encodingNamed(encodingOf(model))
  const limit = Math.min(text.length, EXACT_UNITS)
  let tokens = 0
  let at = 0
  while (at < limit) {
    const end = pieceEnd(text, at)
    tokens += encoding.countTokens(text.slice(at, end), PLAIN)
    at = end
    if (at >= NOISE_CHECK_UNITS && tokens > at) break
  }
  return at >= text.length ? tokens : Math.ceil((tokens / at) * text.length)
}

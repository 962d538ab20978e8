import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** Longest error text that is shown, in UTF-16 units. */
const LONGEST = 4096

/** Order matters: a URL holds hosts and paths, so it goes first. Every quantifier that can be retried is bounded. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>`)\]}]{0,1024}[^\s"'<>`)\]}.,;:!?]/gi, '[url]'],
  [/\b(bearer|basic|token)\s{1,4}[A-Za-z0-9._~+/=*-]{8,1024}/gi, '$1 [masked]'],
  [/\b(?:sk|pk|rk|gsk|xai|hf|r8|csk|pplx|nvapi|tgp|fw)[-_][A-Za-z0-9_*.-]{4,512}/g, '[masked]'],
  [/\b(?:AIza|ya29\.|AKIA|ASIA|ABSK|eyJ)[A-Za-z0-9_.*=-]{10,2048}/g, '[masked]'],
  [
    /\b((?:x-)?api[-_ ]?key|authorization|password|secret)(["']?\s{0,2}[:=]\s{0,2}["']?)[^\s"',;}]{4,512}/gi,
    '$1$2[masked]',
  ],
  // Anything long that mixes letters and digits and is no identifier with a readable prefix.
  [
    /(?<![A-Za-z0-9_/+=-])(?=[A-Za-z+/]{0,64}[0-9])(?=[0-9+/]{0,64}[A-Za-z])[A-Za-z0-9+/]{32,2048}={0,2}/g,
    '[masked]',
  ],
  [/\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z0-9-]{1,63}:\d{2,5}\b/gi, '[host]'],
  [/\b(?:[a-z0-9-]{1,63}\.){1,8}(?:internal|local|localdomain|svc|cluster|lan|corp|intra)\b/gi, '[host]'],
  [/\blocalhost(?::\d{1,5})?\b/gi, '[host]'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, '[host]'],
  [/\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\](?::\d{1,5})?/gi, '[host]'],
  [
    /(?:\b[A-Za-z]:\\|(?<![A-Za-z0-9_.])\/(?:usr|home|var|opt|app|tmp|root|etc|srv|mnt|data|workspace|Users|private|lib|code|src|build)\/)[^\s"'`,;)]{1,512}/g,
    '[path]',
  ],
]

const stackLine =
  /^\s{0,64}(?:at .{1,400}(?:\(|:\d+)|File ".{1,400}", line \d+|Traceback \(most recent call last\)|goroutine \d+ |\S{1,200}\.(?:py|m?[jt]s|go|rs|java|cc|cpp):\d+)/

/** Lines of a stack trace, and the source lines that a Python trace prints under each of them. */
const withoutStack = (text: string): string => {
  if (!text.includes('\n')) return text
  let inside = false
  const kept = text.split('\n').filter(line => {
    const indented = /^\s/.test(line)
    inside = stackLine.test(line) || (inside && indented)
    return !inside
  })
  return kept.join('\n')
}

/** Ends before `length` units, and never in the middle of a surrogate pair. */
const cut = (text: string, length: number): string => {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/**
 * A provider's error text, made safe to show to a client: URLs, addresses, credentials, file paths, stack lines and
 * control characters are masked or dropped; at most 4096 UTF-16 units.
 */
export const maskText = (text: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  let safe = withoutStack(cut(text, 2 * LONGEST)).replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
  for (const [pattern, replacement] of masks) safe = safe.replace(pattern, replacement)
  return cut(safe.trim(), LONGEST)
}

/** More than this many values are no detail of an error; masking them one by one would be work for nothing. */
const MOST_VALUES = 512

type Budget = { left: number }

const mask = (value: Json, depth: number, budget: Budget): Json => {
  budget.left -= 1
  if (depth === 0 || budget.left < 0) return null
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value
  if (isObject(value)) {
    const entries = Object.entries(value).slice(0, 64)
    return Object.fromEntries(
      entries.map(([key, inner]) => [maskText(key.slice(0, 128)), mask(inner, depth - 1, budget)]),
    )
  }
  return value.slice(0, 64).map(inner => mask(inner, depth - 1, budget))
}

/**
 * Structured detail made safe the same way: seven levels and 64 members each, 512 values in all; undefined when there
 * are more, or when it is still over 4 KB.
 */
export const maskDetail = (detail: JsonObject): JsonObject | undefined => {
  const budget = { left: MOST_VALUES }
  const safe = mask(detail, 7, budget)
  return budget.left >= 0 && isObject(safe) && JSON.stringify(safe).length <= LONGEST ? safe : undefined
}

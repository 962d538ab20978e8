import { Unsupported } from './provider.ts'

/** An upstream base URL, taken apart. `path` has no trailing slash; `query` has no '?'. */
export type Base = {
  /** scheme://host[:port] */
  readonly origin: string
  readonly path: string
  readonly query: string
}

/** Origin and path: what x-litellm-model-api-base shows. The query stays out, it may hold a key. */
export const printBase = (base: Base): string => base.origin + base.path

/**
 * Takes an api_base apart. Throws Error with a sentence for the load report; the text itself is not repeated
 * there, because people put credentials into URLs.
 */
export const parseBase = (text: string, setting = 'api_base'): Base => {
  const url = URL.parse(text.trim())
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Error(`${setting} is not an http or https URL`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(`${setting} holds a user name or password: put the credential into api_key instead`)
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, ''), query: url.search.slice(1) }
}

/** A dot segment, also behind slashes: somebody on the way may decode them and climb. Or a control character. */
const UNFIT = /(?:^|[/\\])\.{1,2}(?:$|[/\\])|\p{Cc}/u

/** One path segment. A value can never climb out of it: slashes are encoded, dot segments are refused. */
export const segment = (value: string, name: string): string => {
  if (value === '' || !value.isWellFormed() || UNFIT.test(value)) {
    throw new Unsupported(`'${name}' cannot stand in an upstream path`, name)
  }
  return encodeURIComponent(value)
}

/** A segment that is percent-encoded already, as it was written. Refused like any other when it is none. */
export const writtenSegment = (written: string, name: string): string => {
  let value: string
  try {
    value = decodeURIComponent(written)
  } catch {
    throw new Unsupported(`'${name}' is not percent-encoded as it should be`, name)
  }
  segment(value, name)
  return written.replace(/[^\x21-\x7e]|["#<>\\^`{|}]/g, encodeURIComponent)
}

/** `/files/:id/content` with its `:name` pieces filled in, each as one segment. */
export const fillPath = (template: string, params: Readonly<Record<string, string>>): string =>
  !template.includes(':')
    ? template
    : template.replace(/:([A-Za-z_]+)/g, (_, name: string) => segment(params[name] ?? '', name))

/** Percent-decoded, or the text itself when it is no valid encoding. */
export const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const keyOf = (pair: string): string => decoded(pair.split('=', 1)[0] ?? '')

/** Characters that may not stand raw in a request line, encoded. */
const clean = (query: string): string => query.toWellFormed().replace(/[^\x21-\x7e]|#/gu, encodeURIComponent)

/** Joins a deployment's query with the client's. A key that the deployment fixed cannot be given again. */
export const joinQuery = (fixed: string, client: string): string => {
  if (fixed === '' && client === '') return ''
  const pairs = (query: string): string[] => query.split('&').filter(pair => pair !== '')
  const taken = new Set(pairs(fixed).map(keyOf))
  const rest = pairs(client).filter(pair => !taken.has(keyOf(pair)))
  const joined = [...pairs(fixed), ...rest].map(clean).join('&')
  return joined === '' ? '' : `?${joined}`
}

/**
 * Paths with the model's name inside, between a root and an end: Google's `/v1beta/models/<model>:generateContent`, and
 * the older `/engines/<model>/embeddings` and `/openai/deployments/<model>/chat/completions`. The name may hold slashes
 * and colons, encoded or not, so that no radix tree can find where it ends.
 */
export type Found<Handler> = {
  readonly handler: Handler
  readonly params: Readonly<Record<string, string>>
}

export type ModelPaths<Handler> = {
  /** False: the pattern is none of this kind. */
  readonly add: (method: string, pattern: string, handler: Handler) => boolean
  readonly find: (method: string, path: string) => Found<Handler> | undefined
}

const PATTERN = /^(.*\/):model(:[A-Za-z]+|\/[^:*]+)$/
/** Longer names are none. */
const LONGEST = 4096

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Name and end of what follows a root. A colon may be encoded, and begins the end that is nearest to the path's own. */
const atColon = (rest: string): readonly [model: string, end: string] | undefined => {
  const text = decoded(rest)
  const colon = text?.lastIndexOf(':') ?? -1
  return text === undefined || colon < 1 ? undefined : [text.slice(0, colon), text.slice(colon)]
}

const atSlash = (
  rest: string,
  ends: readonly string[],
): readonly [model: string, end: string] | undefined => {
  const whole = rest.replace(/\/$/, '')
  const end = ends.find(one => whole.endsWith(one))
  const model = end === undefined ? undefined : decoded(whole.slice(0, -end.length))
  return end === undefined || model === undefined || model === '' ? undefined : [model, end]
}

type Root<Handler> = {
  readonly handlers: Map<string, Handler>
  /** Ends that begin with a slash, the longest first: `/completions` is the end of `/chat/completions`, too. */
  readonly ends: string[]
}

export const modelPaths = <Handler>(): ModelPaths<Handler> => {
  const roots = new Map<string, Root<Handler>>()
  const rootFor = (text: string): Root<Handler> => {
    const known = roots.get(text)
    if (known !== undefined) return known
    const made: Root<Handler> = { handlers: new Map(), ends: [] }
    roots.set(text, made)
    return made
  }
  return {
    add: (method, pattern, handler) => {
      const [, text, end] = PATTERN.exec(pattern) ?? []
      if (text === undefined || end === undefined) return false
      const { handlers, ends } = rootFor(text)
      handlers.set(`${method} ${end}`, handler)
      if (end.startsWith('/') && !ends.includes(end)) ends.push(end)
      ends.sort((one, other) => other.length - one.length)
      return true
    },
    find: (method, path) => {
      for (const [text, { handlers, ends }] of roots) {
        if (!path.startsWith(text)) continue
        if (path.length > LONGEST) return undefined
        const rest = path.slice(text.length)
        const [model, end] = (ends.length > 0 ? atSlash(rest, ends) : atColon(rest)) ?? []
        const handler = handlers.get(`${method} ${end}`)
        return handler === undefined || model === undefined ? undefined : { handler, params: { model } }
      }
      return undefined
    },
  }
}

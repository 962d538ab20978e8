/**
 * Paths that end in a method of their own behind a colon, as Google's do: `/v1beta/models/<model>:generateContent`. The
 * model may hold slashes and colons, encoded or not, so that no radix tree can find where it ends.
 */
export type Found<Handler> = {
  readonly handler: Handler
  readonly params: Readonly<Record<string, string>>
}

export type VerbTable<Handler> = {
  /** False: the pattern is none of this kind. */
  readonly add: (method: string, pattern: string, handler: Handler) => boolean
  readonly find: (method: string, path: string) => Found<Handler> | undefined
}

const PATTERN = /^(.*\/):model:([A-Za-z]+)$/
/** Longer names are none. */
const LONGEST = 4096

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

export const verbTable = <Handler>(): VerbTable<Handler> => {
  const roots: string[] = []
  const handlers = new Map<string, Handler>()
  return {
    add: (method, pattern, handler) => {
      const [, root, verb] = PATTERN.exec(pattern) ?? []
      if (root === undefined || verb === undefined) return false
      if (!roots.includes(root)) roots.push(root)
      handlers.set(`${method} ${root} ${verb}`, handler)
      return true
    },
    find: (method, path) => {
      const root = roots.find(one => path.startsWith(one))
      if (root === undefined || path.length > LONGEST) return undefined
      const rest = decoded(path.slice(root.length))
      const colon = rest?.lastIndexOf(':') ?? -1
      if (rest === undefined || colon < 1) return undefined
      const handler = handlers.get(`${method} ${root} ${rest.slice(colon + 1)}`)
      return handler === undefined ? undefined : { handler, params: { model: rest.slice(0, colon) } }
    },
  }
}

/** A provider's own API under a path of ours. */
export type NativePrefix = {
  readonly prefix: string
  /** Providers whose first deployment lends its address and credential. */
  readonly providers: readonly string[]
  /** Ending of the deployment's base URL that the native path brings itself: '/openai/v1/files' → base without '/v1'. */
  readonly strip: RegExp
  /** Paths without it stand behind the whole base, as another vendor's client writes them; default: every path brings it. */
  readonly bare?: Bare
}

type Bare = {
  /** The path has what `strip` takes away, or its like. */
  readonly brings: RegExp
  /** What that client says in the query and only that vendor reads. */
  readonly without: ReadonlySet<string>
}

/** Azure's client knows no version in the path: `/openai/models?api-version=…`. */
const asOfAzure: Bare = { brings: /^v\d+(?:\/|$)/, without: new Set(['api-version']) }

export const NATIVE_PREFIXES: readonly NativePrefix[] = [
  { prefix: '/openai', providers: ['openai'], strip: /\/v1$/, bare: asOfAzure },
  { prefix: '/openai_passthrough', providers: ['openai'], strip: /\/v1$/, bare: asOfAzure },
  { prefix: '/azure', providers: ['azure'], strip: /(\/openai(\/v1)?)$/ },
]

/** A provider's own API under a path of ours. */
export type NativePrefix = {
  readonly prefix: string
  /** Providers whose first deployment lends its address and credential. */
  readonly providers: readonly string[]
  /** Ending of the deployment's base URL that the native path brings itself: '/openai/v1/files' → base without '/v1'. */
  readonly strip: RegExp
  /** Paths that bring it; every other one stands behind the whole base. Default: all. */
  readonly brings?: RegExp
}

/** Azure's client knows no version in the path: `/openai/models`. */
const VERSIONED = /^v\d+(?:\/|$)/

export const NATIVE_PREFIXES: readonly NativePrefix[] = [
  { prefix: '/openai', providers: ['openai'], strip: /\/v1$/, brings: VERSIONED },
  { prefix: '/openai_passthrough', providers: ['openai'], strip: /\/v1$/, brings: VERSIONED },
  { prefix: '/azure', providers: ['azure'], strip: /(\/openai(\/v1)?)$/ },
]

/** A provider's own API under a path of ours. */
export type NativePrefix = {
  readonly prefix: string
  /** Providers whose first deployment lends its address and credential. */
  readonly providers: readonly string[]
  /** Ending of the deployment's base URL that the native path brings itself: '/openai/v1/files' → base without '/v1'. */
  readonly strip: RegExp
}

export const NATIVE_PREFIXES: readonly NativePrefix[] = [
  { prefix: '/openai', providers: ['openai'], strip: /\/v1$/ },
  { prefix: '/openai_passthrough', providers: ['openai'], strip: /\/v1$/ },
  { prefix: '/azure', providers: ['azure'], strip: /(\/openai(\/v1)?)$/ },
]

/** Query keys that are for the gateway: they choose a deployment or carry its key, and stay here. */
const OURS: ReadonlySet<string> = new Set(['model', 'custom_llm_provider', 'provider', 'api-version', 'key'])

export type Query = {
  /** What goes to the provider, byte for byte as sent, our keys removed. */
  readonly forward: string
  readonly get: (name: string) => string | undefined
}

const EMPTY: Query = { forward: '', get: () => undefined }

/** A pass-through call speaks to the provider: only a key stays here. */
const OURS_IN_PASSING: ReadonlySet<string> = new Set(['key'])

/** A raw query without these keys, the others byte for byte. */
export const withoutKeys = (raw: string, keys: ReadonlySet<string>): string =>
  raw
    .split('&')
    .filter(pair => {
      const name = pair.split('=', 1)[0] ?? ''
      return name !== '' && !keys.has(decodeSafely(name))
    })
    .join('&')

export const readQuery = (raw: string, verbatim = false): Query => {
  if (raw === '') return EMPTY
  const parsed = new URLSearchParams(raw)
  const forward = withoutKeys(raw, verbatim ? OURS_IN_PASSING : OURS)
  return { forward, get: name => parsed.get(name) ?? undefined }
}

const decodeSafely = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

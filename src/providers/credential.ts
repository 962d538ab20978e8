import { Secret } from '../config/secret.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** The first of `names` that is set to something. */
export const firstOf = (env: Env, names: readonly string[]): string | undefined => {
  for (const name of names) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

export type FoundKey =
  | { readonly key: Secret; readonly missing: undefined }
  | { readonly key: undefined; readonly missing: string }

// A header value is visible ASCII here: a stray newline in a key file must not become a broken or split header.
export const fitsHeader = (value: string): boolean => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)

/** A key from litellm_params.api_key or the environment. `missing` names the mend and never a value. */
export const findKey = (apiKey: Secret | undefined, env: Env, names: readonly string[]): FoundKey => {
  const value = apiKey?.reveal().trim() || firstOf(env, names)
  const places = ['litellm_params.api_key', ...names].join(' or ')
  if (value === undefined) return { key: undefined, missing: `no API key: set ${places}` }
  if (!fitsHeader(value)) {
    return {
      key: undefined,
      missing: `the API key holds characters that no header can carry: mend ${places}`,
    }
  }
  return { key: new Secret(value), missing: undefined }
}

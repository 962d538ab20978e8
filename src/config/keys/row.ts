import type { Json } from '../../wire/json.ts'

/**
 * honoured: does what LiteLLM documents. differs: works, with the difference that `text` names.
 * later: read and reported, without effect in this version. refused: the file is not accepted with it.
 */
export type KeyStatus = 'honoured' | 'differs' | 'later' | 'refused'

export type KeyRow = {
  readonly key: string
  readonly status: KeyStatus
  /** LiteLLM's default; undefined when there is none. Writing it is the same as not writing it, and not reported. */
  readonly initial: Json | undefined
  /** A value that asks for what happens here anyway: not reported either. */
  readonly granted?: Json
  /** For honoured: what it does, for the documentation. Otherwise: the difference, the effect, or the way out. */
  readonly text: string
  /** Belongs to providers: whether it is used depends on the deployment's provider. */
  readonly provider?: true
}

const row =
  (status: KeyStatus) =>
  (key: string, text: string, initial?: Json): KeyRow => ({ key, status, initial, text })

export const honoured = row('honoured')
export const differs = row('differs')
export const later = row('later')
export const refused = row('refused')

/** A key with a fixed value here: `granted` asks for just that. */
export const fixed = (key: string, text: string, initial: Json, granted: Json): KeyRow => ({
  ...differs(key, text, initial),
  granted,
})

/** One sentence for many keys. */
export const each = (
  make: (key: string, text: string, initial?: Json) => KeyRow,
  text: string,
  keys: Readonly<Record<string, Json | undefined>>,
): KeyRow[] => Object.entries(keys).map(([key, initial]) => make(key, text, initial))

/** One sentence for names with white space between them. */
export const listed = (
  make: (key: string, text: string, initial?: Json) => KeyRow,
  text: string,
  keys: string,
): KeyRow[] =>
  keys
    .trim()
    .split(/\s+/)
    .map(key => make(key, text))

/** litellm_params that providers read. */
export const ofProvider = (text: string, keys: readonly string[]): KeyRow[] =>
  keys.map(key => ({ ...honoured(key, text), provider: true }))

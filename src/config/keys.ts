import type { Json } from '../wire/json.ts'
import { ENVIRONMENT } from './keys/environment.ts'
import { GENERAL_SETTINGS } from './keys/general-settings.ts'
import { LITELLM_PARAMS, REQUEST_PARAMETERS } from './keys/litellm-params.ts'
import { LITELLM_SETTINGS } from './keys/litellm-settings.ts'
import { MODEL_INFO } from './keys/model-info.ts'
import { ROUTER_SETTINGS } from './keys/router-settings.ts'
import type { KeyRow } from './keys/row.ts'
import { TOP_LEVEL } from './keys/top-level.ts'

/** Every key LiteLLM's file may hold, and what becomes of it here. docs/configuration.md prints this table. */
export const KEYS = {
  'top level': TOP_LEVEL,
  litellm_settings: LITELLM_SETTINGS,
  router_settings: ROUTER_SETTINGS,
  general_settings: GENERAL_SETTINGS,
  litellm_params: LITELLM_PARAMS,
  model_info: MODEL_INFO,
  environment: ENVIRONMENT,
} as const satisfies Readonly<Record<string, readonly KeyRow[]>>

export type SectionName = keyof typeof KEYS

const indexes = new Map<SectionName, ReadonlyMap<string, KeyRow>>()

/** The rows of one section by key. */
export const rowsOf = (section: SectionName): ReadonlyMap<string, KeyRow> => {
  const known = indexes.get(section)
  if (known) return known
  const made = new Map(KEYS[section].map(row => [row.key, row] as const))
  indexes.set(section, made)
  return made
}

type Pattern = { readonly matches: RegExp; readonly row: KeyRow }

const patterns = new Map<SectionName, readonly Pattern[]>()

/** Rows for many keys at once: `*` in a row's key stands for any text. */
const patternsOf = (section: SectionName): readonly Pattern[] => {
  const known = patterns.get(section)
  if (known) return known
  const made = KEYS[section]
    .filter(row => row.key.includes('*'))
    .map(row => ({ matches: new RegExp(`^${row.key.replaceAll('*', '.*')}$`), row }))
  patterns.set(section, made)
  return made
}

export const rowOf = (section: SectionName, key: string): KeyRow | undefined =>
  rowsOf(section).get(key) ?? patternsOf(section).find(({ matches }) => matches.test(key))?.row

export const isRequestParameter = (key: string): boolean => REQUEST_PARAMETERS.has(key)
export const requestParameters = (): Iterable<string> => REQUEST_PARAMETERS

const isOff = (value: Json): boolean =>
  value === null ||
  value === false ||
  value === '' ||
  value === 'None' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

const equal = (left: Json | undefined, right: Json): boolean =>
  left !== undefined && JSON.stringify(left) === JSON.stringify(right)

/** Writing the default, or asking for what happens anyway, is no difference worth a line. */
export const isWithoutEffect = (row: KeyRow, value: Json): boolean =>
  (row.initial === undefined && isOff(value)) || equal(row.initial, value) || equal(row.granted, value)

import { Refusal } from '../failure.ts'
import { isObject, type Json } from '../wire/json.ts'

/** Reads one top-level value of the client's body; undefined when it is absent. */
export type Peek = (key: string) => Json | undefined

/** A client that names a host or a key could have the provider's credential sent to it. */
export const CREDENTIAL_KEYS = [
  'api_base',
  'base_url',
  'api_key',
  'api_version',
  'aws_bedrock_runtime_endpoint',
  'langfuse_host',
  'model_list',
  'user_config',
] as const
/** Objects in which LiteLLM would look for them, too. */
export const NESTED = [
  'extra_body',
  'litellm_params',
  'litellm_embedding_config',
  'metadata',
  'litellm_metadata',
] as const

const IS_CREDENTIAL: ReadonlySet<string> = new Set(CREDENTIAL_KEYS)
const IS_NESTED: ReadonlySet<string> = new Set(NESTED)

/** A form has fields of text only: there a list or an object is written as JSON. */
export const structured = (value: Json | undefined): Json | undefined => {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value) as Json
  } catch {
    return value
  }
}

/** A control with a wrong value. `param` is the name it was written under. */
export const bad = (param: string, text: string): Refusal =>
  new Refusal(400, `${param}: ${text}`, { type: 'invalid_request_error', param })

/** A number as JSON or as text; undefined when it is absent. */
export const number = (value: Json | undefined, param: string): number | undefined => {
  if (value === undefined || value === null) return undefined
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof parsed !== 'number' || !Number.isFinite(parsed) || parsed < 0)
    throw bad(param, 'must be a number of at least 0.')
  return parsed
}

const forbidden = (param: string): Refusal =>
  new Refusal(
    400,
    `Clients may not choose the provider's address or credential: remove '${param}' from the request. An administrator sets it in the configuration of the deployment.`,
    { type: 'invalid_request_error', param },
  )

/** One object of the request, `where` it stands, and what it holds at the places LiteLLM would read. */
export const refuseWithin = (where: string, keys: Iterable<string>, peek: Peek): void => {
  for (const outer of keys) {
    if (IS_CREDENTIAL.has(outer)) throw forbidden(where + outer)
    const value = IS_NESTED.has(outer) ? structured(peek(outer)) : undefined
    if (!isObject(value)) continue
    for (const key of CREDENTIAL_KEYS)
      if (Object.hasOwn(value, key)) throw forbidden(`${where}${outer}.${key}`)
  }
}

/** Throws when the request tries to steer the gateway to another host or key, in its body or its query. */
export const refuseCredentials = (
  keys: Iterable<string>,
  peek: Peek,
  query: ((name: string) => string | undefined) | undefined,
): void => {
  refuseWithin('', keys, peek)
  if (query === undefined) return
  for (const key of CREDENTIAL_KEYS) if (query(key) !== undefined) throw forbidden(key)
}

import type { Json } from './json.ts'

/**
 * The closed list of reasons why an upstream body may differ from the client's.
 * A new reason is a new name here and a line in docs/edits.md; nothing else may change a body.
 */
export type EditName =
  | 'model' // the group name becomes the deployment's own model name
  | 'gateway-controls' // LiteLLM controls in the body (num_retries, fallbacks, …) are ours and stay here
  | 'deployment-default' // a litellm_params value the client did not set
  | 'deployment-extra-body' // litellm_params.extra_body
  | 'deployment-tools' // deployment tools go before the request's
  | 'drop-params' // drop_params: the provider does not take this parameter
  | 'additional-drop-params' // additional_drop_params
  | 'fallback-override' // a dict fallback carries its own values
  | 'sealed-id' // a response id we issued becomes the upstream's own
  | 'stream-usage' // always_include_stream_usage asks for the usage chunk
  | 'provider-rename' // one provider's name for the same parameter

/**
 * One change to a JSON body. `path` is from the top: object keys, or '*' / a decimal index inside arrays.
 * 'set' creates the last key when it is missing; 'drop' of a missing path is no change.
 */
export type Edit =
  | { readonly op: 'set'; readonly path: readonly string[]; readonly value: Json; readonly why: EditName }
  | { readonly op: 'drop'; readonly path: readonly string[]; readonly why: EditName }

/** Something a translation could not carry across. */
export type Warning = { readonly lost: string; readonly because: string }

import type { Secret } from '../config/secret.ts'
import type { Prefill } from '../dialects/continuation.ts'
import type { CountDialect } from '../dialects/counts.ts'
import type { StreamDecoder } from '../dialects/shape.ts'
import type { ClientBody } from '../read/body.ts'
import type { CompactionWire, Route } from '../routes.ts'
import type { Edit, Warning } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import type { Held, Recipe } from './recipe.ts'

export type HeaderPair = readonly [name: string, value: string]

/**
 * How a conversation is compacted: by the client's own wire or by the other one, in the provider's own way (`own`), or
 * by an ordinary call that asks for a summary.
 */
export type CompactionWay = CompactionWire | 'own' | 'summary'

/** A compaction as one deployment makes it. */
export type Compacting = {
  /** How the client asks for it, and wants to be answered. */
  readonly wire: CompactionWire
  readonly way: CompactionWay
  /** Tokens that the deployment takes, as far as that is declared. */
  readonly window: number | undefined
  readonly sees: boolean
  readonly thinks: boolean
}

/** What a provider is asked for: one client call, seen from the wire. Holds nothing of the Context. */
export type Ask = {
  readonly route: Route
  readonly method: string
  /** Path parameters of the route, already unsealed (`{ id: 'resp_…' }`). Each is one path segment. */
  readonly params: Readonly<Record<string, string>>
  /** Raw query string without '?', gateway keys removed. */
  readonly query: string
  readonly body: ClientBody
  /** Client headers that may pass (wire/headers.ts decides), lower-case names. */
  readonly headers: readonly HeaderPair[]
  /** Those of them that the operator has written: what is known of a provider does not go against its operator's word. */
  readonly operatorHeaders?: readonly HeaderPair[]
  /** The upstream model name, wildcard captures filled in. '' when the route has no model. */
  readonly model: string
  /** Edits decided by the gateway for this deployment, before the provider's own. */
  readonly edits: readonly Edit[]
  readonly stream: boolean
  /** drop_params in force for this hop. */
  readonly dropParams: boolean
  /** allowed_openai_params: sent even when the provider is known not to take them. */
  readonly allowedParams: readonly string[]
  /** The call asks for a compaction. */
  readonly compaction?: Compacting | undefined
  /** The gateway answers in the provider's place. */
  readonly estimate?: true
}

/**
 * What an answer needs and some providers do not give: an id and a time. Comes from the house's clock and dice.
 * `unique` is an opaque token made for one attempt; it is not the id of the call.
 */
export type Stamp = {
  readonly unique: string
  /** Seconds since the epoch. */
  readonly created: number
}

/** What goes on the wire. Made by a Connection, sent by attempt/send.ts, and nothing else exists to send. */
export type Draft = {
  readonly method: string
  /** scheme://host[:port] */
  readonly origin: string
  /** Path and query, percent-encoded. */
  readonly path: string
  readonly headers: readonly HeaderPair[]
  /** Segments in order; empty when there is no body. The first may be the client's own bytes. */
  readonly body: readonly Uint8Array[]
  /** Every change that was made to the client's body, for the trail. */
  readonly edits: readonly Edit[]
  readonly warnings: readonly Warning[]
  /** The answer, a JSON document: it is made here, and nobody is asked. */
  readonly local?: Uint8Array
}

/** The provider cannot serve this route or body at all; the loop treats it as a failure of class `unsupported`. */
export class Unsupported extends Error {
  readonly param: string | null
  /** A word on which clients of the dialect know what to do; null: there is none. */
  readonly code: string | null
  constructor(message: string, param: string | null = null, code: string | null = null) {
    super(message)
    this.param = param
    this.code = code
  }
}

/** How an answer becomes the client's dialect. Undefined members mean: same dialect, bytes pass. */
export type Reading = {
  /** A fresh decoder for one streamed answer. Default: wire/sse.ts. */
  readonly decoder?: () => StreamDecoder
  /** Content types that announce this provider's stream. Default: text/event-stream. */
  readonly streamType?: string
  /** How many answers one stream brings, where it is not as many as were asked for. */
  readonly answers?: number
  /** A whole non-stream success body in the client's dialect. */
  readonly translate?: (body: Uint8Array) => Uint8Array
  /** Whether the answer says anything was decided where it was translated: the client's dialect may show less of it. */
  readonly judged?: true
  /** What of the answer, as far as it was read, the client's dialect has no place for. */
  readonly lost?: () => readonly Warning[]
  /** A provider error body (any status ≥ 400) as an OpenAI-style error object, when it is not one already. */
  readonly errorOf?: (
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
  ) => JsonObject | undefined
}

/** One deployment's door to its provider: made once when the configuration loads, immutable. */
export type Connection = {
  /** Upstream base without query: the x-litellm-model-api-base header and half of the rate-limit domain. */
  readonly baseUrl: string
  /** Hash of the credential, for the rate-limit domain and the trust boundary; '' when there is none. */
  readonly credentialId: string
  /** The credential is missing: calls fail with class `credential` before anything is sent. Names the mend. */
  readonly missing: string | undefined
  readonly draft: (ask: Ask) => Draft
  /** How the credential is fetched, when it is not written down. */
  readonly recipe?: Recipe
  /**
   * Adds the credential. Runs after the body is encoded, because a signature may cover its bytes. `held` is what
   * `recipe` has brought; undefined where nobody is called.
   */
  readonly authorize: (
    draft: Draft,
    now: Date,
    held?: Held,
  ) => readonly HeaderPair[] | Promise<readonly HeaderPair[]>
  /** Its own ways of compacting a conversation, the preferred one first; none when absent. */
  readonly compaction?: readonly CompactionWay[]
  /** It has the way `own`, for deployments that declare it. */
  readonly compactsItself?: true
  /** `stamp` is read only by providers whose answers carry no id of their own. */
  readonly reading: (ask: Ask, stamp?: () => Stamp) => Reading
  /** The dialect in which it counts the prompt of this call, of whatever counting endpoint; undefined: it counts none. */
  readonly counts?: (ask: Ask) => CountDialect | undefined
}

/** litellm_params as written (env references resolved, secrets wrapped). The provider picks what it knows. */
export type ProviderParams = {
  readonly model: string
  readonly apiBase: string | undefined
  readonly apiKey: Secret | undefined
  readonly apiVersion: string | undefined
  readonly organization: string | undefined
  /** Every other litellm_params key that is not the gateway's own (aws_region_name, vertex_project, …). */
  readonly extra: JsonObject
  readonly env: Readonly<Record<string, string | undefined>>
  /** litellm_settings that belong to providers. */
  readonly settings?: JsonObject
  /** What model_info says of the endpoints that serve the model. */
  readonly info?: {
    readonly mode: string | undefined
    readonly supportedEndpoints: readonly string[] | undefined
  }
  /**
   * False: only what the deployment itself says may be used. Its own key turned out unset, and what the machine
   * can sign in with must not go to an address it was not meant for. Default true.
   */
  readonly ambient?: boolean
}

export type Provider = {
  /** LiteLLM's prefix: the part of litellm_params.model before the first '/'. */
  readonly name: string
  /** LiteLLM's tag in messages: OpenAIException, AzureException, … */
  readonly exception: string
  /** False: this provider keeps no files, batches or stored responses; such routes pass it by. */
  readonly ownsResources?: false
  readonly prefill?: Prefill
  /** An api_base may name one endpoint, which `connect` reads: of all others it is taken off before. */
  readonly readsEndpoint?: true
  /** litellm_params keys that belong to this provider, so that they do not become body defaults. */
  readonly params: readonly string[]
  /** Throws Error with a sentence that says what is missing and how to mend it. */
  readonly connect: (params: ProviderParams) => Connection
}

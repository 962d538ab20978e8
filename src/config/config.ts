import type { ExceptionName } from '../failure.ts'
import type { CompactionWay, Connection, Provider } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { Secret } from './secret.ts'

/** Where a setting stands in the file, 1-based. `file` is relative to the main file's folder. */
export type Place = { readonly file: string; readonly line: number; readonly column: number }

/** One line of the load report. error: the file is not accepted; differs / later: honoured otherwise, or not yet. */
export type Notice = {
  readonly level: 'error' | 'warning' | 'differs' | 'later'
  /** Dotted path, `router_settings.cooldown_time`, `model_list[2].litellm_params.api_key`. */
  readonly key: string
  readonly place: Place | undefined
  /** One sentence: what, and how to mend it. Never holds a secret value. */
  readonly text: string
}

/** LiteLLM's per-exception numbers (retry_policy, allowed_fails_policy), keys as the exception names. */
export type ExceptionPolicy = Readonly<Partial<Record<ExceptionName | 'Default', number>>>

/**
 * Limits of the phases of one attempt, milliseconds. undefined: not set here; Infinity: `0` was written, the phase has
 * no limit of its own. LiteLLM's `timeout` and `stream_timeout` hold where these are silent.
 */
export type PhaseSettings = {
  readonly connectMs: number | undefined
  /** A streamed call, to its response head. */
  readonly headersMs: number | undefined
  /** A streamed call, from its start to its first content. */
  readonly firstTokenMs: number | undefined
  /** Between two events of an answer that has begun. */
  readonly idleMs: number | undefined
  /** From the start of one attempt to its last byte. */
  readonly attemptMs: number | undefined
}

/** What follows when a stream breaks after its first content. */
export type StreamRecovery = 'on' | 'splice_only' | 'off'

export type ModelInfo = {
  readonly id: string
  readonly mode: string | undefined
  readonly baseModel: string | undefined
  readonly accessGroups: readonly string[]
  readonly maxInputTokens: number | undefined
  /** Goes on from an assistant message at the end of the conversation. Only what is declared is believed. */
  readonly supportsAssistantPrefill: boolean
  /** May think for long before it says anything. */
  readonly supportsReasoning: boolean
  /** Reads images. Only what is declared is believed. */
  readonly supportsVision: boolean
  /** Which ways of compacting a conversation the deployment has; undefined: those that its provider has. */
  readonly compaction: readonly CompactionWay[] | undefined
  readonly allowedFails: number | undefined
  readonly allowedFailsPolicy: ExceptionPolicy | undefined
  readonly cooldownMs: number | undefined
  readonly blocked: boolean
  /** Embedding dimensions, when declared. */
  readonly dimensions: number | undefined
  /** Every key as written, for /model/info. Holds no credential. */
  readonly raw: JsonObject
}

/** One entry of model_list, resolved and frozen. All durations are milliseconds; undefined = not set. */
export type Deployment = {
  readonly id: string
  /** model_name: the model group. May contain '*'. */
  readonly group: string
  readonly provider: Provider
  /** litellm_params.model as written: 'openai/gpt-4.1', 'openai/*'. */
  readonly litellmModel: string
  /** The part after the provider prefix: 'gpt-4.1', or '*' pieces to fill from the request. */
  readonly upstreamModel: string
  readonly connection: Connection
  /** base URL + credential + organisation + upstream model: what a 429 is about. */
  readonly domain: string
  /** base URL + credential + organisation: where ids and ciphertext are valid. */
  readonly boundary: string
  readonly info: ModelInfo
  readonly order: number | undefined
  readonly weight: number | undefined
  readonly rpm: number | undefined
  readonly tpm: number | undefined
  readonly maxParallelRequests: number | undefined
  readonly timeoutMs: number | undefined
  readonly streamTimeoutMs: number | undefined
  readonly phases: PhaseSettings
  readonly numRetries: number | undefined
  readonly cooldownMs: number | undefined
  readonly region: string | undefined
  readonly tags: readonly string[]
  readonly tagRegex: readonly string[]
  readonly mockResponse: Json | undefined
  readonly dropParams: boolean | undefined
  readonly additionalDropParams: readonly (readonly string[])[]
  readonly allowedOpenaiParams: readonly string[]
  /** Values used when the client's body lacks the key. */
  readonly defaults: JsonObject
  readonly extraBody: JsonObject
  readonly extraHeaders: readonly (readonly [string, string])[]
  /** USD per token, overriding the price table. */
  readonly inputCostPerToken: number | undefined
  readonly outputCostPerToken: number | undefined
  readonly place: Place
  /** litellm_params as /model/info may show them: no credential, no resolved secret. */
  readonly shown: JsonObject
}

/** A fallback target: a group name (or deployment id, or a name a wildcard serves) and values it overrides. */
export type FallbackTarget = {
  readonly group: string
  readonly overrides: JsonObject
  /** It is asked for a summary, whatever it could do by itself. */
  readonly summarises?: true
}
/** Source group → targets in order. '*' is the default entry. */
export type FallbackTable = ReadonlyMap<string, readonly FallbackTarget[]>

export type RoutingStrategy =
  | 'simple-shuffle'
  | 'least-busy'
  | 'usage-based-routing'
  | 'usage-based-routing-v2'
  | 'latency-based-routing'
  | 'cost-based-routing'
  | 'p2c'

export type PreCallCheck =
  | 'prompt_caching'
  | 'router_budget_limiting'
  | 'responses_api_deployment_check'
  | 'deployment_affinity'
  | 'session_affinity'
  | 'forward_client_headers_by_model_group'
  | 'enforce_model_rate_limits'
  | 'encrypted_content_affinity'

/** Retries and health beyond LiteLLM's keys. docs/failover.md gives each default its reason. */
export type FailoverSettings = {
  /** total_timeout as written: over all attempts and waits of one request. Infinity: 0 was written, there is none. */
  readonly totalTimeoutMs: number | undefined
  /** The total where neither the file nor the client says one: never shorter than what one attempt may take. */
  readonly usualTotalMs: number
  /** Attempts of one request over all its groups; at least 1. */
  readonly maxAttempts: number
  /** Full jitter: a random wait up to baseMs, twice that, …, at most capMs. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number }
  /** Longer than this nothing is waited for; the second where another group can be asked. */
  readonly longestWaitMs: number
  readonly longestWaitBesideFallbackMs: number
  /** Retries at once in a group: this share of what runs in it, and never fewer than `least`. undefined: no budget. */
  readonly retryBudget: { readonly share: number; readonly least: number } | undefined
  /** The failure in a row that rests a deployment, its first rest, and how long rests may grow by doubling. */
  readonly softCooldown: { readonly failures: number; readonly baseMs: number; readonly longestMs: number }
  readonly hardCooldownMs: number
  /** Soft rests are ignored when less than this share of the group would be left. 0: never. */
  readonly panicShare: number
  /** After a rest one request goes first. */
  readonly probes: boolean
  /** How long a deployment that comes back, or is new, takes to get its whole weight. 0: it has it at once. */
  readonly slowStartMs: number
  /** Where a whole group rests: how long a request may wait for it (0: not at all), how many may, and how urgent one is that does not say. */
  readonly queue: { readonly waitMs: number; readonly size: number; readonly priority: number }
  /** So many requests of a group may stand in line for parallel slots; undefined: all that come. */
  readonly parallelQueueSize: number | undefined
}

/** When a request that waits for its first content is asked of a second deployment as well, and how often at most. */
export type Hedging = {
  /** Milliseconds since the attempt began; p95: longer than 95 % of the deployment's answers of late took. */
  readonly after: number | 'p95'
  /** Hedges in percent of the group's requests, more than 0. */
  readonly maxPercent: number
}

/** What is done about a parameter that a deployment refuses by name. */
export type Learning = {
  /** How long it is remembered. */
  readonly ttlMs: number
}

/** Something is kept of the conversations of these groups, '*' being all, for so long. */
export type KeptFor = { readonly groups: ReadonlySet<string>; readonly ttlMs: number }

export type RouterSettings = {
  readonly strategy: RoutingStrategy
  readonly strategyArgs: JsonObject
  readonly numRetries: number
  /** Floor of the sleep before a retry. */
  readonly retryAfterMs: number
  readonly timeoutMs: number | undefined
  readonly streamTimeoutMs: number | undefined
  readonly phases: PhaseSettings
  readonly streamRecovery: StreamRecovery
  /** undefined when absent or equal to LiteLLM's default 3. */
  readonly allowedFails: number | undefined
  readonly allowedFailsPolicy: ExceptionPolicy | undefined
  readonly retryPolicy: ExceptionPolicy | undefined
  readonly modelGroupRetryPolicy: ReadonlyMap<string, ExceptionPolicy>
  /** By group; '*' for every group without an entry. undefined: nobody hedges. */
  readonly hedges: ReadonlyMap<string, Hedging> | undefined
  readonly cooldownMs: number
  readonly disableCooldowns: boolean
  /** One of LiteLLM's keys for cooldowns is written: its rules say what rests and for how long. */
  readonly litellmCooldowns: boolean
  readonly failover: FailoverSettings
  /** undefined: nothing is left out, and the refusal is the answer. */
  readonly learning: Learning | undefined
  readonly maxFallbacks: number
  /** undefined when the list is not configured at all: that changes error texts and typed fallbacks. */
  readonly fallbacks: FallbackTable | undefined
  readonly contextWindowFallbacks: FallbackTable | undefined
  readonly contentPolicyFallbacks: FallbackTable | undefined
  readonly defaultFallbacks: readonly string[]
  readonly fallbackOnContentPolicy: boolean
  /** compaction_model: who summarises a conversation that nobody else could compact, by group; '*': any group. */
  readonly compactionModels: FallbackTable | undefined
  /** compaction_shadow: groups of whose native compactions a readable copy is kept, and for how long; '*': all. */
  readonly compactionShadows: KeptFor | undefined
  /** transcripts: groups of whose responses input and output are kept, and for how long; '*': all. */
  readonly transcripts: KeptFor | undefined
  /** fetch_transcripts: what is not kept is fetched from an owner that is only rate limited. */
  readonly fetchTranscripts: boolean
  /** mirror_conversations: all that happens to conversations goes through this process. */
  readonly mirrorConversations: boolean
  readonly enablePreCallChecks: boolean
  readonly optionalPreCallChecks: ReadonlySet<PreCallCheck>
  readonly affinityTtlMs: number
  readonly enableTagFiltering: boolean
  readonly tagFilteringMatchAny: boolean
  readonly defaultMaxParallelRequests: number | undefined
}

export type PassThroughEndpoint = {
  readonly path: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  /** Default true: one parser, one default. */
  readonly auth: boolean
  readonly forwardHeaders: boolean
  readonly includeSubpath: boolean
}

export type GeneralSettings = {
  readonly masterKey: Secret | undefined
  /** Sealing key material: LITELLM_SALT_KEY, else the master key, else a key file in the data directory. */
  readonly saltKey: Secret | undefined
  /** Sealing key material of earlier times: opens what was sealed with it, seals nothing. */
  readonly previousSaltKeys: readonly Secret[]
  readonly keyHeaderName: string | undefined
  readonly completionModel: string | undefined
  readonly allowMockTesting: boolean
  readonly disableResponsesIdSecurity: boolean
  readonly allowUnmanagedResponseIds: boolean
  readonly includeCallIdInErrorBody: boolean
  readonly forwardClientHeaders: boolean
  readonly forwardOpenaiOrgId: boolean
  readonly alwaysIncludeStreamUsage: boolean
  readonly enforceFallbackModelAccess: boolean
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  /** Bytes of texts that the store in the data directory holds at most. */
  readonly storeMaxBytes: number
  readonly maxInFlight: number | undefined
  /** What a client may take its time with; 0 = no limit. Its head, its whole request, each silence while it reads. */
  readonly clientHeadMs: number
  readonly clientRequestMs: number
  readonly clientStallMs: number
  readonly passThroughTimeoutMs: number
  readonly passThroughEndpoints: readonly PassThroughEndpoint[]
  readonly publicRoutes: readonly string[]
  readonly cors: CorsSettings
}

/** Pages of which origins may read answers. */
export type CorsSettings = {
  /** undefined: of any. */
  readonly origins: readonly string[] | undefined
  /** Browsers may send cookies and client certificates along, as a proxy in front may want. Never with any origin. */
  readonly credentials: boolean
}

export type LitellmSettings = {
  readonly requestTimeoutMs: number
  readonly dropParams: boolean
  readonly exposeRouterDebugInErrors: boolean
  /** Silence after which a streamed call gets a comment, be its answer begun or not; undefined: none is written. */
  readonly ssePingMs: number | undefined
  /** What providers say of a failure stays out of the log: it may repeat the prompt. */
  readonly turnOffMessageLogging: boolean
}

/** A Redis or Valkey server over which instances share what they learn about providers. */
export type RedisSettings = {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly database: number
  /** Keys and channel begin with it: fleets with different ones do not hear of each other. */
  readonly namespace: string
}

/** One immutable snapshot. A request sees exactly one, from its first line to its record. */
export type Config = {
  readonly deployments: readonly Deployment[]
  /** Exact model_name → deployments, in file order. Wildcards are in `patterns`. */
  readonly groups: ReadonlyMap<string, readonly Deployment[]>
  /** Wildcard groups, most specific first. */
  readonly patterns: readonly { readonly pattern: RegExp; readonly deployments: readonly Deployment[] }[]
  readonly aliases: ReadonlyMap<string, { readonly group: string; readonly hidden: boolean }>
  readonly byId: ReadonlyMap<string, Deployment>
  readonly router: RouterSettings
  readonly general: GeneralSettings
  readonly litellm: LitellmSettings
  /** undefined: health is shared among the workers of this process at most. */
  readonly redis: RedisSettings | undefined
  /** files_settings: provider → deployment-like connection, for provider-owned resources without a model. */
  readonly notices: readonly Notice[]
  /** Absolute paths of every file read, for the watcher. */
  readonly files: readonly string[]
}

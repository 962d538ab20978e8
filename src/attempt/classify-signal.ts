import type { Choice } from '../plan/wish.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { TransportFault } from './transport.ts'

/** The provider as messages name it: `OpenAIException`, `AzureException`, … */
export type ProviderTag = { readonly exception: string }

/** The provider answered, and the answer is an error: by its status, or inside a 200 or a stream. */
export type ResponseSignal = {
  readonly kind: 'response'
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly provider: ProviderTag
  /** The error object when somebody has read it already; then `body` is not looked at. */
  readonly errorObject?: JsonObject
  /** The error came behind a success status: in an event, or inside a whole answer. */
  readonly inStream: boolean
  /** The whole request had been written. */
  readonly sent: boolean
  /** The route names an object that one provider owns: a 404 is about that object. */
  readonly resource?: boolean
  /** Milliseconds since the epoch, for a Retry-After that is a date. */
  readonly wallNow?: number
}

export type TimeoutSignal = {
  readonly kind: 'timeout'
  readonly phase: 'connect' | 'headers' | 'first_token' | 'idle' | 'attempt' | 'total'
  readonly limitMs: number
  readonly tookMs: number
  /** The limit was the caller's own. */
  readonly byClient: boolean
  /** It was the limit of the whole request: however late this attempt had begun. */
  readonly ofRequest?: true
  /** The deployment's own limits as its configuration writes them. */
  readonly written?: { readonly requestTimeout: Json; readonly timeout: Json }
  readonly provider: ProviderTag
}

export type UnreadableSignal = {
  readonly kind: 'unreadable'
  readonly what:
    | 'not_json'
    | 'html'
    | 'empty'
    | 'wrong_content_type'
    | 'malformed_event'
    | 'cut'
    | 'oversize'
    | 'over_limit'
    | 'diverged'
  readonly status: number
  readonly provider: ProviderTag
}

/** Everything that can end an attempt, or keep it from starting. */
export type FailureSignal =
  | ResponseSignal
  | {
      readonly kind: 'transport'
      readonly fault: TransportFault
      readonly provider: ProviderTag
      /** The answer had begun to stream: LiteLLM has a name of its own for that. */
      readonly inStream?: true
    }
  | TimeoutSignal
  | UnreadableSignal
  | {
      readonly kind: 'unsupported'
      readonly message: string
      readonly param: string | null
      readonly code?: string | null
      readonly provider: ProviderTag
    }
  | { readonly kind: 'missing_credential'; readonly message: string; readonly provider: ProviderTag }
  | {
      readonly kind: 'nothing'
      readonly choice: Extract<Choice, { readonly kind: 'nothing' }>
      readonly group: string
    }
  | { readonly kind: 'bug' }
  /** Given up for another attempt at the same request; `sent`: the whole request had been written. */
  | { readonly kind: 'outrun'; readonly sent: boolean }
  | { readonly kind: 'client_gone' }
  | { readonly kind: 'shutdown' }

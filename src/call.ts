import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config, FallbackTable, FallbackTarget } from './config/config.ts'
import type { Context } from './context.ts'
import type { Reference } from './dialects/bound-state.ts'
import type { NamedItem } from './plan/copies.ts'
import type { Shadowed } from './plan/shadows.ts'
import type { Pin } from './plan/wish.ts'
import type { HeaderPair } from './providers/provider.ts'
import type { ClientBody } from './read/body.ts'
import type { Aside } from './read/bound.ts'
import type { NativeItem } from './read/compaction.ts'
import type { CompactionWire, Route } from './routes.ts'
import type { Signal } from './signal.ts'
import type { Edit } from './wire/edit.ts'

/** The nouns of the one way through. Each stage returns a richer one and changes nothing it was given. */

export type Received = {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  /** Raw query string without '?'. */
  readonly query: string
  readonly path: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly callId: string
  /** clock.now() */
  readonly arrivedAt: number
  readonly config: Config
  /** Aborts when the client leaves before it has its answer. */
  readonly departed: Signal
  /** Aborts when the gateway's own time is over (the end of a drain). */
  readonly curtain: Signal
}

/** What the client asks of the gateway itself, from headers and body. Never forwarded. Milliseconds. */
export type Controls = {
  readonly numRetries: number | undefined
  readonly timeoutMs: number | undefined
  readonly streamTimeoutMs: number | undefined
  readonly fallbacks: readonly FallbackTarget[] | undefined
  /** The general list of this request, in place of the file's. */
  readonly generalFallbacks: FallbackTable | undefined
  /** Hops from the first group. */
  readonly maxFallbacks: number | undefined
  readonly contextWindowFallbacks: FallbackTable | undefined
  readonly contentPolicyFallbacks: FallbackTable | undefined
  readonly disableFallbacks: boolean
  readonly dropParams: boolean | undefined
  readonly additionalDropParams: readonly (readonly string[])[]
  readonly allowedOpenaiParams: readonly string[]
  readonly allowedRegion: string | undefined
  readonly mock: Mock
}

/** LiteLLM's test switches, accepted from admin keys. */
export type Mock = {
  readonly fallbacks: boolean
  readonly contextFallbacks: boolean
  readonly contentPolicyFallbacks: boolean
  readonly rateLimit: boolean
  readonly timeout: boolean
  readonly delayMs: number
  readonly response: string | undefined
}

/** What was put in the place of an id that only its provider can read. */
export type Rehydrated = {
  /** What named it in the client's body. */
  readonly of: 'previous_response_id' | 'conversation'
  /** How the body of the call came from the client's. */
  readonly edits: readonly Edit[]
  /** Earlier responses (a conversation counts as one), and the items that they are now. */
  readonly responses: number
  readonly items: number
  /** Of these responses, those that their owner was asked for now. */
  readonly fetched: number
  /** Of the body that was made. */
  readonly bytes: number
  /** Of whom nobody is asked: the owner, when it is out. undefined: it is asked like the others. */
  readonly without: string | undefined
}

export type Call = {
  readonly route: Route
  readonly method: string
  readonly params: Readonly<Record<string, string>>
  /** Query for the provider: gateway keys removed. */
  readonly query: string
  readonly body: ClientBody
  /** Client headers that may go to a provider. */
  readonly headers: readonly HeaderPair[]
  /** The model name as the client wrote it; '' on routes without one. */
  readonly model: string
  /** custom_llm_provider: whose objects a provider-owned route is about. */
  readonly ownerProvider: string | undefined
  readonly stream: boolean
  readonly controls: Controls
  /** Edits that hold for every hop: gateway controls dropped, sealed ids opened. */
  readonly edits: readonly Edit[]
  readonly pin: Pin | undefined
  /** Boundary of who can read the newest reasoning of the request: preferred, and not required. */
  readonly origin: string | undefined
  /** Provider's ids that the request refers to → as the client wrote them. */
  readonly echoes: ReadonlyMap<string, string>
  /** Ids of the request that one account knows. */
  readonly references: readonly Reference[]
  /** Where the request names a response of this gateway that only explains something, and whose it is. */
  readonly asides: readonly Aside[]
  /** The request refers to state that was not made through this gateway: only who is asked first can be its owner. */
  readonly unowned: boolean
  /** Compactions of providers that the call goes on with. */
  readonly natives: readonly NativeItem[]
  /** Items that the call goes on with by their names alone. */
  readonly named: readonly NamedItem[]
  /** Copies of both that this caller has here; undefined: none. */
  readonly shadows: readonly Shadowed[] | undefined
  /** How the call asks for a compaction; undefined: it does not. */
  readonly compaction: CompactionWire | undefined
  /** The conversation stands in it in the place of an id that nobody can read who is asked from here on. */
  readonly rehydrated: Rehydrated | undefined
  readonly config: Config
  readonly context: Context
}

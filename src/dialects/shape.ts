import type { FailureClass } from '../failure.ts'
import type { JsonIndex } from '../wire/index.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { Continuation, Peek } from './continuation.ts'

/** Tokens as the provider counted them; `undefined` members were not reported. */
export type Usage = {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens?: number
  readonly cacheWriteTokens?: number
  readonly reasoningTokens?: number
  /** Audio billed by its length; the token counts are 0 then. */
  readonly audioSeconds?: number
}

/** One server-sent event. `bytes` is exactly what goes to a same-dialect client, its blank line included. */
export type StreamEvent = {
  readonly bytes: Uint8Array
  /** The `event:` field, '' when absent. */
  readonly event: string
  /** The joined `data:` lines; undefined for a comment-only block. */
  readonly data: string | undefined
}

/** Turns upstream bytes into events, whatever the splits. Throws StreamFault on an event it must not pass on. */
export type StreamDecoder = {
  push(chunk: Uint8Array): readonly StreamEvent[]
  /** Bytes left at the end of the stream are an unfinished event: returned only if they form a whole one. */
  end(): readonly StreamEvent[]
  /** The answer is whole and `end` would say so, though the upstream has not ended yet. */
  finished?(): boolean
  /** Content has come since the last look that is not passed on: the upstream speaks, though nobody hears it. */
  keptBack?(): boolean
  /** What events that are not passed on have told of the usage since the last look. */
  withheld?(): Usage | undefined
}

/**
 * What one event means for the commit gate.
 *  lifecycle: hold it (created, in_progress, role-only deltas, pings)
 *  content:   text, reasoning, refusal, tool, audio or image delta: the attempt has answered
 *  final:     the answer is whole but the terminator has not come (finish_reason, usage); `finished` names the
 *             choices that end here, undefined: all of them. Of `content`, too, where others go on. `speaks`: it is
 *             content as well
 *  terminal:  the dialect's own end ([DONE], response.completed): nothing after it counts
 *  error:     the provider failed inside the stream
 */
export type Sight =
  | {
      readonly kind: 'lifecycle' | 'content' | 'final' | 'terminal'
      readonly usage?: Usage
      readonly finished?: readonly number[]
      readonly speaks?: true
      /**
       * Where each answer has an end event of its own. each: one is whole, and the last of those that were asked for is
       * the terminal; rest: there are no more of them.
       */
      readonly ends?: 'each' | 'rest'
    }
  | { readonly kind: 'error'; readonly error: JsonObject }

/** The error object of the OpenAI dialect, as LiteLLM fills it. `code` is nearly always the status as a string. */
export type ErrorBody = {
  readonly message: string
  readonly type: string | null
  readonly param: string | null
  readonly code: string | null
  readonly [more: string]: Json
}

/** What is known of an error beside its object. */
export type Circumstance = {
  /** The HTTP status that LiteLLM gives it. */
  readonly status: number
  /** What failed; undefined: the gateway itself refused. */
  readonly failure: FailureClass | undefined
  /** The name of this request in headers and logs. */
  readonly callId: string
}

/** An error as a client of one dialect gets it. */
export type ToldError = {
  readonly status: number
  readonly document: JsonObject
  /** Headers that the dialect's clients read with an error, lower case. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * When it does no harm that a second provider works on a request whose answer nobody may want: neither keeps anything
 * of it that somebody could refer to, and nothing is done in the world for it.
 */
export type HedgeTerms = {
  /** Parameters that must be missing, or say nothing: null, false, an empty list. */
  readonly without: readonly string[]
  /** Parameters that must be there with just this value: without them the provider does otherwise. */
  readonly only?: JsonObject
}

/** Nothing in such a request binds or does anything. */
export const ALWAYS: HedgeTerms = { without: [] }

/** What the engine must know of an endpoint's answers. Pure, no I/O, never sees the Context. */
export type Shape = {
  readonly name: string
  /** Non-stream JSON answers: undefined = a real answer; an object = the error hidden inside the 200. */
  readonly errorInside: (answer: JsonObject) => JsonObject | undefined
  /** A quick look at the bytes: true when there can be no error inside, so that the whole need not be parsed. */
  readonly calm?: (answer: JsonIndex) => boolean
  readonly usageOf: (answer: JsonObject) => Usage | undefined
  /** A whole answer that a content filter emptied: a refusal where the operator has another group for it. */
  readonly filtered?: (answer: JsonObject) => boolean
  /** The request may be asked of two providers at once, on these terms; undefined: never. */
  readonly hedge?: HedgeTerms
  /** The member that names the model in an answer and in each of its events; default: 'model'. */
  readonly modelKey?: string
  /** Where nobody who could answer can be asked, the gateway does: what is asked for is a guess at worst. */
  readonly estimated?: true
  /** How many answers one stream brings by what the request says; undefined: by `n`. */
  readonly answersIn?: (peek: Peek) => number
  /** A plain answer is no document but bytes that go out as they come: a stream's limits hold for it. */
  readonly flows?: true
  /** An error in the words of a dialect that has its own; undefined: `{error: {…}}` as OpenAI writes it. */
  readonly tell?: (error: ErrorBody, of: Circumstance) => ToldError
  /** Stream rules; undefined when the endpoint never streams events. */
  readonly stream: StreamRules | undefined
}

export type StreamRules = {
  readonly sight: (event: StreamEvent) => Sight
  /** The frame that ends a broken stream at the client: an error event, never a success terminator. */
  readonly errorFrame: (error: ErrorBody, state: StreamState, of?: Circumstance) => string
  /**
   * Asked when a stream has ended and no event carried content, with all its events: the error to tell when the
   * provider did not say anything at all; undefined when saying nothing was its answer (a stop, a filter, a limit).
   */
  readonly emptyEnd?: (events: readonly StreamEvent[]) => JsonObject | undefined
  /** Asked of the same events: a content filter left nothing over. As `filtered` of a whole answer. */
  readonly filtered?: (events: readonly StreamEvent[]) => boolean
  /** Usage told in several events, each with a part of it; undefined: the last one tells all. */
  readonly laterUsage?: (before: Usage | undefined, now: Usage) => Usage
  /** Where in an event the model is named, when it is not at the top. */
  readonly modelAt?: readonly string[]
  /** True when a finished answer may end without its terminator (chat: finish_reason, then EOF). */
  readonly endsWithoutTerminal: boolean
  /** An answer that ends tells a reason first: a terminator alone ends none that goes on with another. */
  readonly endsByReason?: true
  /** Plain bytes: where the upstream ends, the answer ends (a short body is the transport's to notice). */
  readonly endIsEnd?: true
  /** How another answer may go on with one that broke; undefined: nobody can. */
  readonly continuation?: Continuation
  /** Its first content is words: a stream that is silent for long has more likely hung than thought. */
  readonly speaksSoon?: true
  /** An answer without a single byte is none, however properly it ended. */
  readonly neverEmpty?: true
}

/** What a client has of an answer that broke. */
export type Delivered = {
  /** What was said, by channel (text, reasoning, …), in the order the channels began. */
  readonly texts: ReadonlyMap<string, string>
  /** The first event that went to the client, parsed: its ids and times go on. */
  readonly first: JsonObject | undefined
  /** Highest sequence_number that went to the client, -1 when none. */
  readonly sequence: number
}

/** What the relay remembers of a stream so that the error frame is valid in its dialect. */
export type StreamState = {
  /** Highest sequence_number seen, -1 when none. */
  sequence: number
  /** The last whole `response` object seen, for response.failed. */
  response: JsonObject | undefined
}

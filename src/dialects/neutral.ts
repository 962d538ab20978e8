import type { Json, JsonObject } from '../wire/json.ts'
import type { IdRule } from './call-ids.ts'
import type { Losses } from './losses.ts'
import type { StreamEvent, Usage } from './shape.ts'
import type { NameRule } from './tool-names.ts'

/**
 * What every dialect says in its own words: the pivot of all translations. It is used only where the client's dialect
 * is not the upstream's; within one dialect the client's bytes go as they are.
 *
 * A dialect that clients speak is a Door, one that providers speak is an Upstream; most are both. A door reads
 * requests and writes answers, an upstream writes requests and reads answers. All of it is pure.
 */

/** A wire format. Also names who can read an opaque part: a signature of one is noise to the others. */
export type Dialect = 'chat' | 'responses' | 'messages' | 'gemini' | 'converse' | 'cohere'

/** An opaque piece that only its issuer can read. It is told apart by the issuer, and never shown to another. */
export type Sealed = {
  readonly issuer: Dialect
  readonly payload: string
  /** There is no readable text beside it (redacted thinking). */
  readonly redacted?: true
}

/** Where the bytes of an image or a file are. */
export type Source =
  | { readonly kind: 'bytes'; readonly mime: string; readonly base64: string }
  | { readonly kind: 'url'; readonly url: string; readonly mime?: string }
  /** Uploaded to a provider; foreign to every other account. */
  | { readonly kind: 'id'; readonly id: string }

/** Where a prompt cache may cut: everything up to and including this part. */
export type CacheMark = { readonly ttl?: '5m' | '1h' }

export type TextPart = {
  readonly kind: 'text'
  readonly text: string
  readonly cache?: CacheMark
  /** Citations, as responses write annotations: `[{ type: 'url_citation', url, title, … }]`. */
  readonly annotations?: readonly JsonObject[]
}

/** A call that the model makes. */
export type CallPart = {
  readonly kind: 'call'
  /** As its issuer wrote it; a writer maps it to what its target accepts, the same way every time. */
  readonly id: string
  readonly name: string
  /** The arguments as JSON text, byte for byte as the model wrote them, which need not parse; of a custom tool, its text. */
  readonly input: string
  readonly custom?: true
  readonly sealed?: Sealed
  readonly cache?: CacheMark
}

/** What a tool answered. Stands in a user turn. */
export type ResultPart = {
  readonly kind: 'result'
  readonly id: string
  /** The tool's name, found by the id of its call; '' when the history does not hold the call. */
  readonly name: string
  readonly content: readonly (TextPart | MediaPart)[]
  readonly failed?: true
  readonly custom?: true
  readonly cache?: CacheMark
}

export type MediaPart =
  | {
      readonly kind: 'image'
      readonly source: Source
      readonly detail?: 'low' | 'high' | 'auto' | 'original'
      readonly cache?: CacheMark
    }
  | { readonly kind: 'file'; readonly source: Source; readonly name?: string; readonly cache?: CacheMark }
  | { readonly kind: 'audio'; readonly mime: string; readonly base64: string }

export type ReasoningPart = {
  readonly kind: 'reasoning'
  /** Summary or thought, '' when only the sealed form is there. */
  readonly text: string
  readonly sealed?: Sealed
}

export type Part =
  | TextPart
  | MediaPart
  | CallPart
  | ResultPart
  | ReasoningPart
  | { readonly kind: 'refusal'; readonly text: string }
  /** A summary that stands for the conversation before it, readable. */
  | { readonly kind: 'summary'; readonly text: string }

/** Turns in the order they were said. System turns may stand anywhere; neighbours of one role are not merged. */
export type Turn = {
  readonly role: 'system' | 'user' | 'assistant'
  readonly parts: readonly Part[]
}

export type Tool = {
  readonly name: string
  readonly description?: string
  /** JSON schema of the arguments; undefined: a custom tool that takes free text. */
  readonly schema?: JsonObject
  readonly strict?: boolean
  /** A custom tool's grammar, as its dialect writes it. */
  readonly format?: JsonObject
  readonly cache?: CacheMark
}

export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'tool'; readonly name: string }
  /** One of these, or with `required: false` perhaps none. */
  | { readonly kind: 'allowed'; readonly names: readonly string[]; readonly required: boolean }

export type Format =
  | { readonly kind: 'text' | 'json' }
  | {
      readonly kind: 'schema'
      readonly name: string
      readonly schema: JsonObject
      readonly strict?: boolean
      readonly description?: string
    }

export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** A whole request. Every member but `turns` is undefined when the client did not ask. */
export type NeutralRequest = {
  readonly turns: readonly Turn[]
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  /** false: one call at a time. */
  readonly parallelCalls?: boolean
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly logitBias?: JsonObject
  /** How many alternatives per token; 0: the chosen token's own only. */
  readonly logprobs?: number
  readonly format?: Format
  readonly effort?: Effort
  /** Tokens for thinking, where the client counted them out. */
  readonly thinkingTokens?: number
  /** May the client see what the model thinks? */
  readonly thoughts?: 'shown' | 'hidden'
  readonly verbosity?: 'low' | 'medium' | 'high'
  readonly metadata?: JsonObject
  /** The end user: user, safety_identifier, metadata.user_id. */
  readonly user?: string
  readonly serviceTier?: string
  readonly cacheKey?: string
  readonly stream: boolean
  /** Usage at the end of a stream was asked for (chat's stream_options.include_usage); other dialects always tell it. */
  readonly streamUsage: boolean
  /**
   * What the client sent under a name that has no neutral meaning, as it was written: a writer may take what its
   * target knows by that name and reports the rest.
   */
  readonly rest: JsonObject
}

/** Why an answer ended. `error` is no stop: it is a failure, told as one. */
export type Stop =
  | { readonly kind: 'end' | 'length' | 'context' | 'calls' | 'filter' | 'refusal' | 'pause' | 'compaction' }
  | { readonly kind: 'sequence'; readonly sequence: string | undefined }

/** A whole answer. */
export type NeutralAnswer = {
  /** The provider's own id, when it gave one. */
  readonly id: string | undefined
  /** The model as the provider names it. */
  readonly model: string | undefined
  /** In the order they were said: reasoning, text, calls, refusal, media. */
  readonly parts: readonly Part[]
  readonly stop: Stop
  readonly usage: Usage | undefined
  /** As chat writes `choices[0].logprobs.content`. */
  readonly logprobs?: readonly Json[]
  readonly serviceTier?: string
}

/**
 * A streamed answer, piece by piece. Parts are numbered by `part` in the order they open; several calls may be open
 * at once, of everything else one. A delta, seal or close names a part that is open.
 */
export type NeutralEvent =
  | { readonly kind: 'start'; readonly id: string | undefined; readonly model: string | undefined }
  | { readonly kind: 'open'; readonly part: number; readonly of: 'text' | 'reasoning' | 'refusal' }
  | {
      readonly kind: 'open'
      readonly part: number
      readonly of: 'call'
      readonly id: string
      readonly name: string
      readonly custom?: true
    }
  /** Text of the part: words, thoughts, or a piece of the arguments' JSON text. Never ''. */
  | {
      readonly kind: 'delta'
      readonly part: number
      readonly text: string
      /** Of these words' tokens, as chat writes them; where they were asked for. */
      readonly logprobs?: readonly Json[]
    }
  | { readonly kind: 'seal'; readonly part: number; readonly sealed: Sealed }
  | { readonly kind: 'annotation'; readonly part: number; readonly annotation: JsonObject }
  | { readonly kind: 'close'; readonly part: number }
  /** A picture, whole, or a recording or a piece of one: a part that opens and closes in one event. */
  | { readonly kind: 'media'; readonly part: number; readonly media: MediaPart }
  | { readonly kind: 'stop'; readonly stop: Stop }
  /** The latest count; a later one replaces it. */
  | { readonly kind: 'usage'; readonly usage: Usage }
  /** The provider lives and says nothing. */
  | { readonly kind: 'ping' }
  /** The upstream's own terminator. Nothing follows. Never made up: a stream that breaks has none. */
  | { readonly kind: 'end' }
  /** The provider failed inside the stream: an error object of OpenAI's form. Nothing follows. */
  | { readonly kind: 'error'; readonly error: JsonObject }

/** One streamed answer of an upstream, from its bytes, whatever the splits. Throws StreamFault for what cannot be read. */
export type NeutralDecoder = {
  readonly push: (chunk: Uint8Array) => readonly NeutralEvent[]
  /** The answer has told its end, and only its terminator is missing: `end` may be asked before the bytes end. */
  readonly stopped?: () => boolean
  /** At the end of the bytes: what an unfinished block still holds, if it is whole. Makes no `end` up. */
  readonly end: () => readonly NeutralEvent[]
}

/** One streamed answer to a client. */
export type StreamWriter = {
  readonly write: (event: NeutralEvent) => readonly StreamEvent[]
}

/** What a writer of requests must know of its target. */
export type Target = {
  /** Upstream model name: some rules of a dialect hold for some of its models. */
  readonly model: string
  /** allowed_openai_params: names that go along although the target is not known to take them. */
  readonly allowedParams: readonly string[]
  /** For dialects that want a limit where the client gave none; undefined: the dialect's own default. */
  readonly maxTokens?: number | undefined
  /** Ids of calls that this target takes, where it takes fewer than its dialect. */
  readonly callIds?: IdRule
  /** Chat: the server knows the limit by its older name only. */
  readonly limitName?: 'max_tokens'
  /** Chat: custom tools are taken as such; elsewhere they are told as functions. */
  readonly customTools?: true
  /** Chat: how many stop sequences the server takes; undefined: nobody says. */
  readonly mostStops?: number
  /** Chat: thoughts of earlier turns go back as reasoning_content, which some servers demand. */
  readonly wantsReasoning?: true
}

/** What a writer of answers must know of the question. */
export type Asked = {
  /** The client's request as it was written, for answers that repeat it. */
  readonly body: JsonObject
  readonly request: NeutralRequest
  /** The name the answer gives its model. */
  readonly model: string
  /** Opaque and new for each attempt: what ids are made of. Letters, digits, '-'. */
  readonly unique: string
  /** Seconds since the epoch. */
  readonly created: number
  /** Takes the names of what the answer holds and the client's dialect has no place for. */
  readonly losses?: Losses
}

/** A dialect as clients speak it. */
export type Door = {
  readonly dialect: Dialect
  /**
   * Throws Unsupported, naming the parameter, for what no other dialect can hold (hosted tools, foreign ids).
   * Losses name what this reader could not carry.
   */
  readonly read: (body: JsonObject, losses: Losses) => NeutralRequest
  readonly answer: (answer: NeutralAnswer, asked: Asked) => JsonObject
  readonly writer: (asked: Asked) => StreamWriter
  /** False: where a text stops in the middle has no place in a conversation, so nobody else goes on from there. */
  readonly goesOn?: false
}

/** A dialect as providers speak it. */
export type Upstream = {
  readonly dialect: Dialect
  /** `model` and `stream` are members only where the dialect has them in its body. Throws Unsupported. */
  readonly write: (request: NeutralRequest, target: Target, losses: Losses) => JsonObject
  /** Throws Error when the body is no answer of this dialect. */
  readonly answer: (body: JsonObject) => NeutralAnswer
  readonly decoder: () => NeutralDecoder
  /** Names of tools that it takes, where they are fewer than everybody's; others travel under names that fit. */
  readonly toolNames?: NameRule
  /** Content type of its streams; undefined: text/event-stream. */
  readonly streamType?: string
  /** An error body as an error object of OpenAI's form, when it is not one already. */
  readonly errorOf?: (
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
  ) => JsonObject | undefined
}

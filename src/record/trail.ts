import type { Usage } from '../dialects/shape.ts'
import type { FailureClass } from '../failure.ts'

/**
 * One attempt, as the log, the admin page and `understudy explain` tell it.
 * All durations are milliseconds. Holds no prompt, no key and no header value.
 */
export type Step = {
  /** The model group this attempt was made for. */
  readonly group: string
  /** Deployment id. */
  readonly deployment: string
  /** litellm_params.model as written. */
  readonly model: string
  /** Why selection picked this deployment. */
  readonly because: string
  /** Named changes to the client's body: 'set model (model)', 'drop fallbacks (gateway-controls)'. */
  readonly edits: readonly string[]
  /** What a translation could not carry. */
  readonly lost: readonly string[]
  readonly outcome: 'answered' | FailureClass
  /** Upstream HTTP status; undefined when no answer came. */
  readonly status: number | undefined
  readonly message?: string
  /** What broke below HTTP: dns, refused, tls, reset or protocol, and the system's code. */
  readonly fault?: string
  /** Since the request started. */
  readonly startedMs: number
  readonly ms: number
  readonly firstTokenMs?: number
  /** Sleep before this attempt. */
  readonly waitedMs: number
  /** Why the next step followed: 'retry: rate_limit, 2000 ms', 'fallback gpt-4.1 → gpt-4.1-paid: transient', 'end'. */
  readonly next: string
  readonly usage?: Usage
  readonly costUsd?: number
  /** Nobody has told the usage: counted from what was delivered, or for an attempt that was outrun, the prompt alone. */
  readonly estimated?: true
  /** The attempt went on with an answer that had broken: after what was delivered, or by saying it again. */
  readonly resumed?: 'continuation' | 'splice'
  /** It was made beside another attempt that was slow to answer: neither a retry nor a fallback. */
  readonly hedge?: true
  /** How a conversation was compacted: native, native-other-wire, emulated, or the provider's name for its own way. */
  readonly compaction?: string
  /** The same hop once more, because its provider had named what it could do without: this. No retry. */
  readonly repair?: string
  /** The request was fully sent and the provider may charge for it although the attempt failed. */
  readonly possiblyBilled?: true
}

/** While it is being made: members that are not always there are put in one by one, which is cheaper than to spread them. */
export type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Milliseconds that attempts and the sleeps before them took; of two side by side, the time they shared counts once. */
export const awayMs = (steps: readonly Step[]): number => {
  let away = 0
  let hedge: Step | undefined
  for (const step of steps) {
    away += step.ms + step.waitedMs
    if (step.hedge === true) hedge = step
  }
  if (hedge === undefined) return away
  for (const step of steps) if (step !== hedge) away -= sharedMs(step, hedge)
  return away
}

const sharedMs = (one: Step, other: Step): number =>
  Math.max(
    0,
    Math.min(one.startedMs + one.ms, other.startedMs + other.ms) - Math.max(one.startedMs, other.startedMs),
  )

/** What took the place of an id that nobody could read any more, as headers and the log tell it. */
export const rehydratedText = (of: {
  readonly of: 'previous_response_id' | 'conversation'
  readonly responses: number
  readonly items: number
  readonly fetched: number
}): string =>
  [
    of.of,
    ...(of.of === 'conversation' ? [] : [`responses=${of.responses}`]),
    `items=${of.items}`,
    ...(of.fetched === 0 ? [] : [`fetched=${of.fetched}`]),
    // Its owner has not heard of this turn.
    ...(of.of === 'conversation' ? ['added=false'] : []),
  ].join('; ')

/** What a limited owner was asked for, so that others could go on from it. */
export type Fetched = {
  readonly requests: number
  readonly ms: number
  /** Why it came to nothing; undefined: all of it is there. */
  readonly failed: string | undefined
}

export const fetchedText = ({ requests, ms, failed }: Fetched): string =>
  [
    ...(failed === undefined ? [] : [`failed: ${failed}`]),
    `requests=${requests}`,
    `ms=${Math.round(ms)}`,
  ].join('; ')

/** How the exchange with the client ended. */
export type RequestEnd = 'complete' | 'client_left' | 'upstream_broke' | 'refused' | 'error'

/** One request from its first byte to its last: the only thing that is ever written about it. */
export type RequestRecord = {
  readonly callId: string
  /** Route name of the endpoint table. */
  readonly route: string
  readonly method: string
  readonly path: string
  readonly requestedModel: string
  /** The group after aliases were resolved. */
  readonly group: string
  /** The group and deployment whose answer the client got. */
  readonly servedGroup?: string
  readonly servedDeployment?: string
  readonly stream: boolean
  /** HTTP status the client got. */
  readonly status: number
  readonly end: RequestEnd
  /** First 8 hex digits of the key's SHA-256. */
  readonly keyHash: string
  readonly user?: string
  readonly sessionId?: string
  readonly requestBytes: number
  readonly responseBytes: number
  readonly totalMs: number
  /** Total minus the time spent waiting for upstreams and sleeping. */
  readonly overheadMs: number
  readonly firstTokenMs?: number
  readonly retries: number
  readonly fallbacks: number
  /** Fallback targets that were passed over, and why; absent when there was none. */
  readonly skipped?: readonly string[]
  /** What took the place of an id whose owner was out. */
  readonly rehydrated?: string
  /** What its owner was asked for, to be gone on from elsewhere. */
  readonly fetched?: string
  readonly usage?: Usage
  /** USD over all attempts; absent when any price is unknown. */
  readonly costUsd?: number
  readonly steps: readonly Step[]
  readonly error?: { readonly class?: FailureClass; readonly message: string; readonly status: number }
}

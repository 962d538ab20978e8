/** How often, or how long, a fault is there before its model is healthy: milliseconds count from the first look. */
export type Lasting = 'always' | { readonly attempts: number } | { readonly ms: number }

/** The provider's error object, sent as `{"error": …}`. */
export type ErrorObject = {
  readonly message: string
  readonly type: string
  readonly code: string | null
}

/**
 * What one model of the fault server does. A `share` is a part of the answer's pieces (60 tokens, or however many
 * pieces the endpoint has), so that one scenario means the same on every endpoint. Times are milliseconds.
 */
export type Fault =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly error: ErrorObject
      readonly retryAfterSeconds?: number
      readonly lasts: Lasting
    }
  /** A TCP reset before the first byte of an answer. */
  | { readonly kind: 'reset'; readonly lasts: Lasting }
  /** The request is taken and nothing comes; then the connection ends. */
  | { readonly kind: 'silence'; readonly ms: number }
  /** The head at once, the first piece late, the rest as usual. */
  | { readonly kind: 'late'; readonly ms: number }
  /** The connection ends in the middle, without the end that HTTP has for a body. */
  | { readonly kind: 'cut'; readonly share: number }
  /** Silence in the middle with the connection open, then its end. */
  | { readonly kind: 'stall'; readonly share: number; readonly ms: number }
  /** One more piece, which its format forbids; everything else comes as usual. */
  | { readonly kind: 'malformed'; readonly share: number }
  /** Everything but the sentinel. */
  | { readonly kind: 'no-done' }

/** A fault that hits this attempt (counted from 1), `ms` after the first look at the model. */
export const strikes = (fault: Fault, attempt: number, ms: number): boolean => {
  if (fault.kind === 'none') return false
  if (fault.kind !== 'status' && fault.kind !== 'reset') return true
  if (fault.lasts === 'always') return true
  return 'attempts' in fault.lasts ? attempt <= fault.lasts.attempts : ms < fault.lasts.ms
}

/** After how many pieces something happens: at least one, so that it happens in the middle. */
export const markAt = (share: number, pieces: number): number => Math.max(1, Math.round(share * pieces))

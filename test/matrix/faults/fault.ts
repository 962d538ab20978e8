import type { Row } from '../rows.ts'
import type { Script } from '../script.ts'

/**
 * What a fault is to one row. fails: an attempt that met it has failed, under one of these classes (names that the
 * engine does not have never occur); `status` is what the client is told when nobody else answers. begun: by then the
 * client had the beginning of the answer. passes: the row takes it for an answer. cannot: there is no such thing here.
 */
export type Meaning =
  | {
      readonly kind: 'fails'
      readonly classes: readonly string[]
      readonly status: number
      readonly begun: boolean
    }
  | { readonly kind: 'passes'; readonly why: string }
  | { readonly kind: 'cannot'; readonly why: string }

export type Fault = {
  readonly title: string
  /** Its number in the public Failover Bench. */
  readonly bench?: string
  /** only: nothing but a wire can show it. too: played over TCP as well. */
  readonly wire?: 'only' | 'too'
  readonly meaning: (row: Row) => Meaning
  /** What the provider does instead of this healthy answer. */
  readonly script: (row: Row, healthy: Script) => Script
  /** Where it passes: what becomes of the healthy answer's events. Default: they come as they are. */
  readonly told?: (body: string) => string
  /** Where it fails: why nothing behind the head is waited for. */
  readonly unread?: string
  /** The provider asks to be left alone for so long. */
  readonly retryAfterMs?: number
  /** It lasts so long and is over; calls come one after the other meanwhile. */
  readonly flap?: { readonly downMs: number; readonly calls: number; readonly everyMs: number }
  /** The fallback refuses to go on from the beginning of an answer. */
  readonly refusesPrefill?: true
}

/** It ends the attempt before anything has reached the client. */
export const fails = (classes: string | readonly string[], status: number): Meaning => ({
  kind: 'fails',
  classes: typeof classes === 'string' ? [classes] : classes,
  status,
  begun: false,
})

/** It ends the attempt when the client has the beginning of its answer. */
export const breaks = (...classes: readonly string[]): Meaning => ({
  kind: 'fails',
  classes,
  status: 200,
  begun: true,
})

export const passes = (why: string): Meaning => ({ kind: 'passes', why })
export const cannot = (why: string): Meaning => ({ kind: 'cannot', why })

export const WHOLE = 'the answer comes whole: it has no events'
export const FORMLESS = 'bytes have no form that could be broken'
export const VERBATIM = 'pass-through: whatever HTTP brings is the answer'
export const READ_BACK = 'what is read back is the answer, whatever it says'
export const MAY_BE_EMPTY = 'a file, or the answer about a stored object, may be empty'

export const isVerbatim = ({ route }: Row): boolean => route.verbatim === true
/** Its answer is about an object that one provider keeps. */
export const isOwned = ({ route }: Row): boolean => route.crossing === 'never'

/** Everything but pass-through: there every HTTP answer is the answer. */
export const unlessVerbatim =
  (meaning: (row: Row) => Meaning) =>
  (row: Row): Meaning =>
    isVerbatim(row) ? passes(VERBATIM) : meaning(row)

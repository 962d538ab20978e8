import type { Draft, HeaderPair } from '../providers/provider.ts'
import type { Signal } from '../signal.ts'

/** Limits of one exchange, in milliseconds; undefined = none. */
export type Limits = {
  readonly connectMs: number
  /** From the start to the response head. */
  readonly headersMs: number | undefined
}

/** Receives an answer's bytes. After end or error nothing more is called. */
export type Sink = {
  readonly data: (chunk: Uint8Array) => void
  readonly end: () => void
  readonly error: (error: Error) => void
}

/** The head of an upstream answer; its body is paused until `read` is called. */
export type Answer = {
  readonly status: number
  /** Lower-case names; repeated headers joined with ', '. */
  readonly headers: Readonly<Record<string, string>>
  /** No provider gave it: it is in the client's dialect already. */
  readonly canned?: true
  /** Starts the flow into `sink`. Called at most once. */
  readonly read: (sink: Sink) => void
  readonly pause: () => void
  readonly resume: () => void
  /** Closes the upstream at once; the sink hears nothing more. Idempotent. */
  readonly abort: () => void
}

/** Sends a draft. Rejects with TransportFault when no response head came. Retries nothing, follows nothing. */
export type Transport = {
  readonly send: (
    draft: Draft,
    headers: readonly HeaderPair[],
    limits: Limits,
    signal: Signal,
  ) => Promise<Answer>
  readonly close: () => Promise<void>
}

export type TransportFaultKind =
  | 'dns'
  | 'refused'
  | 'tls'
  | 'connect_timeout'
  | 'headers_timeout'
  | 'reset'
  | 'aborted'
  | 'protocol'

/** What went wrong below HTTP. `sent` tells whether the whole request had been written. */
export class TransportFault extends Error {
  readonly kind: TransportFaultKind
  readonly sent: boolean
  /** The system's own word for it, as `ECONNREFUSED`; '' when it has none. */
  readonly code: string
  constructor(kind: TransportFaultKind, message: string, sent: boolean, code = '') {
    super(message)
    this.kind = kind
    this.sent = sent
    this.code = code
  }
}

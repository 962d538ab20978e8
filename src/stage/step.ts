import type { Answer, Event, Headers } from './answer.ts'
import type { Fault } from './faults.ts'

/** One thing done on the wire. A list of them is the whole answer, faults included. */
export type Step =
  | { readonly do: 'write'; readonly bytes: Uint8Array; readonly event?: boolean }
  /** Waits, for ever when `ms` is undefined. */
  | { readonly do: 'wait'; readonly ms: number | undefined }
  | { readonly do: 'rst' }
  | { readonly do: 'fin' }
  /** The answer is over and the connection may serve the next request. */
  | { readonly do: 'next' }

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  529: 'Site is overloaded',
}

export const headBytes = (status: number, headers: Headers): Uint8Array => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}\r\n${lines.join('')}\r\n`, 'latin1')
}

export const chunk = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

export const LAST_CHUNK: Uint8Array = Buffer.from('0\r\n\r\n')

export const write = (bytes: Uint8Array | string): Step => ({
  do: 'write',
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
})

export const NEXT: Step = { do: 'next' }

/** One event as the provider spells it. */
export const spell = ({ comment, event, data }: Event): Uint8Array => {
  const before = comment === undefined ? '' : `: ${comment}\n\n`
  return Buffer.from(`${before}${event === '' ? '' : `event: ${event}\n`}data: ${data}\n\n`)
}

/** The pieces of an answer that is no single document, each as it goes out. */
export const partsOf = (answer: Exclude<Answer, { kind: 'whole' }>): readonly Uint8Array[] => {
  if (answer.kind === 'pieces') return answer.pieces
  return answer.kind === 'frames' ? answer.frames.map(({ bytes }) => bytes) : answer.events.map(spell)
}

/** Silence, and what comes after it. */
export const stall = (fault: Fault & { kind: 'stall' }): readonly Step[] => {
  const wait: Step = { do: 'wait', ms: fault.ms }
  if (fault.then === 'fin') return [wait, { do: 'fin' }]
  return fault.then === 'rst' ? [wait, { do: 'rst' }] : [wait]
}

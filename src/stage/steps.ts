import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { JsonObject } from '../wire/json.ts'
import type { Answer, Headers } from './answer.ts'
import type { Fault } from './faults.ts'
import { chunk, headBytes, LAST_CHUNK, NEXT, partsOf, type Step, stall, write } from './step.ts'
import { breakStream } from './stream-faults.ts'

const wholeSteps = (status: number, headers: Headers, body: Uint8Array): readonly Step[] => [
  write(headBytes(status, { ...headers, 'content-length': String(body.length) })),
  ...(body.length > 0 ? [write(body)] : []),
  NEXT,
]

/** An answer with nothing wrong with it. */
const plainSteps = (answer: Answer): readonly Step[] => {
  if (answer.kind === 'whole') return wholeSteps(answer.status, answer.headers, answer.body)
  return [
    write(headBytes(answer.status, { ...answer.headers, 'transfer-encoding': 'chunked' })),
    ...partsOf(answer).map((part): Step => ({ do: 'write', bytes: chunk(part), event: true })),
    write(LAST_CHUNK),
    NEXT,
  ]
}

/** Answers that do not depend on what was asked. undefined: the fault needs the real answer to work on. */
const fixedSteps = (fault: Fault, headers: Headers, errorFor: ErrorFor): readonly Step[] | undefined => {
  switch (fault.kind) {
    case 'status':
      return statusSteps(fault, headers, errorFor)
    case 'error-in-200':
      return jsonSteps(200, headers, { error: fault.error })
    case 'html':
      return wholeSteps(
        fault.status ?? 200,
        { ...headers, 'content-type': 'text/html; charset=utf-8' },
        Buffer.from(PAGE),
      )
    case 'empty':
      return wholeSteps(fault.status ?? 200, headers, new Uint8Array())
    case 'early-response':
      return [
        ...errorSteps(fault.status, { ...headers, connection: 'close' }, errorFor(fault.status)).slice(0, -1),
        { do: 'fin' },
      ]
    case 'bad-status-line':
      return [write('HTTP/9.9 no such thing\r\ncontent-length: 0\r\n\r\n'), { do: 'fin' }]
    case 'reset':
      return fault.when === 'accept' || fault.when === 'before-headers' ? [{ do: 'rst' }] : undefined
    default:
      return undefined
  }
}

/** An error as a provider writes it: the body, and what its head says of it. */
export type ErrorAnswer = { readonly body: JsonObject; readonly headers?: Headers }

/** The provider's own error for a status, and for what the Retry-After header beside it says. */
export type ErrorFor = (status: number, wait?: string) => ErrorAnswer

const PAGE =
  '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n'

const jsonSteps = (status: number, headers: Headers, body: JsonObject): readonly Step[] =>
  wholeSteps(status, { ...headers, 'content-type': 'application/json' }, Buffer.from(JSON.stringify(body)))

const errorSteps = (status: number, headers: Headers, error: ErrorAnswer): readonly Step[] =>
  jsonSteps(status, { ...headers, ...error.headers }, error.body)

const statusSteps = (
  fault: Fault & { kind: 'status' },
  headers: Headers,
  errorFor: ErrorFor,
): readonly Step[] => {
  const given: Headers = { ...headers, ...fault.headers }
  const wait = given['retry-after'] ?? (given['retry-after-ms'] === undefined ? undefined : '')
  const own = errorFor(fault.status, wait)
  const all = { ...headers, ...own.headers, ...fault.headers }
  if (typeof fault.body !== 'string') return jsonSteps(fault.status, all, fault.body ?? own.body)
  return wholeSteps(fault.status, { 'content-type': 'text/plain', ...all }, Buffer.from(fault.body))
}

/** True when the fault answers by itself: what was asked, and whether it was right, makes no difference. */
export const isFixed = (fault: Fault): boolean => fixedSteps(fault, {}, () => ({ body: {} })) !== undefined

export type Staging = {
  /** The headers every answer of this provider has. */
  readonly headers: Headers
  readonly errorFor: ErrorFor
  /** The right answer; called only when the fault works on it. */
  readonly answer: () => Answer
}

/** The whole performance of one hit, as a list of steps. */
export const stepsOf = (fault: Fault, staging: Staging): readonly Step[] => {
  const fixed = fixedSteps(fault, staging.headers, staging.errorFor)
  if (fixed !== undefined) return fixed
  const given = staging.answer()
  const answer: Answer = { ...given, headers: { ...staging.headers, ...given.headers } }
  switch (fault.kind) {
    case 'slow':
      return slowed(plainSteps(answer), fault.delayMs, fault.perEventMs)
    case 'informational':
      return [
        write('HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n'),
        ...plainSteps(answer),
      ]
    case 'wrong-content-type':
      return plainSteps({
        ...answer,
        headers: { ...answer.headers, 'content-type': fault.type ?? 'text/html' },
      })
    case 'gzip':
    case 'br':
    case 'zstd':
    case 'deflate':
      return encoded(answer, fault.kind)
    case 'stall':
      if (fault.when === 'before-headers') return [...stall(fault), ...plainSteps(answer)]
      break
    case 'bad-json':
      return wholeSteps(200, { ...answer.headers, 'content-type': 'application/json' }, brokenJson(answer))
    case 'wrong-length':
      return wrongLength(answer, fault.by ?? 10)
    default:
      break
  }
  return answer.kind === 'whole' ? breakWhole(answer, fault) : breakStream(answer, fault)
}

const slowed = (steps: readonly Step[], delayMs: number, perEventMs = 0): readonly Step[] => [
  { do: 'wait', ms: delayMs },
  ...steps.flatMap((step): Step[] =>
    step.do === 'write' && step.event && perEventMs > 0 ? [{ do: 'wait', ms: perEventMs }, step] : [step],
  ),
]

/** The whole body of any answer, as one run of bytes. */
const bytesOf = (answer: Answer): Uint8Array => {
  return answer.kind === 'whole' ? answer.body : Buffer.concat(partsOf(answer))
}

const CODERS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync, deflate: deflateSync }

const encoded = (answer: Answer, coding: keyof typeof CODERS): readonly Step[] => {
  const body = CODERS[coding](bytesOf(answer))
  return wholeSteps(answer.status, { ...answer.headers, 'content-encoding': coding }, body)
}

/** A JSON answer that stops in the middle while the framing says it is whole. */
const brokenJson = (answer: Answer): Uint8Array => {
  if (answer.kind !== 'whole') return Buffer.from('{"id":"broken","choices":[{"index":0,')
  return answer.body.subarray(0, Math.max(1, Math.floor(answer.body.length / 2)))
}

/** More than zero: the promised bytes never come. Less than zero: more comes than was promised. */
const wrongLength = (answer: Answer, by: number): readonly Step[] => {
  const body = bytesOf(answer)
  const length = String(Math.max(0, body.length + by))
  return [
    write(headBytes(answer.status, { ...answer.headers, 'content-length': length })),
    write(body),
    { do: 'fin' },
  ]
}

/** Stream faults laid on an answer that is one JSON body: the same break, half-way through the bytes. */
const breakWhole = (answer: Answer & { kind: 'whole' }, fault: Fault): readonly Step[] => {
  const head = write(
    headBytes(answer.status, { ...answer.headers, 'content-length': String(answer.body.length) }),
  )
  const middle = Math.floor(answer.body.length / 2)
  const half = write(answer.body.subarray(0, middle))
  const rest = [write(answer.body.subarray(middle)), NEXT]
  switch (fault.kind) {
    case 'reset':
      return fault.when === 'after-headers' ? [head, { do: 'rst' }] : [head, half, { do: 'rst' }]
    case 'cut':
      return [head, half, { do: fault.how === 'rst' ? 'rst' : 'fin' }]
    case 'stall':
      return fault.when === 'mid-stream'
        ? [head, half, ...stall(fault), ...rest]
        : [head, ...stall(fault), half, ...rest]
    case 'error-event':
      return jsonSteps(200, answer.headers, { error: fault.error })
    case 'trailing-garbage': {
      if (fault.where === 'connection')
        return [head, write(answer.body), write('the audience is still clapping'), NEXT]
      return wholeSteps(
        answer.status,
        answer.headers,
        Buffer.concat([answer.body, Buffer.from('\n} trailing')]),
      )
    }
    default:
      return plainSteps(answer)
  }
}

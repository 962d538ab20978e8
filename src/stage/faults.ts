import type { JsonObject } from '../wire/json.ts'
import type { Scripted } from './scene.ts'

/** After how much of a stream something happens: whole events of any kind, or content events only. */
export type Mark = {
  readonly afterEvents?: number
  readonly afterContent?: number
}

/** What happens to one upstream hit. A value of plain JSON, so that a rehearsal can be kept in a file. */
export type Fault =
  | { readonly kind: 'ok' }
  /** The right answer, in these words: for tests of Bedrock, and not to be read from JSON. */
  | { readonly kind: 'answer'; readonly answer: Scripted }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      /** Default: the provider's own error body for this status. A string is sent as it is. */
      readonly body?: JsonObject | string
    }
  /** The connection is reset by TCP. 'accept': as soon as it opens, before a byte was read. */
  | ({
      readonly kind: 'reset'
      readonly when: 'accept' | 'before-headers' | 'after-headers' | 'mid-stream'
    } & Mark)
  /** Silence for `ms` (for ever when absent), then on as if nothing had been, or the end by `then`. */
  | ({
      readonly kind: 'stall'
      readonly when: 'before-headers' | 'before-first-event' | 'after-lifecycle' | 'mid-stream'
      readonly ms?: number
      readonly then?: 'continue' | 'fin' | 'rst'
    } & Mark)
  /** The stream breaks off. 'clean-chunk-end': proper HTTP, but the dialect's own end never came. */
  | ({ readonly kind: 'cut'; readonly how: 'fin' | 'rst' | 'clean-chunk-end' } & Mark)
  /** A stream of status 200 whose next event is an error. `done` adds `[DONE]` after it. */
  | ({
      readonly kind: 'error-event'
      readonly error: JsonObject
      /** Responses only: a flat `error` event, a nested one (default), or `response.failed`. */
      readonly as?: 'flat' | 'nested' | 'failed'
      readonly done?: boolean
    } & Mark)
  | { readonly kind: 'error-in-200'; readonly error: JsonObject }
  | { readonly kind: 'html'; readonly status?: number }
  | { readonly kind: 'empty'; readonly status?: number }
  | { readonly kind: 'bad-json' }
  /** One event's JSON is broken; the others are whole. */
  | ({ readonly kind: 'malformed-event' } & Mark)
  | { readonly kind: 'wrong-content-type'; readonly type?: string }
  /** Late, but right. `perEventMs` paces every event of a stream. */
  | { readonly kind: 'slow'; readonly delayMs: number; readonly perEventMs?: number }
  /** Compressed although nobody asked. */
  | { readonly kind: 'gzip' | 'br' | 'zstd' | 'deflate' }
  /** The same events in another legal spelling, `split` bytes per write. */
  | {
      readonly kind: 'sse-style'
      readonly newline: 'lf' | 'crlf' | 'cr'
      readonly split?: number
      readonly comments?: boolean
      readonly noSpace?: boolean
      readonly bom?: boolean
    }
  /** The stream ends without `[DONE]`; dialects that have none are not changed. */
  | { readonly kind: 'no-done' }
  /** Bytes after the end: inside the body (default) or on the connection, where the next answer should begin. */
  | { readonly kind: 'trailing-garbage'; readonly where?: 'body' | 'connection' }
  /** Answers and closes as soon as the head is there, without reading the body. */
  | { readonly kind: 'early-response'; readonly status: number }
  /** 103 Early Hints first. */
  | { readonly kind: 'informational' }
  | { readonly kind: 'bad-status-line' }
  /** Content-Length is wrong by `by` bytes (default 10: it promises more than comes). */
  | { readonly kind: 'wrong-length'; readonly by?: number }

export type FaultKind = Fault['kind']

const KINDS: ReadonlySet<string> = new Set<FaultKind>([
  'ok',
  'status',
  'reset',
  'stall',
  'cut',
  'error-event',
  'error-in-200',
  'html',
  'empty',
  'bad-json',
  'malformed-event',
  'wrong-content-type',
  'slow',
  'gzip',
  'br',
  'zstd',
  'deflate',
  'sse-style',
  'no-done',
  'trailing-garbage',
  'early-response',
  'informational',
  'bad-status-line',
  'wrong-length',
])

/** Every kind there is, for generated test matrices. */
export const FAULT_KINDS: readonly string[] = [...KINDS]

/** The members that a kind cannot do without, with the values they may have ('number', 'object', or a list). */
const NEEDS: Readonly<Record<string, Readonly<Record<string, 'number' | 'object' | readonly string[]>>>> = {
  status: { status: 'number' },
  reset: { when: ['accept', 'before-headers', 'after-headers', 'mid-stream'] },
  stall: { when: ['before-headers', 'before-first-event', 'after-lifecycle', 'mid-stream'] },
  cut: { how: ['fin', 'rst', 'clean-chunk-end'] },
  'error-event': { error: 'object' },
  'error-in-200': { error: 'object' },
  slow: { delayMs: 'number' },
  'sse-style': { newline: ['lf', 'crlf', 'cr'] },
  'early-response': { status: 'number' },
}

const isFault = (value: unknown): value is Fault => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  if (typeof value.kind !== 'string' || !KINDS.has(value.kind)) return false
  const members = new Map<string, unknown>(Object.entries(value))
  return Object.entries(NEEDS[value.kind] ?? {}).every(([name, wanted]) => {
    const given = members.get(name)
    if (typeof wanted !== 'string') return typeof given === 'string' && wanted.includes(given)
    return wanted === 'object' ? typeof given === 'object' && given !== null : Number.isFinite(given)
  })
}

/** Reads a script from JSON. Throws Error naming the entry that is no fault. */
export const readFaults = (value: unknown): readonly Fault[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((entry, index) => {
    if (isFault(entry)) return entry
    throw new Error(`entry ${index} is not a fault: ${JSON.stringify(entry)?.slice(0, 200)}`)
  })
}

export type ScriptOptions = {
  /** Only hits whose path matches. */
  readonly path?: RegExp
  /** Only hits that ask for this model. */
  readonly model?: string
  /** What follows when the list is used up. Default: ok. */
  readonly then?: Fault
}

type Script = ScriptOptions & { readonly left: Fault[] }

const OK: Fault = { kind: 'ok' }

/** The scripts of one stage. A hit takes from the newest script that matches it. */
export class Prompter {
  #scripts: Script[] = []

  add(faults: readonly Fault[], options: ScriptOptions = {}): void {
    this.#scripts.unshift({ ...options, left: [...faults] })
  }

  clear(): void {
    this.#scripts = []
  }

  /** Consumes and returns the fault of this hit. */
  next(path: string, model: string | undefined): Fault {
    const script = this.#scripts.find(
      one => (one.path?.test(path) ?? true) && (one.model === undefined || one.model === model),
    )
    return script?.left.shift() ?? script?.then ?? OK
  }

  /** The fault of this hit if it answers before the body is read; a script for one model cannot ask for that. */
  nextEarly(path: string): (Fault & { kind: 'early-response' }) | undefined {
    const script = this.#scripts.find(one => one.path?.test(path) ?? true)
    const fault = script?.left[0] ?? script?.then
    if (script?.model !== undefined || fault?.kind !== 'early-response') return undefined
    script?.left.shift()
    return fault
  }

  /** True (and consumed) when the next connection is to be reset as it opens: only a script for every path can say so. */
  resetsOnAccept(): boolean {
    const script = this.#scripts[0]
    if (script === undefined || script.path !== undefined || script.model !== undefined) return false
    const fault = script.left[0] ?? script.then
    if (fault?.kind !== 'reset' || fault.when !== 'accept') return false
    script.left.shift()
    return true
  }
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ResponseSignal } from '../attempt/classify-signal.ts'

/** One body of error-bodies.txt: who says it, and what it means. */
export type ErrorBodyRow = {
  readonly who: string
  /** 200: an error inside a success or a stream. */
  readonly status: number
  readonly expected: string
  /** The status a client reads. */
  readonly shown: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds the failure asks for, where the row tells them. */
  readonly waitMs: number | undefined
  /** The code a client reads, where the row tells it. */
  readonly code: string | undefined
  readonly body: string
}

/**
 * `who status class shown`, then what applies of `wait=` (milliseconds), `code=` and `@name=value` (a header), then the
 * body. A body that begins with `~` is written as a JSON string.
 */
const rowOf = (line: string): ErrorBodyRow => {
  const form = /^(\S+) +(\d{3}) (\w+) (\d{3})((?: (?:wait|code|@[a-z-]+)=\S*)*)(?: (.*))?$/.exec(line)
  const [, who = '', status, expected = '', shown, marked = '', body = ''] = form ?? assert.fail(line)
  const marks = new Map(
    marked
      .split(' ')
      .filter(mark => mark !== '')
      .map(mark => [mark.slice(0, mark.indexOf('=')), mark.slice(mark.indexOf('=') + 1)]),
  )
  const wait = marks.get('wait')
  return {
    who,
    status: Number(status),
    expected,
    shown: Number(shown),
    headers: Object.fromEntries(
      [...marks].filter(([name]) => name.startsWith('@')).map(([name, value]) => [name.slice(1), value]),
    ),
    waitMs: wait === undefined ? undefined : Number(wait),
    code: marks.get('code'),
    body: body.startsWith('~') ? String(JSON.parse(body.slice(1))) : body,
  }
}

export const ERROR_BODIES: readonly ErrorBodyRow[] = readFileSync(
  new URL('./error-bodies.txt', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter(line => line.trim() !== '' && !line.startsWith('#'))
  .map(rowOf)

/** The moment at which the rows were said, for waits that are moments. */
const WALL_NOW = Date.parse('2026-10-21T07:28:00Z')

export const signalOf = ({ status, headers, body }: ErrorBodyRow): ResponseSignal => ({
  kind: 'response',
  status,
  headers,
  body: Buffer.from(body),
  provider: { exception: 'OpenAIException' },
  inStream: status === 200,
  sent: true,
  wallNow: WALL_NOW,
})

import { exceptionFrame } from '../../../src/stage/bedrock-answer.ts'
import { isObject, type JsonObject } from '../../../src/wire/json.ts'
import { errorBodyOf } from '../kinds.ts'
import { isFramed, type Row } from '../rows.ts'
import { type Script, stopped, upTo } from '../script.ts'
import { tornFrame } from '../torn.ts'
import { breaks, cannot, type Fault, FORMLESS, fails, type Meaning, passes, WHOLE } from './fault.ts'

const TIMEOUT = 408
const LIMITS = ['timeout_headers', 'timeout_first_token', 'timeout_attempt'] as const

/** The same break is invisible before the commit, and the end of the answer after it. */
const halfWay = (row: Row, before: Meaning, after: Meaning): Meaning =>
  row.kind === 'document' ? before : after

const cut = (how: 'fin' | 'reset'): Pick<Fault, 'meaning' | 'script'> => ({
  meaning: row => halfWay(row, fails('transport', 500), breaks('transport')),
  script: (_row, healthy) => stopped(healthy, 1, how),
})

/** Only events can do that. */
const ofEvents =
  (meaning: Meaning, otherwise: (row: Row) => string = row => (row.kind === 'bytes' ? FORMLESS : WHOLE)) =>
  (row: Row): Meaning =>
    row.kind === 'events' ? meaning : cannot(otherwise(row))

const overloaded = ({ flavour }: Row): JsonObject => {
  const { error } = errorBodyOf(flavour, 503)
  return isObject(error) ? error : {}
}

/** An error as the dialects of this kind of stream spell it. */
const errorEvent = (row: Row): Uint8Array => {
  if (isFramed(row)) return exceptionFrame('serviceUnavailableException', 'Too many connections.')
  if (row.form === 'cohere') return Buffer.from(`data: ${JSON.stringify(errorBodyOf('cohere', 503))}\n\n`)
  const error = overloaded(row)
  const plain = row.form === 'chat' || row.form === 'completions' || row.form === 'gemini'
  return Buffer.from(
    plain
      ? `data: ${JSON.stringify({ error })}\n\n`
      : `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`,
  )
}

const withError = (row: Row, healthy: Script, place: number): Script => ({
  ...healthy,
  parts: [...healthy.parts.slice(0, place), { bytes: errorEvent(row), content: false }],
})

const tornText = Buffer.from('data: {"id":"matrix","choices":[{"ind\n\n')

/** An event that cannot be read: its JSON is cut, or its checksum wrong. */
const tornEvent = (row: Row): Uint8Array => (isFramed(row) ? tornFrame() : tornText)

const DONE = 'data: [DONE]\n\n'
const isDone = (bytes: Uint8Array): boolean => Buffer.from(bytes).toString() === DONE
const endsWithDone = ({ form }: Row): boolean => form === 'chat' || form === 'completions'

const opensQuietly = ({ form }: Row): boolean =>
  ['chat', 'responses', 'messages', 'converse', 'invoke', 'cohere'].includes(form)

/** An answer begins and does not go on as it should. */
export const FLOWS: readonly Fault[] = [
  {
    title: 'the head at once, then nothing',
    bench: 'S07',
    meaning: () => fails(LIMITS, TIMEOUT),
    script: (_row, healthy) => stopped(healthy, 0, 'silence'),
  },
  {
    title: 'TCP reset after the head, before content',
    wire: 'too',
    meaning: () => fails('transport', 500),
    script: (_row, healthy) => stopped(healthy, 0, 'reset'),
  },
  {
    title: 'ended in order before content',
    meaning: ofEvents(fails(['transport', 'empty_answer'], 500)),
    script: (_row, healthy) => stopped(healthy, 0, 'end'),
  },
  {
    title: 'an error as the first event',
    meaning: ofEvents(fails('overloaded', 503)),
    script: (row, healthy) => withError(row, healthy, 0),
  },
  {
    title: 'an error after events without content',
    meaning: row =>
      row.kind === 'events' && !opensQuietly(row)
        ? cannot('a stream of this kind begins with its content')
        : ofEvents(fails('overloaded', 503))(row),
    script: (row, healthy) => withError(row, healthy, upTo(healthy.parts, 0)),
  },
  { title: 'closed in the middle', bench: 'S08', wire: 'too', ...cut('fin') },
  {
    title: 'closed in the middle; the fallback refuses a prefill',
    bench: 'S14',
    refusesPrefill: true,
    meaning: ofEvents(breaks('transport')),
    script: (_row, healthy) => stopped(healthy, 1, 'fin'),
  },
  { title: 'TCP reset in the middle', wire: 'too', ...cut('reset') },
  {
    title: 'ended in order in the middle',
    meaning: ofEvents(breaks('transport', 'transient'), row =>
      row.kind === 'bytes' ? 'bytes are over where they end' : WHOLE,
    ),
    script: (_row, healthy) => stopped(healthy, 1, 'end'),
  },
  {
    title: 'silent in the middle',
    bench: 'S09',
    meaning: row => halfWay(row, fails(LIMITS, TIMEOUT), breaks('timeout_idle', 'timeout_attempt')),
    script: (_row, healthy) => stopped(healthy, 1, 'silence'),
  },
  {
    title: 'a malformed event in the middle',
    bench: 'S10',
    meaning: ofEvents(breaks('transient')),
    script: (row, healthy) => {
      const place = upTo(healthy.parts, 1)
      const torn = { bytes: tornEvent(row), content: false }
      return { ...healthy, parts: [...healthy.parts.slice(0, place), torn, ...healthy.parts.slice(place)] }
    },
  },
  {
    title: 'an error event in the middle',
    meaning: ofEvents(breaks('overloaded')),
    script: (row, healthy) => withError(row, healthy, upTo(healthy.parts, 1)),
  },
  {
    title: 'whole, but without [DONE]',
    bench: 'S11',
    meaning: row =>
      row.kind === 'events' && endsWithDone(row)
        ? passes('the answer had finished: its terminator is a formality')
        : cannot(row.kind === 'events' ? 'a stream of this kind has no [DONE]' : WHOLE),
    script: (_row, healthy) => ({ ...healthy, parts: healthy.parts.filter(({ bytes }) => !isDone(bytes)) }),
    told: body => body.replace(DONE, ''),
  },
]

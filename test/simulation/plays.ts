import type { JsonObject } from '../../src/wire/json.ts'
import { documentOf, errorFrameOf, type Frame, framesOf, piecesOf, type Speech } from './answers.ts'
import { ERRORS, waitHeaders } from './errors.ts'
import type { Act } from './scenario.ts'

/** What comes to pass after a delay: bytes, or an end. `mark` is what is true once it has left the upstream. */
export type Move = {
  readonly after: number
  readonly bytes?: string
  readonly mark?: 'content' | 'whole' | 'end'
  /** What these bytes say of the answer's text. */
  readonly says?: string
  readonly over?: 'ended' | 'reset'
}

export type Play = {
  readonly status: number
  readonly headers: Record<string, string>
  readonly moves: readonly Move[]
}

const GAP_MS = 15

const body = (error: JsonObject | undefined, status: number): Pick<Play, 'headers'> & { text: string } =>
  error === undefined
    ? { headers: { 'content-type': 'text/html' }, text: `<html><title>${status}</title></html>` }
    : { headers: { 'content-type': 'application/json' }, text: JSON.stringify({ error }) }

/** Some providers repeat in their errors what nobody should read there. */
const indiscreet = (error: JsonObject | undefined, host: string): JsonObject | undefined =>
  error && { ...error, message: `${error.message} (http://${host}.sim/v1, sk-sim-${host})` }

const refusal = (act: Extract<Act, { act: 'refuse' }>, { host }: Speech, wall: number): Play => {
  const { status, error } = ERRORS[act.error]
  const { headers, text } = body(indiscreet(error, host), status)
  const waits = act.wait === undefined ? {} : waitHeaders(act.wait, wall)
  return {
    status,
    headers: { ...headers, ...waits },
    moves: [
      { after: 0, bytes: text },
      { after: 0, over: 'ended' },
    ],
  }
}

const garbled = (act: Extract<Act, { act: 'garble' }>, speech: Speech, streams: boolean): Play => {
  const events = 'text/event-stream'
  const json = 'application/json'
  // Anything that is not JSON is sound where sound was asked for, and any text a transcript.
  const free = !streams && (speech.shape === 'speech' || speech.shape === 'transcription')
  const what = act.what === 'wrong_type' && free ? 'not_json' : act.what
  const written: Readonly<Record<typeof what, readonly [type: string, text: string]>> = {
    html: ['text/html', '<html>hello</html>'],
    not_json: [json, '{"choices": ['],
    wrong_type: streams ? [json, JSON.stringify(documentOf(speech))] : [events, 'data: {}\n\n'],
    events: [events, 'data: {}\n\n'],
    empty: [streams ? events : json, ''],
  }
  const [type, text] = written[what]
  return {
    status: 200,
    headers: { 'content-type': type },
    moves: [...(text === '' ? [] : [{ after: 0, bytes: text }]), { after: 0, over: 'ended' as const }],
  }
}

const unwritten = (act: Act, speech: Speech): Play => {
  const text =
    act.act === 'fail_inside'
      ? JSON.stringify({ error: indiscreet(ERRORS[act.error].error, speech.host) ?? { message: 'failed' } })
      : JSON.stringify(documentOf(speech))
  const headers = { 'content-type': 'application/json' }
  const half = Math.ceil(text.length / 2)
  if (act.act === 'hang')
    return {
      status: 200,
      headers,
      moves: act.at === 'first' ? [] : [{ after: 0, bytes: text.slice(0, half) }],
    }
  // A body that is shorter than it was announced: the transport notices, whichever way it ends.
  if (act.act === 'cut')
    return {
      status: 200,
      headers,
      moves: [
        { after: 0, bytes: text.slice(0, half) },
        { after: 5, over: 'reset' },
      ],
    }
  const said = act.act === 'answer' ? { says: text, mark: 'whole' as const } : {}
  const late = act.first ?? 0
  return {
    status: 200,
    headers,
    moves: [
      { after: late, bytes: text.slice(0, half) },
      { after: act.gap ?? 0, bytes: text.slice(half), ...said },
      { after: 0, over: 'ended', ...(act.act === 'answer' ? { mark: 'end' as const } : {}) },
    ],
  }
}

/** Plain sound: every piece is content, and the end of the connection is the end. */
const soundOf = (speech: Speech): readonly Frame[] =>
  framesOf({ ...speech, shape: 'speech' })
    .filter(frame => frame.kind === 'piece')
    .map(({ text }) => ({ kind: 'piece' as const, text: /"audio":"([^"]*)"/.exec(text)?.[1] ?? '' }))

const MARKS = { start: undefined, piece: 'content', final: 'whole', end: 'end' } as const

/** After how many pieces nothing more of the answer comes; undefined: all of it does. */
const stopOf = (act: Act, pieces: number): number | undefined => {
  if (act.act === 'cut' || act.act === 'fail_inside') return Math.min(act.after, pieces)
  if (act.act !== 'hang') return undefined
  return act.at === 'first' ? 0 : 1
}

const streamed = (act: Act, speech: Speech, frames: readonly Frame[], type: string): Play => {
  const gap = act.gap ?? GAP_MS
  const moves: Move[] = []
  let pieces = 0
  const stopAt = stopOf(act, piecesOf(speech).length)
  const stops = (): boolean => stopAt !== undefined && pieces >= stopAt
  for (const { kind, text } of frames) {
    if (kind !== 'start' && stops()) break
    const mark = MARKS[kind]
    const after = moves.length === 0 ? 0 : pieces === 0 && kind === 'piece' ? (act.first ?? gap) : gap
    moves.push({
      after,
      bytes: act.newline === undefined ? text : text.replaceAll('\n', act.newline),
      ...(mark === undefined ? {} : { mark }),
      ...(kind === 'piece' ? { says: text } : {}),
    })
    if (kind === 'piece') pieces += 1
  }
  if (act.act === 'fail_inside') {
    const error = indiscreet(ERRORS[act.error].error, speech.host) ?? { message: 'failed' }
    moves.push({ after: gap, bytes: errorFrameOf(speech.shape, error) }, { after: gap, over: 'ended' })
  } else if (act.act === 'cut') moves.push({ after: gap, over: act.how === 'end' ? 'ended' : 'reset' })
  else if (act.act !== 'hang')
    moves.push({ after: 0, over: 'ended', ...(type === 'text/event-stream' ? {} : { mark: 'end' as const }) })
  return { status: 200, headers: { 'content-type': type }, moves }
}

/** What an act is on the wire. */
export const playOf = (act: Act, speech: Speech, streams: boolean, wall: number): Play => {
  if (act.act === 'refuse') return refusal(act, speech, wall)
  if (act.act === 'garble') return garbled(act, speech, streams)
  if (streams) return streamed(act, speech, framesOf(speech), 'text/event-stream')
  if (speech.shape === 'speech' && act.act !== 'fail_inside') {
    // Sound that ends in order is whole for everybody.
    const heard: Act = act.act === 'cut' ? { ...act, how: 'reset' } : act
    return streamed(heard, speech, soundOf(speech), 'audio/mpeg')
  }
  return unwritten(act, speech)
}

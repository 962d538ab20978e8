import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Answer, Event } from './answer.ts'
import type { Fault, Mark } from './faults.ts'
import { chunk, headBytes, LAST_CHUNK, NEXT, type Step, spell, stall, write } from './step.ts'

type Flow = Exclude<Answer, { kind: 'whole' }>
type Part = {
  readonly bytes: Uint8Array
  readonly weight: Event['weight']
  readonly event: Event | undefined
}

const partsOf = (answer: Flow): readonly Part[] => {
  if (answer.kind === 'pieces')
    return answer.pieces.map(bytes => ({ bytes, weight: 'content', event: undefined }))
  if (answer.kind === 'frames')
    return answer.frames.map(({ bytes, content }) => ({
      bytes,
      weight: content ? 'content' : 'lifecycle',
      event: undefined,
    }))
  return answer.events.map(event => ({ bytes: spell(event), weight: event.weight, event }))
}

/** How many parts go out before the fault: by events, by content events, else half of the content. */
const countOf = (parts: readonly Part[], mark: Mark): number => {
  if (mark.afterEvents !== undefined) return Math.min(mark.afterEvents, parts.length)
  const content = parts.filter(part => part.weight === 'content').length
  const wanted = mark.afterContent ?? Math.ceil(content / 2)
  return afterContent(parts, wanted)
}

/** Index one past the `wanted`-th content part; for 0 everything that comes before the first one. */
const afterContent = (parts: readonly Part[], wanted: number): number => {
  const content = parts.flatMap((part, index) => (part.weight === 'content' ? [index] : []))
  const last = content[Math.min(wanted, content.length) - 1]
  // Without content the fault falls before the end of the play: a cut that keeps the terminal event cuts nothing.
  const first = content[0] ?? parts.findIndex(part => part.weight === 'terminal' || part.weight === 'final')
  return last === undefined ? Math.max(first, 0) : last + 1
}

const send = (parts: readonly Part[]): readonly Step[] =>
  parts.map((part): Step => ({ do: 'write', bytes: chunk(part.bytes), event: true }))

/** A stream, or a body in pieces, with this fault laid over it. */
export const breakStream = (answer: Flow, fault: Fault): readonly Step[] => {
  const parts = partsOf(answer)
  const head = write(headBytes(answer.status, { ...answer.headers, 'transfer-encoding': 'chunked' }))
  const whole: readonly Step[] = [head, ...send(parts), write(LAST_CHUNK), NEXT]
  switch (fault.kind) {
    case 'reset':
      return fault.when === 'after-headers'
        ? [head, { do: 'rst' }]
        : [head, ...send(parts.slice(0, countOf(parts, fault))), { do: 'rst' }]
    case 'cut': {
      const sent = [head, ...send(parts.slice(0, countOf(parts, fault)))]
      return fault.how === 'clean-chunk-end'
        ? [...sent, write(LAST_CHUNK), NEXT]
        : [...sent, { do: fault.how }]
    }
    case 'stall': {
      const count =
        fault.when === 'before-first-event'
          ? 0
          : fault.when === 'after-lifecycle'
            ? afterContent(parts, 0)
            : countOf(parts, fault)
      return [
        head,
        ...send(parts.slice(0, count)),
        ...stall(fault),
        ...send(parts.slice(count)),
        write(LAST_CHUNK),
        NEXT,
      ]
    }
    case 'error-event':
      return [
        head,
        ...errorEvent(answer, parts.slice(0, countOf(parts, fault)), fault),
        write(LAST_CHUNK),
        NEXT,
      ]
    case 'malformed-event':
      return [head, ...send(damaged(answer, parts, countOf(parts, fault))), write(LAST_CHUNK), NEXT]
    case 'no-done':
      return [head, ...send(parts.filter(part => part.event?.data !== '[DONE]')), write(LAST_CHUNK), NEXT]
    case 'trailing-garbage':
      return fault.where === 'connection'
        ? [...whole.slice(0, -1), write('the audience is still clapping'), NEXT]
        : [...whole.slice(0, -2), write(chunk(Buffer.from('data: {"late":tr'))), write(LAST_CHUNK), NEXT]
    case 'sse-style':
      return answer.kind === 'stream'
        ? [head, ...styled(answer.events, fault), write(LAST_CHUNK), NEXT]
        : whole
    default:
      return whole
  }
}

const damaged = (answer: Flow, parts: readonly Part[], index: number): readonly Part[] =>
  answer.kind === 'frames'
    ? parts.map((part, at) => (at === index ? { ...part, bytes: flipped(part.bytes) } : part))
    : malformed(parts, index)

/** One bit is wrong, and the checksum finds it: the last byte before the checksum belongs to the payload. */
const flipped = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  const at = copy.length - 5
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

const malformed = (parts: readonly Part[], index: number): readonly Part[] =>
  parts.map((part, at) => {
    if (at !== index) return part
    const data = part.event?.data.slice(0, Math.ceil(part.event.data.length / 2)) ?? '{'
    const event: Event = { event: part.event?.event ?? '', data, weight: part.weight }
    return { ...part, bytes: spell(event) }
  })

const errorEvent = (
  answer: Flow,
  before: readonly Part[],
  fault: Fault & { kind: 'error-event' },
): readonly Step[] => {
  if (answer.kind === 'frames') return [...send(before), write(chunk(answer.error(fault.error)))]
  const steps: Step[] = [...send(before), write(chunk(spell(errorOf(answer, before, fault))))]
  if (fault.done === true) steps.push(write(chunk(Buffer.from('data: [DONE]\n\n'))))
  return steps
}

const errorOf = (
  answer: Exclude<Flow, { kind: 'frames' }>,
  before: readonly Part[],
  fault: Fault & { kind: 'error-event' },
): Event => {
  if (answer.kind === 'pieces') return chatError(fault.error)
  if (answer.error !== undefined) return answer.error(fault.error)
  const first = answer.events[0]?.event ?? ''
  if (first.startsWith('response.')) return responsesError(before, fault)
  return first === 'message_start' ? named({ type: 'error', error: fault.error }) : chatError(fault.error)
}

const chatError = (error: JsonObject): Event => ({
  event: '',
  data: JSON.stringify({ error }),
  weight: 'terminal',
})

const responsesError = (before: readonly Part[], fault: Fault & { kind: 'error-event' }): Event => {
  const order = { sequence_number: before.length }
  const { message = null, code = null, param = null } = fault.error
  if (fault.as === 'failed') {
    const first: Json = JSON.parse(before[0]?.event?.data ?? '{}')
    const begun =
      isObject(first) && isObject(first.response) ? first.response : { id: 'resp_failed', object: 'response' }
    const response = { ...begun, status: 'failed', error: { code, message } }
    return named({ type: 'response.failed', ...order, response })
  }
  return fault.as === 'flat'
    ? named({ type: 'error', ...order, code, message, param })
    : named({ type: 'error', ...order, error: fault.error })
}

const named = (value: JsonObject & { readonly type: string }): Event => ({
  event: value.type,
  data: JSON.stringify(value),
  weight: 'terminal',
})

const NEWLINES = { lf: '\n', crlf: '\r\n', cr: '\r' }

/** The same events by another legal spelling of the event-stream format, cut into small writes. */
const styled = (events: readonly Event[], style: Fault & { kind: 'sse-style' }): readonly Step[] => {
  const end = NEWLINES[style.newline]
  const gap = style.noSpace === true ? '' : ' '
  const spelled = events.map(event => {
    const comment = style.comments === true ? `: still here${end}` : ''
    const name = event.event === '' ? '' : `event:${gap}${event.event}${end}`
    return `${comment}${name}data:${gap}${event.data}${end}${end}`
  })
  const bytes = Buffer.from((style.bom === true ? '\uFEFF' : '') + spelled.join(''))
  const size = Math.max(1, style.split ?? bytes.length)
  const steps: Step[] = []
  for (let at = 0; at < bytes.length; at += size) steps.push(write(chunk(bytes.subarray(at, at + size))))
  return steps
}

import { ANSWERS } from './neutral.fixture.ts'
import type { NeutralAnswer, NeutralEvent, Part } from './neutral.ts'

/** Whole answers as events and back: what a stream says must be what the whole answer says. */

/** Cut by code points, so that no piece ends in the middle of a character. */
export const piecesOf = (text: string, size = 6): readonly string[] => {
  const characters = [...text]
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, index) =>
    characters.slice(index * size, (index + 1) * size).join(''),
  )
}

const opening = (part: Part, index: number): NeutralEvent => {
  if (part.kind === 'call') {
    const { id, name, custom } = part
    return { kind: 'open', part: index, of: 'call', id, name, ...(custom === undefined ? {} : { custom }) }
  }
  if (part.kind === 'text' || part.kind === 'reasoning' || part.kind === 'refusal')
    return { kind: 'open', part: index, of: part.kind }
  throw new Error(`no answer holds a ${part.kind}`)
}

const textOf = (part: Part): string => {
  if (part.kind === 'call') return part.input
  return 'text' in part ? part.text : ''
}

const partEvents = (
  part: Part,
  index: number,
  logprobs: NeutralAnswer['logprobs'],
): readonly NeutralEvent[] => {
  // Probabilities go with the first words.
  const [first, ...others] = piecesOf(textOf(part)).map((text): NeutralEvent & { kind: 'delta' } => ({
    kind: 'delta',
    part: index,
    text,
  }))
  const told = part.kind === 'text' && logprobs !== undefined ? { logprobs } : {}
  return [
    opening(part, index),
    ...(first === undefined ? [] : [{ ...first, ...told }, ...others]),
    ...(part.kind === 'text'
      ? (part.annotations ?? []).map(
          (annotation): NeutralEvent => ({ kind: 'annotation', part: index, annotation }),
        )
      : []),
    ...('sealed' in part && part.sealed !== undefined
      ? [{ kind: 'seal', part: index, sealed: part.sealed } as const]
      : []),
    { kind: 'close', part: index },
  ]
}

/** The stream of a whole answer, one part after the other. */
export const eventsOf = (answer: NeutralAnswer): readonly NeutralEvent[] => [
  { kind: 'start', id: answer.id, model: answer.model },
  ...answer.parts.flatMap((part, index) => partEvents(part, index, answer.logprobs)),
  { kind: 'stop', stop: answer.stop },
  ...(answer.usage === undefined ? [] : [{ kind: 'usage', usage: answer.usage } as const]),
  { kind: 'end' },
]

type Draft = { -readonly [Key in keyof NeutralAnswer]: NeutralAnswer[Key] } & { parts: Part[] }

const opened = (event: NeutralEvent & { kind: 'open' }): Part => {
  if (event.of !== 'call') return { kind: event.of, text: '' }
  const { id, name, custom } = event
  return { kind: 'call', id, name, input: '', ...(custom === undefined ? {} : { custom }) }
}

const extended = (part: Part, event: NeutralEvent): Part => {
  if (event.kind === 'delta' && part.kind === 'call') return { ...part, input: part.input + event.text }
  if (event.kind === 'delta' && 'text' in part) return { ...part, text: part.text + event.text }
  if (event.kind === 'seal' && (part.kind === 'call' || part.kind === 'reasoning'))
    return { ...part, sealed: event.sealed }
  if (event.kind === 'annotation' && part.kind === 'text')
    return { ...part, annotations: [...(part.annotations ?? []), event.annotation] }
  if (event.kind === 'close') return part
  throw new Error(`a ${event.kind} has no place in a ${part.kind}`)
}

/**
 * The whole answer that a stream told. Throws Error when the events break their grammar: a part that is not open, an
 * empty delta, two parts open that are no calls, a stop while one is open, anything after the end; or no end at all.
 */
export const answerOf = (events: readonly NeutralEvent[]): NeutralAnswer => {
  const answer: Draft = {
    id: undefined,
    model: undefined,
    parts: [],
    stop: { kind: 'end' },
    usage: undefined,
  }
  const open = new Set<number>()
  let stopped = false
  let ended = false
  for (const event of events) {
    if (ended) throw new Error(`a ${event.kind} comes after the end`)
    if (event.kind === 'error') throw new Error(`the stream failed: ${String(event.error.message)}`)
    if (event.kind === 'ping') continue
    if (event.kind === 'end') ended = true
    else if (event.kind === 'usage') answer.usage = event.usage
    else if (event.kind === 'start') Object.assign(answer, { id: event.id, model: event.model })
    else if (stopped) throw new Error(`a ${event.kind} comes after the stop`)
    else if (event.kind === 'stop') {
      if (open.size > 0) throw new Error('the answer stops while a part is open')
      answer.stop = event.stop
      stopped = true
    } else {
      follow(answer, open, event)
      if (event.kind === 'delta' && event.logprobs !== undefined)
        answer.logprobs = [...(answer.logprobs ?? []), ...event.logprobs]
    }
  }
  if (!stopped || !ended) throw new Error('the stream has no end')
  return answer
}

type PartEvent = Exclude<NeutralEvent, { kind: 'start' | 'stop' | 'usage' | 'ping' | 'end' | 'error' }>

const follow = (answer: Draft, open: Set<number>, event: PartEvent): void => {
  if (event.kind === 'open') {
    if (event.part !== answer.parts.length) throw new Error(`part ${event.part} opens out of turn`)
    const others = [...open].filter(part => answer.parts[part]?.kind !== 'call')
    if (event.of !== 'call' && others.length > 0) throw new Error(`part ${event.part} opens beside another`)
    answer.parts.push(opened(event))
    open.add(event.part)
    return
  }
  const part = answer.parts[event.part]
  if (part === undefined || !open.has(event.part)) throw new Error(`part ${event.part} is not open`)
  if (event.kind === 'delta' && event.text === '') throw new Error('a delta says nothing')
  answer.parts[event.part] = extended(part, event)
  if (event.kind === 'close') open.delete(event.part)
}

/** Streams of all the answers, and some that no whole answer makes. */
export const STREAMS: Readonly<Record<string, readonly NeutralEvent[]>> = {
  ...Object.fromEntries(Object.entries(ANSWERS).map(([name, answer]) => [name, eventsOf(answer)])),
  'calls that are spoken in turns': [
    { kind: 'start', id: 'answer-1', model: 'upstream-1' },
    { kind: 'open', part: 0, of: 'call', id: 'call_1', name: 'look' },
    { kind: 'delta', part: 0, text: '{"at":' },
    { kind: 'open', part: 1, of: 'call', id: 'call_2', name: 'look' },
    { kind: 'delta', part: 1, text: '{"at"' },
    { kind: 'delta', part: 0, text: '"left"}' },
    { kind: 'ping' },
    { kind: 'delta', part: 1, text: ':"right"}' },
    { kind: 'close', part: 1 },
    { kind: 'close', part: 0 },
    { kind: 'stop', stop: { kind: 'calls' } },
    { kind: 'end' },
  ],
  'words after calls, and thoughts between': [
    { kind: 'start', id: 'answer-1', model: 'upstream-1' },
    { kind: 'open', part: 0, of: 'call', id: 'call_1', name: 'look' },
    { kind: 'delta', part: 0, text: '{}' },
    { kind: 'close', part: 0 },
    { kind: 'open', part: 1, of: 'reasoning' },
    { kind: 'delta', part: 1, text: 'hm' },
    { kind: 'close', part: 1 },
    { kind: 'open', part: 2, of: 'text' },
    { kind: 'delta', part: 2, text: 'So.' },
    { kind: 'close', part: 2 },
    { kind: 'usage', usage: { inputTokens: 1, outputTokens: 1 } },
    { kind: 'stop', stop: { kind: 'calls' } },
    { kind: 'usage', usage: { inputTokens: 12, outputTokens: 5 } },
    { kind: 'end' },
  ],
}

import fc from 'fast-check'

/** One event as it is meant. */
export type Meant = { readonly event: string; readonly data: string }

/** How one line of it is written. */
export type Hand = {
  readonly newline: '\n' | '\r\n' | '\r'
  /** The one space after the colon, which is no part of the value. */
  readonly space: boolean
  /** Something that says nothing, in front of the line. */
  readonly noise: string | undefined
}

export type Spelling = {
  readonly mark: boolean
  /** Taken in turn, line by line. */
  readonly hands: readonly Hand[]
  /** Blank lines between events, at least one. */
  readonly blanks: number
  /** The last event goes without its blank line. */
  readonly open: boolean
}

/** Comments, fields of no meaning, and what only looks like a field. */
export const NOISE = [
  ': ping',
  ':',
  ':data: x',
  'id: 7',
  'id',
  'retry: 10',
  'retry',
  'dataset: 1',
  ' data: x',
  'Data: x',
  'data : x',
  'unknown',
  'unknown: data: x',
  'id: a\0b',
] as const

const hand: fc.Arbitrary<Hand> = fc.record({
  newline: fc.constantFrom('\n', '\r\n', '\r'),
  space: fc.boolean(),
  noise: fc.option(fc.constantFrom(...NOISE), { nil: undefined, freq: 4 }),
})

export const spelling: fc.Arbitrary<Spelling> = fc.record({
  mark: fc.boolean(),
  hands: fc.array(hand, { minLength: 1, maxLength: 5 }),
  blanks: fc.integer({ min: 1, max: 4 }),
  open: fc.constant(false),
})

const word = fc.oneof(
  fc.constantFrom(
    ' ',
    ':',
    '\0',
    '\u0085',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\u{1F3AD}',
    'é',
    '\t',
    '\x7f',
    '"',
    '{',
    'data',
    '[DONE]',
  ),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
)

const line = fc.array(word, { maxLength: 8 }).map(parts =>
  parts
    .join('')
    .replace(/[\r\n]/g, '')
    .toWellFormed(),
)

export const meant: fc.Arbitrary<Meant> = fc.record(
  {
    event: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: line }),
    data: fc.array(line, { minLength: 1, maxLength: 3 }).map(lines => lines.join('\n')),
  },
  // As the objects they are compared with.
  { noNullPrototype: true },
)

/** The events as a server may write them. Line ends take turns, so every mixture comes up. */
export const spell = (events: readonly Meant[], how: Spelling): Buffer => {
  let text = how.mark ? '\ufeff' : ''
  let turn = 0
  let after = ''
  const put = (content: string): void => {
    const { newline } = how.hands[turn++ % how.hands.length] as Hand
    // A bare CR and then a line that begins with LF would be one CRLF: the blank line is spelled as its neighbour.
    const end = after === '\r' && content === '' && newline === '\n' ? '\r' : newline
    text += content + end
    after = end
  }
  const field = (name: string, value: string): void => {
    const { space, noise } = how.hands[turn % how.hands.length] as Hand
    if (noise !== undefined) put(noise)
    if (value === '' && !space) put(name)
    else put(`${name}:${space || value.startsWith(' ') ? ' ' : ''}${value}`)
  }
  for (const [at, { event, data }] of events.entries()) {
    if (event !== '') field('event', event)
    for (const one of data.split('\n')) field('data', one)
    if (how.open && at === events.length - 1) break
    for (let blank = 0; blank < how.blanks; blank++) put('')
  }
  return Buffer.from(text)
}

/** Pieces of `bytes`, cut at these offsets. */
export const cut = (bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] => {
  const places = [...new Set(offsets.map(offset => offset % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((place, at) => bytes.subarray(at === 0 ? 0 : places[at - 1], place))
}

/** The same bytes with `count` accidents: a byte changed, put in, left out, a stretch repeated or lost. */
export const mutate = (bytes: Uint8Array, count: number, roll: (limit: number) => number): Buffer => {
  let now = Buffer.from(bytes)
  for (let done = 0; done < count; done++) {
    const at = roll(now.length + 1)
    const far = Math.min(now.length, at + 1 + roll(16))
    const odd = Buffer.from(ODD[roll(ODD.length)] as string, 'latin1')
    switch (roll(6)) {
      case 0:
        if (at < now.length) now[at] = roll(256)
        break
      case 1:
        now = Buffer.concat([now.subarray(0, at), odd, now.subarray(at)])
        break
      case 2:
        now = Buffer.concat([now.subarray(0, at), now.subarray(far)])
        break
      case 3:
        now = Buffer.concat([now.subarray(0, far), now.subarray(at)])
        break
      case 4:
        if (at < now.length) now[at] = (now[at] as number) ^ (1 << roll(8))
        break
      default:
        if (roll(8) === 0) now = Buffer.from(now.subarray(0, at))
        else now = Buffer.concat([now.subarray(0, at), odd, now.subarray(far)])
    }
  }
  return now
}

/** What parsers trip over. */
const ODD = [
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  '\0',
  ':',
  ' ',
  '\t',
  '\xef\xbb\xbf',
  '\xff',
  '\xc3',
  '\xf0\x9f',
  '\xe2\x80\xa8',
  '\x0b',
  '\x1b',
  'data',
  'data: ',
  'event: ',
  '[DONE]',
  '{',
  '}',
  '"',
  '\\',
  '0',
  '-1',
  'ffffffff',
  '99999999999999999999',
  ',',
  ';',
  'chunked',
] as const

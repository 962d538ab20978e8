import { gzipSync } from 'node:zlib'
import { type Act, chunked, LAST_CHUNK } from './wire.ts'

/** What a provider's bytes may do, and what has to become of it. */
export type UpstreamCase = {
  readonly name: string
  readonly act: Act
  /**
   * served: odd, but an answer. refused: none, so a fallback serves and without one there is an error.
   * broken: the answer had begun, so it ends with an error; over is an answer whose end was said before the trouble.
   */
  readonly outcome: 'served' | 'refused' | 'broken'
  readonly stream?: true
  /** It takes a limit to end it. */
  readonly hangs?: true
  /** Acts before the body of the request is sent. */
  readonly early?: true
}

const WORDS = 'Hello there'
/** In what must never reach a client. */
export const EVIL = 'EVIL'

export const DOCUMENT = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: WORDS }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
})
const EVIL_DOCUMENT = DOCUMENT.replace(WORDS, EVIL.padEnd(WORDS.length, '!'))

const chunkOf = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

const BEGUN = chunkOf({ content: WORDS }, null)
const DONE = 'data: [DONE]\n\n'
export const EVENTS = BEGUN + chunkOf({}, 'stop') + DONE

type Then = 'keep' | 'fin' | 'rst'

const bytesOf = (bytes: string | Uint8Array): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)

/** Writes these bytes, then keeps the connection, ends it or resets it. */
export const writes =
  (bytes: string | Uint8Array, then: Then = 'keep'): Act =>
  ({ socket }) => {
    const after = (): void => {
      if (then === 'fin') socket.end()
      if (then === 'rst') socket.resetAndDestroy()
    }
    const buffer = bytesOf(bytes)
    if (buffer.length === 0) after()
    else socket.write(buffer, after)
  }

/** Writes this again and again as fast as it is taken, until the gateway leaves. */
const floods =
  (first: string, again: string): Act =>
  ({ socket }) => {
    const more = (): void => {
      while (socket.writable && socket.write(again, 'latin1'));
    }
    socket.on('drain', more)
    socket.write(first, 'latin1')
    more()
  }

/** Writes this again and again, a little at a time. */
const drips =
  (first: string, again: string): Act =>
  ({ socket }) => {
    socket.write(first, 'latin1')
    const timer = setInterval(() => socket.write(again, 'latin1'), 20)
    socket.once('close', () => clearInterval(timer))
  }

const LENGTH = `content-length: ${DOCUMENT.length}\r\n`

export const headOf = (status: string, headers = '', type = 'application/json'): string =>
  `HTTP/1.1 ${status}\r\n${type === '' ? '' : `content-type: ${type}\r\n`}${headers}\r\n`

const answer = (headers = LENGTH, body = DOCUMENT, status = '200 OK'): string =>
  headOf(status, headers) + body
const inChunks = (body: string, end: string = LAST_CHUNK): string =>
  answer('transfer-encoding: chunked\r\n', body + end)
const plainChunk = (text: string): string => chunked(text).toString('latin1')
const events = (body: string, headers = ''): string => headOf('200 OK', headers, 'text/event-stream') + body

const coded = (bytes: Uint8Array, coding: string): Buffer =>
  Buffer.concat([
    Buffer.from(headOf('200 OK', `content-encoding: ${coding}\r\ncontent-length: ${bytes.length}\r\n`)),
    bytes,
  ])

const manyHeaders = (count: number): string =>
  Array.from({ length: count }, (_, at) => `x-${at}: y\r\n`).join('')

const served = (name: string, act: Act): UpstreamCase => ({ name, act, outcome: 'served' })
const refused = (name: string, act: Act): UpstreamCase => ({ name, act, outcome: 'refused' })
const hanging = (one: UpstreamCase): UpstreamCase => ({ ...one, hangs: true })
const broken = (name: string, act: Act): UpstreamCase => ({ name, act, outcome: 'broken', stream: true })
const streamed = ({ name, ...rest }: UpstreamCase): UpstreamCase => ({
  ...rest,
  name: `stream: ${name}`,
  stream: true,
})

const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n'

/** Odd, and still an answer. */
const SERVED: readonly UpstreamCase[] = [
  served('a plain answer', writes(answer())),
  served('100 before the answer', writes(`HTTP/1.1 100 Continue\r\n\r\n${answer()}`)),
  served('a thousand 100 before the answer', writes('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000) + answer())),
  served('102 before the answer', writes(`HTTP/1.1 102 Processing\r\nx: y\r\n\r\n${answer()}`)),
  served('103 before the answer', writes(EARLY_HINTS + answer())),
  served('a thousand 103 before the answer', writes(EARLY_HINTS.repeat(1000) + answer())),
  served('no reason phrase', writes(answer().replace(' OK', ''))),
  served('HTTP/1.0 to the end of the connection', writes(answer('').replace('HTTP/1.1', 'HTTP/1.0'), 'fin')),
  served('no length, to the end of the connection', writes(answer(''), 'fin')),
  served(
    'chunks with extensions',
    writes(inChunks(`${DOCUMENT.length.toString(16)};a=b;c="d"\r\n${DOCUMENT}\r\n`)),
  ),
  served('chunks of one byte', writes(inChunks([...DOCUMENT].map(plainChunk).join('')))),
  served('trailers', writes(inChunks(plainChunk(DOCUMENT), '0\r\nx-after: 1\r\n\r\n'))),
  served(
    'capitals in the content type',
    writes(answer().replace('application/json', 'Application/JSON; Charset=UTF-8')),
  ),
  served('no content type', writes(headOf('200 OK', LENGTH, '') + DOCUMENT)),
  served('bytes above ASCII in a header', writes(answer(`${LENGTH}x-a: b\xe9\x80c\r\n`))),
  served('names of the language in headers', writes(answer(`${LENGTH}__proto__: x\r\nconstructor: y\r\n`))),
  served('cookies', writes(answer(`${LENGTH}set-cookie: a=${EVIL}\r\nset-cookie: b=${EVIL}; path=/\r\n`))),
  served(
    'headers of one connection',
    writes(answer(`${LENGTH}connection: close, x-own\r\nx-own: ${EVIL}\r\n`), 'fin'),
  ),
  served('a large header', writes(answer(`${LENGTH}x-a: ${'b'.repeat(12_000)}\r\n`))),
  served('gzip', writes(coded(gzipSync(DOCUMENT), 'gzip'))),
  served('garbage behind the answer', writes(`${answer()}${EVIL}${EVIL}`)),
  served('a second answer behind the answer', writes(answer() + answer(LENGTH, EVIL_DOCUMENT))),
  { ...served('before the body was sent', writes(answer())), early: true },
]

const NO_HEAD: readonly UpstreamCase[] = [
  refused('a status line without a number', writes('HTTP/1.1 abc OK\r\n\r\n')),
  refused('another protocol', writes('SSH-2.0-OpenSSH_9.0\r\n')),
  refused('no protocol', writes('hello\r\n\r\n')),
  refused('HTTP/0.9', writes(DOCUMENT, 'fin')),
  refused('a status of two digits', writes(answer(LENGTH, DOCUMENT, '99 X'))),
  refused('a status of four digits', writes(answer(LENGTH, DOCUMENT, '1000 X'))),
  refused('line feeds alone', writes(answer().replaceAll('\r\n', '\n'))),
  refused('100 and the end', writes('HTTP/1.1 100 Continue\r\n\r\n', 'fin')),
  hanging(refused('103 without end', drips('', EARLY_HINTS))),
  refused(
    '101',
    writes('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  ),
  refused('101 nobody asked for', writes(`HTTP/1.1 101 Switching Protocols\r\n\r\n${answer()}`)),
  refused('an end in the head', writes(answer().slice(0, 40), 'fin')),
  refused('a reset in the head', writes(answer().slice(0, 40), 'rst')),
  hanging(refused('a head that does not go on', writes(answer().slice(0, 40)))),
  refused('an end before the head', writes('', 'fin')),
  refused('a reset before the head', writes('', 'rst')),
  refused('a control byte in a header', writes(answer(`${LENGTH}x-a: b\x01c\r\n`))),
  refused('a NUL in a header', writes(answer(`${LENGTH}x-a: b\0c\r\n`))),
  refused('a folded header', writes(answer(`${LENGTH}x-a: b\r\n c: d\r\n`))),
  refused('a header without a colon', writes(answer(`${LENGTH}nothing\r\n`))),
  refused('a header without a name', writes(answer(`${LENGTH}: x\r\n`))),
  refused('a space before the colon', writes(answer(`content-length : ${DOCUMENT.length}\r\n`))),
  refused('a giant header', writes(answer(`${LENGTH}x-a: ${'b'.repeat(5_000_000)}\r\n`))),
  refused('headers without end', floods('HTTP/1.1 200 OK\r\n', manyHeaders(1000))),
  refused('ten thousand headers', writes(answer(LENGTH + manyHeaders(10_000)))),
  { ...refused('a reset before the body was sent', writes('', 'rst')), early: true },
  {
    ...refused(
      '413 before the body was sent',
      writes(
        answer('content-length: 33\r\nconnection: close\r\n', '{"error":{"message":"too large"}}', '413 X'),
        'fin',
      ),
    ),
    early: true,
  },
]

const NO_BODY: readonly UpstreamCase[] = [
  refused('a length that is too short', writes(answer(`content-length: ${DOCUMENT.length - 5}\r\n`))),
  refused(
    'a length that is too long, and an end',
    writes(answer(`content-length: ${DOCUMENT.length + 5}\r\n`), 'fin'),
  ),
  hanging(
    refused(
      'a length that is too long, and no end',
      writes(answer(`content-length: ${DOCUMENT.length + 5}\r\n`)),
    ),
  ),
  refused(
    'a length that takes a part of the next answer',
    writes(answer(`content-length: ${DOCUMENT.length + 9}\r\n`) + answer()),
  ),
  refused(
    'a length and chunks',
    writes(answer(`${LENGTH}transfer-encoding: chunked\r\n`, plainChunk(DOCUMENT) + LAST_CHUNK)),
  ),
  refused('two lengths', writes(answer(`${LENGTH}content-length: 5\r\n`))),
  refused('a negative length', writes(answer('content-length: -5\r\n'))),
  refused('a length with a sign', writes(answer(`content-length: +${DOCUMENT.length}\r\n`))),
  refused('a chunk size that is none', writes(inChunks(`zz\r\n${DOCUMENT}\r\n`))),
  refused('a chunk size above all', writes(inChunks(`ffffffffffffffffff\r\n${DOCUMENT}\r\n`))),
  refused('a chunk that is cut', writes(inChunks(`ffff\r\n${DOCUMENT}`, ''), 'fin')),
  refused('a chunk that is longer than its size', writes(inChunks(`5\r\n${DOCUMENT}\r\n`))),
  refused('no last chunk', writes(inChunks(plainChunk(DOCUMENT), ''), 'fin')),
  refused('trailers without end', floods(inChunks(plainChunk(DOCUMENT), '0\r\n'), manyHeaders(1000))),
  refused('gzip, cut', writes(coded(gzipSync(DOCUMENT).subarray(0, -10), 'gzip'))),
  refused('gzip that is none', writes(coded(Buffer.from(DOCUMENT), 'gzip'))),
  refused(
    'gzip with something behind',
    writes(coded(Buffer.concat([gzipSync(DOCUMENT), Buffer.from(EVIL)]), 'gzip')),
  ),
  refused('gzip in gzip', writes(coded(gzipSync(gzipSync(DOCUMENT)), 'gzip, gzip'))),
  refused('gzip that unfolds without end', writes(coded(gzipSync(Buffer.alloc(40_000_000)), 'gzip'))),
  refused('an encoding nobody knows', writes(coded(Buffer.from(DOCUMENT), 'snappy'))),
  refused(
    'a web page with 200',
    writes(`${headOf('200 OK', 'content-length: 13\r\n', 'text/html')}<html></html>`),
  ),
  refused(
    'a web page with 502',
    writes(`${headOf('502 X', 'content-length: 13\r\n', 'Text/HTML')}<html></html>`),
  ),
  refused('events nobody asked for', writes(headOf('200 OK', LENGTH, 'text/event-stream') + DOCUMENT)),
  refused('204', writes('HTTP/1.1 204 No Content\r\n\r\n')),
  refused('204 with a body', writes(answer(LENGTH, EVIL_DOCUMENT, '204 No Content'))),
  refused('205 with a body', writes(answer(LENGTH, EVIL_DOCUMENT, '205 Reset Content'))),
  refused('206, a part of something', writes(answer(LENGTH, EVIL_DOCUMENT, '206 Partial Content'))),
  refused('304 with a body', writes(answer(LENGTH, EVIL_DOCUMENT, '304 Not Modified'))),
  refused('300 with a body', writes(answer(LENGTH, EVIL_DOCUMENT, '300 Multiple Choices'))),
  refused('status 600', writes(answer(LENGTH, EVIL_DOCUMENT, '600 X'))),
  refused('status 999', writes(answer(LENGTH, EVIL_DOCUMENT, '999 X'))),
  refused('JSON that is deep', writes(answer('', '{"choices":'.padEnd(2_000_000, '[')), 'fin')),
  refused('JSON that is no object', writes(answer('content-length: 4\r\n', 'null'))),
  refused('an empty body', writes(answer('content-length: 0\r\n', ''))),
]

const STREAMS: readonly UpstreamCase[] = [
  streamed(
    served('in chunks', writes(events(plainChunk(EVENTS) + LAST_CHUNK, 'transfer-encoding: chunked\r\n'))),
  ),
  streamed(served('to the end of the connection', writes(events(EVENTS), 'fin'))),
  streamed(
    served(
      'capitals in the content type',
      writes(events(EVENTS).replace('text/event-stream', 'Text/Event-Stream'), 'fin'),
    ),
  ),
  streamed(
    served(
      'a bad chunk behind the end',
      writes(events(`${plainChunk(EVENTS)}zz\r\n`, 'transfer-encoding: chunked\r\n')),
    ),
  ),
  streamed(
    served('no last chunk', writes(events(plainChunk(EVENTS), 'transfer-encoding: chunked\r\n'), 'fin')),
  ),
  streamed(
    served(
      'a length that is too long',
      writes(events(EVENTS, `content-length: ${EVENTS.length + 9}\r\n`), 'fin'),
    ),
  ),
  streamed(
    served('events behind the end', writes(events(EVENTS + BEGUN.replace(WORDS, EVIL) + DONE), 'fin')),
  ),
  streamed(refused('a plain document', writes(answer()))),
  streamed(
    refused('a web page', writes(`${headOf('200 OK', 'content-length: 13\r\n', 'text/html')}<html></html>`)),
  ),
  streamed(refused('no content type', writes(headOf('200 OK', '', '') + EVENTS, 'fin'))),
  streamed(refused('204', writes('HTTP/1.1 204 No Content\r\n\r\n'))),
  streamed(refused('206, a part of something', writes(events(EVENTS).replace('200 OK', '206 X'), 'fin'))),
  streamed(refused('a flood of comments', floods(events(''), ': ping\n\n'.repeat(1000)))),
  streamed(hanging(refused('comments without end', drips(events(''), ': ping\n\n')))),
  streamed(refused('blank lines without end', floods(events(''), '\n'.repeat(10_000)))),
  streamed(refused('a line without end', floods(events('data: '), 'x'.repeat(65_536)))),
  streamed(
    refused('a length that ends inside the first event', writes(events(EVENTS, 'content-length: 30\r\n'))),
  ),
  streamed(
    refused('a bad chunk before any event', writes(events('zz\r\n', 'transfer-encoding: chunked\r\n'))),
  ),
  broken(
    'stream: a bad chunk after content',
    writes(events(`${plainChunk(BEGUN)}zz\r\n`, 'transfer-encoding: chunked\r\n')),
  ),
  broken('stream: an end after content', writes(events(BEGUN), 'fin')),
  broken('stream: a reset after content', writes(events(BEGUN), 'rst')),
  hanging(broken('stream: silence after content', writes(events(BEGUN)))),
  broken(
    'stream: a length that ends after content',
    writes(events(BEGUN, `content-length: ${BEGUN.length}\r\n`)),
  ),
  broken('stream: a line without end after content', floods(events(`${BEGUN}data: `), 'x'.repeat(65_536))),
]

/** A redirect points to `elsewhere`, which must never be asked. */
const redirects = (elsewhere: string): readonly UpstreamCase[] =>
  [301, 302, 303, 307, 308].map(status =>
    refused(
      `${status}`,
      writes(`HTTP/1.1 ${status} X\r\nlocation: ${elsewhere}\r\ncontent-length: 0\r\n\r\n`),
    ),
  )

export const upstreamCases = (elsewhere: string): readonly UpstreamCase[] => [
  ...SERVED,
  ...NO_HEAD,
  ...NO_BODY,
  ...redirects(elsewhere),
  ...NO_HEAD.filter(one => one.early === undefined).map(streamed),
  ...STREAMS,
]

/** Proper answers, to be cut and mutated. */
export const properAnswers = (): readonly {
  readonly name: string
  readonly bytes: Buffer
  readonly stream: boolean
}[] => [
  { name: 'a length', bytes: bytesOf(answer()), stream: false },
  {
    name: 'chunks',
    bytes: bytesOf(inChunks(plainChunk(DOCUMENT.slice(0, 90)) + plainChunk(DOCUMENT.slice(90)))),
    stream: false,
  },
  { name: 'gzip', bytes: coded(gzipSync(DOCUMENT), 'gzip'), stream: false },
  {
    name: 'events in chunks',
    bytes: bytesOf(events(plainChunk(EVENTS) + LAST_CHUNK, 'transfer-encoding: chunked\r\n')),
    stream: true,
  },
  {
    name: 'events with a length',
    bytes: bytesOf(events(EVENTS, `content-length: ${EVENTS.length}\r\n`)),
    stream: true,
  },
]

import { MASTER_KEY } from '../../support/harness.ts'

/** What a client may put on the wire, and what it gets. */
export type Shape = {
  readonly name: string
  readonly bytes: string | Uint8Array
  /** Statuses of the final answers, in order. */
  readonly answers: readonly number[]
  /** Who is asked: how many of them reach the provider. */
  readonly asked: number
  readonly ends: boolean
}

const KEY = `authorization: Bearer ${MASTER_KEY}\r\n`
const BODY = JSON.stringify({ model: 'g', messages: [{ role: 'user', content: 'Hello' }] })
const LENGTH = `content-length: ${BODY.length}\r\n`
const HEX = BODY.length.toString(16)
const CHUNKS = `${HEX}\r\n${BODY}\r\n0\r\n\r\n`
const CODED = 'transfer-encoding: chunked\r\n'

const post = (headers: string, body: string, version = 'HTTP/1.1'): string =>
  `POST /v1/chat/completions ${version}\r\nhost: g\r\n${KEY}content-type: application/json\r\n${headers}\r\n${body}`
const get = (target: string, headers = ''): string =>
  `GET ${target} HTTP/1.1\r\nhost: g\r\n${KEY}${headers}\r\n`

export const PROPER: readonly string[] = [
  post(LENGTH, BODY),
  post(CODED, CHUNKS),
  post(CODED, `${HEX};a="b"\r\n${BODY}\r\n0\r\nx-after: 1\r\n\r\n`),
  get('/v1/models?x=1'),
  get('/v1/files?model=g', 'accept: */*\r\nconnection: keep-alive\r\n'),
  post(`${LENGTH}expect: 100-continue\r\n`, BODY),
  post(LENGTH, BODY) + get('/health/liveliness') + post(CODED, CHUNKS),
  `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\n${KEY}content-type: multipart/form-data; boundary=b\r\ncontent-length: 137\r\n\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\near\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--b--\r\n`,
]

const refused = (name: string, bytes: string | Uint8Array, status = 400): Shape => ({
  name,
  bytes,
  answers: [status],
  asked: 0,
  ends: true,
})
/** Answered by the gateway itself, and the connection serves on. */
const told = (name: string, bytes: string, ...answers: readonly number[]): Shape => ({
  name,
  bytes,
  answers,
  asked: 0,
  ends: false,
})
const served = (name: string, bytes: string, times = 1, ends = false): Shape => ({
  name,
  bytes,
  answers: Array.from({ length: times }, () => 200),
  asked: times,
  ends,
})

const headerLines = (count: number): string =>
  Array.from({ length: count }, (_, at) => `x-${at}: y\r\n`).join('')

/** Where does this body end? Two answers to that, and the second request is somebody else's. */
const SMUGGLING: readonly Shape[] = [
  refused('a length and chunks', post(LENGTH + CODED, CHUNKS)),
  refused('chunks and a length', post(CODED + LENGTH, CHUNKS)),
  refused('a length of 0 and chunks', post(`content-length: 0\r\n${CODED}`, CHUNKS)),
  refused('the same length twice', post(LENGTH + LENGTH, BODY)),
  refused('two lengths', post(`${LENGTH}content-length: 5\r\n`, BODY)),
  refused('a list of lengths', post(`content-length: ${BODY.length}, ${BODY.length}\r\n`, BODY)),
  ...['+1', '-1', '0x10', '1 0', '1e2', '1.0', '', '٣', '99999999999999999999999'].map(length =>
    refused(`a length of '${length}'`, post(`content-length: ${length}\r\n`, BODY)),
  ),
  refused('a space before the colon of the length', post(`content-length : ${BODY.length}\r\n`, BODY)),
  refused('a space before the colon of the coding', post('transfer-encoding : chunked\r\n', CHUNKS)),
  ...['chunked, identity', '\x0bchunked', 'chunked\x0b', ''].map(coding =>
    refused(`a coding of ${JSON.stringify(coding)}`, post(`transfer-encoding: ${coding}\r\n`, CHUNKS)),
  ),
  ...['gzip, chunked', 'xchunked', 'identity', '"chunked"', 'chunked;q=1'].map(coding =>
    refused(`a coding of ${coding}`, post(`transfer-encoding: ${coding}\r\n`, CHUNKS), 501),
  ),
  refused('two codings', post(`${CODED}transfer-encoding: identity\r\n`, CHUNKS)),
  refused('the coding twice', post(CODED + CODED, CHUNKS)),
  refused('a coding in HTTP/1.0', post(CODED, CHUNKS, 'HTTP/1.0')),
  refused('a coding in a folded line', post(`${LENGTH}x-a: b\r\n transfer-encoding: chunked\r\n`, BODY)),
  ...['0x5', ' 5', '5 ', '-1', '+5', '', 'g', `1${'0'.repeat(20)}`].map(size =>
    refused(`a chunk size of '${size}'`, post(CODED, `${size}\r\n${BODY}\r\n0\r\n\r\n`)),
  ),
  refused('a chunk longer than its size', post(CODED, `5\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunks with line feeds', post(CODED, CHUNKS.replaceAll('\r\n', '\n'))),
  refused('a chunk size with a line feed', post(CODED, CHUNKS.replace('\r\n', '\n'))),
  refused('an extension with a line feed', post(CODED, `${HEX};a\n${BODY}\r\n0\r\n\r\n`)),
  refused(
    'an extension without end',
    post(CODED, `${HEX};a=${'b'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`),
    413,
  ),
  refused(
    'trailers without end',
    post(CODED, `${HEX}\r\n${BODY}\r\n0\r\nx-a: ${'b'.repeat(100_000)}\r\n\r\n`),
    431,
  ),
  // No length: there is no body, and what follows is a next request, which it is not.
  { name: 'a body without a length', bytes: post('', BODY), answers: [400], asked: 0, ends: true },
  {
    name: 'a length that is too short',
    bytes: post(`content-length: ${BODY.length - 3}\r\n`, BODY),
    answers: [400],
    asked: 0,
    ends: true,
  },
  served('something behind the body', `${post(LENGTH, BODY)}BOO`, 1, true),
  served('the beginning of another request behind the body', `${post(LENGTH, BODY)}POST /v1/ch\0`, 1, true),
]

const HEADS: readonly Shape[] = [
  refused('no request', 'hello there\r\n\r\n'),
  refused('TLS', Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0)),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused('HTTP/0.9', 'GET /v1/models\r\n\r\n', 505),
  refused('HTTP/2.0 in words', get('/v1/models').replace('HTTP/1.1', 'HTTP/2.0'), 505),
  refused('HTTP/1.2', get('/v1/models').replace('HTTP/1.1', 'HTTP/1.2')),
  refused('line feeds alone', post(LENGTH, BODY).replaceAll('\r\n', '\n')),
  refused('one line feed', post(`x-a: b\nx-c: d\r\n${LENGTH}`, BODY)),
  refused('a bare CR in a value', post(`x-a: b\rx-c: d\r\n${LENGTH}`, BODY)),
  refused('a folded line', post(`x-a: b\r\n c\r\n${LENGTH}`, BODY)),
  refused('a first line that is folded', `POST /v1/chat/completions HTTP/1.1\r\n host: g\r\n${KEY}\r\n`),
  ...['b\0c', 'b\x01c', 'b\x7fc', 'b\x1b[2J'].map(value =>
    refused(`a header of ${JSON.stringify(value)}`, post(`x-a: ${value}\r\n${LENGTH}`, BODY)),
  ),
  ...['x\0a: b', 'nothing', ': b', 'x-é: b', 'x a: b', 'x(a): b', '\x0bx: b'].map(line =>
    refused(`a header line ${JSON.stringify(line)}`, post(`${line}\r\n${LENGTH}`, BODY)),
  ),
  refused('a giant header', post(`x-a: ${'b'.repeat(70_000)}\r\n${LENGTH}`, BODY), 431),
  refused('a giant header that goes on', post(`x-a: ${'b'.repeat(3_000_000)}\r\n${LENGTH}`, BODY), 431),
  refused('a giant name', post(`x-${'b'.repeat(70_000)}: a\r\n${LENGTH}`, BODY), 431),
  refused('thousands of headers', post(headerLines(5000) + LENGTH, BODY), 431),
  refused(
    'the key behind thousands of headers',
    `GET /v1/models HTTP/1.1\r\nhost: g\r\n${headerLines(2500)}${KEY}\r\n`,
    431,
  ),
  refused('a giant target', get(`/v1/models/${'a'.repeat(70_000)}`), 431),
  refused('no host', `GET /v1/models HTTP/1.1\r\n${KEY}\r\n`),
  refused('two hosts', get('/v1/models', 'host: other\r\n')),
  told('a host that is none', get('/v1/models').replace('host: g', 'host: a b/c@d'), 200),
  served('hundreds of headers', post(headerLines(700) + LENGTH, BODY)),
  served('HTTP/1.0', `POST /v1/chat/completions HTTP/1.0\r\n${KEY}${LENGTH}\r\n${BODY}`, 1, true),
  served('empty lines in front', `\r\n\r\n${post(LENGTH, BODY)}`),
  served('a tab before the coding', post('transfer-encoding:\tchunked\r\n', CHUNKS)),
  served('spaces behind the length', post(`content-length: ${BODY.length}  \r\n`, BODY)),
  served(
    'a body in chunks of one byte',
    post(CODED, `${[...BODY].map(letter => `1\r\n${letter}\r\n`).join('')}0\r\n\r\n`),
  ),
  served(
    'a trailer that would be a header',
    post(CODED, `${HEX}\r\n${BODY}\r\n0\r\nauthorization: Bearer other\r\n\r\n`),
  ),
  served(
    'an upgrade that nobody takes',
    post(
      `${LENGTH}connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n`,
      BODY,
    ),
  ),
  told(
    'an upgrade to nothing',
    get('/v1/realtime', 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n'),
    404,
  ),
  served('the end of the connection asked for', post(`${LENGTH}connection: close\r\n`, BODY), 1, true),
  served('three at once', post(LENGTH, BODY).repeat(3), 3),
  told('a hundred at once', get('/health/liveliness').repeat(100), ...Array.from({ length: 100 }, () => 200)),
  told('a body where none is due', get('/v1/models', 'content-length: 5\r\n').concat('hello'), 200),
  refused('an expectation of something else', post(`${LENGTH}expect: 200-maybe\r\n`, BODY), 417),
]

const METHODS: readonly Shape[] = [
  ...['TRACE', 'PROPFIND', 'OPTIONS', 'PUT', 'DELETE', 'PURGE'].map(method =>
    told(`${method} of a known path`, get('/v1/models').replace('GET', method), 405),
  ),
  ...['BREW', 'get', 'G\0T', 'GET\t', ''].map(method =>
    refused(`a method ${JSON.stringify(method)}`, get('/v1/models').replace('GET', method)),
  ),
  told('OPTIONS of everything', get('*').replace('GET', 'OPTIONS'), 404),
  refused('CONNECT', get('example.com:80').replace('GET', 'CONNECT'), 405),
]

const TARGETS: readonly Shape[] = [
  ...[
    'http://evil.example/v1/models',
    'https://g:44/v1/models?x=1',
    'HTTP://g/v1/models',
    '/v1/%6dodels',
    '/v1/models#x',
    '/v1/models/?',
  ].map(target => told(`the target ${target}`, get(target), 200)),
  ...[
    'http://g',
    '*',
    '//v1/models',
    '/v1/./models',
    '/x/../v1/models',
    '/v1\\models',
    '/v1/models;x=1',
    '/V1/Models',
    '/v%zz/models',
    '/v1/files/%zz',
    '/v1/models/%E0%A4%A',
    '/v1//files',
    '/%00',
    '/v1/models%00',
  ].map(target => told(`the target ${target}`, get(target), 404)),
  // Nothing that climbs, and nothing that is not text, gets into the path of a provider's request.
  ...[
    '%2e%2e',
    '%2E',
    '..%2fadmin',
    '%2e%2e%2fadmin',
    'a%2f..%2f..%2fadmin',
    'a%5c..%5cb',
    'a%00b',
    'a%0d%0ax-evil:%201',
    'a%7f',
    '%e2%80%ae%00',
  ].map(id => told(`the id ${id}`, get(`/v1/files/${id}?model=g`), 400)),
  ...[
    'v1',
    'example.com:80',
    '/v1/models x',
    '/v1/mo\0dels',
    '/v1/mo\x01dels',
    '/v1/models/\xff',
    '/v1/models/é',
    '',
  ].map(target => refused(`the target ${JSON.stringify(target)}`, get(target))),
]

export const SHAPES: readonly Shape[] = [...SMUGGLING, ...HEADS, ...METHODS, ...TARGETS]

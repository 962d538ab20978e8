/**
 * The provider of the benchmark: answers every POST as a chat completion, a stream of 200 events when the body asks
 * for one. Plain sockets, so that it costs as little as possible beside the server under test.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { MessageReader } from './framing.ts'

export const EVENTS = 200
/** Only small bodies are searched for `"stream":true`; the streaming case is a small one. */
const SEARCH_BYTES = 8192

const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4.1',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A short answer to a benchmark. '.repeat(12), refusal: null },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 250, completion_tokens: 84, total_tokens: 334 },
})
const whole = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\nopenai-processing-ms: 1\r\ncontent-length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`,
)

const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n',
)
const framed = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const event = (delta: object, finish: string | null): Buffer => {
  const chunk = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'gpt-4.1',
    choices: [{ index: 0, delta, finish_reason: finish }],
  }
  return Buffer.from(framed(`data: ${JSON.stringify(chunk)}\n\n`))
}
const events = [
  event({ role: 'assistant', content: '' }, null),
  ...Array.from({ length: EVENTS - 2 }, (_, n) => event({ content: ` word${n}` }, null)),
  event({}, 'stop'),
  Buffer.from(`${framed('data: [DONE]\n\n')}0\r\n\r\n`),
]

/** One event a turn of the loop, so that each is a packet of its own as it is from a real provider. */
const stream = (socket: Socket): void => {
  socket.write(streamHead)
  let next = 0
  const send = (): void => {
    const bytes = events[next]
    if (bytes === undefined || socket.destroyed) return
    next += 1
    if (socket.write(bytes)) setImmediate(send)
    else socket.once('drain', send)
  }
  send()
}

const serve = (socket: Socket): void => {
  socket.setNoDelay(true)
  const reader = new MessageReader(message => {
    if (message.body?.includes('"stream":true')) stream(socket)
    else socket.write(whole)
  }, SEARCH_BYTES)
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', () => socket.destroy())
}

/** Opens on a free port of the loopback interface and gives its number. */
export const openUpstream = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer(serve)
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

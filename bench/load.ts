import { connect } from 'node:net'
import type { CaseName } from './cases.ts'
import { bodyOf } from './cases.ts'
import { MessageReader } from './framing.ts'

export type LoadOrder = {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly model: string
  readonly case: CaseName
  readonly connections: number
  /** The run ends when either is reached; requests under way are waited for. */
  readonly seconds: number
  readonly maxRequests: number
  /** Requests a second over all connections, evenly spaced; undefined: each connection asks again at once. */
  readonly rate: number | undefined
}

export type LoadResult = {
  readonly requests: number
  /** Answers that were not a 200 with a whole body. */
  readonly failed: number
  readonly firstFailure: string | undefined
  readonly seconds: number
  /** Milliseconds from the first byte sent to the last received, and to the first of the body. */
  readonly p50: number
  readonly p99: number
  readonly firstP50: number
  readonly firstP99: number
}

const requestBytes = (order: LoadOrder): Buffer => {
  const body = bodyOf(order.case, order.model)
  const headers = Object.entries(order.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(
    `POST ${order.path} HTTP/1.1\r\nhost: 127.0.0.1:${order.port}\r\ncontent-type: application/json\r\n${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN

/** Puts a load on a server: a fixed number of kept-alive connections, in a closed loop or at a given rate. */
export const run = async (order: LoadOrder): Promise<LoadResult> => {
  const request = requestBytes(order)
  const streaming = order.case === 'stream'
  const totals: number[] = []
  const firsts: number[] = []
  let sent = 0
  let failed = 0
  let firstFailure: string | undefined
  const fail = (why: string): void => {
    failed += 1
    firstFailure ??= why
  }
  const start = performance.now()
  const deadline = start + order.seconds * 1000

  /** When the next request is due. Who comes late does not wait: the rate holds over the whole run. */
  let due = start
  const turn = (): number => {
    if (order.rate !== undefined) due += 1000 / order.rate
    return due
  }

  const worker = (): Promise<void> =>
    new Promise(resolve => {
      let begun = 0
      let first = 0
      const socket = connect(order.port, '127.0.0.1')
      socket.setNoDelay(true)
      const next = (): void => {
        if (sent >= order.maxRequests || performance.now() >= deadline) {
          socket.destroy()
          resolve()
          return
        }
        sent += 1
        const wait = turn() - performance.now()
        if (wait > 0) setTimeout(ask, wait)
        else ask()
      }
      const ask = (): void => {
        begun = performance.now()
        socket.write(request)
      }
      const reader = new MessageReader(
        message => {
          const now = performance.now()
          totals.push(now - begun)
          firsts.push(first - begun)
          const right = message.body?.includes(streaming ? 'data: [DONE]' : '"choices"') === true
          if (!message.head.startsWith('HTTP/1.1 200') || !right)
            fail(`${message.head.slice(0, 200)} ${message.body?.slice(0, 500)}`)
          next()
        },
        256 * 1024,
        () => {
          first = performance.now()
        },
      )
      socket.on('connect', next)
      socket.on('data', (chunk: Buffer) => reader.push(chunk))
      socket.on('error', error => fail(error.message))
      socket.on('close', () => {
        if (performance.now() < deadline && sent < order.maxRequests) fail('the server closed the connection')
        resolve()
      })
    })

  await Promise.all(Array.from({ length: order.connections }, worker))
  const seconds = (performance.now() - start) / 1000
  totals.sort((a, b) => a - b)
  firsts.sort((a, b) => a - b)
  return {
    requests: totals.length,
    failed,
    firstFailure,
    seconds,
    p50: quantile(totals, 0.5),
    p99: quantile(totals, 0.99),
    firstP50: quantile(firsts, 0.5),
    firstP99: quantile(firsts, 0.99),
  }
}

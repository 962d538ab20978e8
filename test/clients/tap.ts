import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Owner } from '../support/harness.ts'

/** One request of an agent, as it came. */
export type Tapped = {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export type Tap = {
  readonly url: string
  /** Every request since the last `clear`, in the order of their connections. */
  readonly requests: () => readonly Tapped[]
  readonly clear: () => void
}

const requestAt = (bytes: Buffer): readonly [request: Tapped, rest: Buffer] | undefined => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [method = '', target = ''] = first.split(' ')
  const headers = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const length = Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0)
  const from = end + 4
  if (bytes.length < from + length) return undefined
  const body = bytes.toString('utf8', from, from + length)
  return [{ method, target, headers, body }, bytes.subarray(from + length)]
}

const requestsIn = (bytes: Buffer): readonly Tapped[] => {
  const found: Tapped[] = []
  let rest = bytes
  for (let next = requestAt(rest); next !== undefined; next = requestAt(rest)) {
    found.push(next[0])
    rest = next[1]
  }
  return found
}

/** Hands bytes on in both directions, changes none, and keeps what the client said. */
export const startTap = async (owner: Owner, target: string): Promise<Tap> => {
  const { hostname, port } = new URL(target)
  let heard: Buffer[][] = []
  const open = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(Number(port), hostname)
    const pieces: Buffer[] = []
    heard.push(pieces)
    near.on('data', piece => pieces.push(piece as Buffer))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroySoon()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.after(async () => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    requests: () => heard.flatMap(pieces => requestsIn(Buffer.concat(pieces))),
    clear: () => {
      heard = []
    },
  }
}

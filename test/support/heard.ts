/** A response as it came over the wire. */
export type Heard = {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** By HTTP the body is whole: its length, or its last chunk. */
  readonly whole: boolean
  /** Bytes after the whole response. */
  readonly beyond: number
}

type Body = Pick<Heard, 'body' | 'whole' | 'beyond'>

const chunkedBody = (bytes: Buffer): Body => {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at)
    const size = line === -1 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, line), 16)
    const end = line + 2 + size + 2
    const part = (): Body => ({ body: Buffer.concat(parts), whole: false, beyond: 0 })
    if (Number.isNaN(size)) return part()
    // Of a chunk that is cut, the beginning has been heard.
    if (size > 0) parts.push(bytes.subarray(line + 2, line + 2 + size))
    if (end > bytes.length) return part()
    if (size === 0) return { body: Buffer.concat(parts), whole: true, beyond: bytes.length - end }
    at = end
  }
}

const lengthBody = (bytes: Buffer, length: number): Body => ({
  body: bytes.subarray(0, length),
  whole: bytes.length >= length,
  beyond: Math.max(0, bytes.length - length),
})

/** Reads everything a connection said as one response; undefined: no whole head has come. */
export const heardIn = (bytes: Buffer): Heard | undefined => {
  const cut = bytes.indexOf('\r\n\r\n')
  if (cut === -1) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, cut).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const rest = bytes.subarray(cut + 4)
  const status = Number(first.split(' ')[1])
  const length = headers['content-length']
  if (headers['transfer-encoding'] === 'chunked') return { status, headers, ...chunkedBody(rest) }
  return { status, headers, ...lengthBody(rest, length === undefined ? 0 : Number(length)) }
}

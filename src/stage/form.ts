/** One field of a multipart/form-data body. `name` is without the `[]` of list fields. */
export type Field = {
  readonly name: string
  /** Written with `[]`: may repeat. */
  readonly list: boolean
  /** The bracketed key of an object field: `expires_after[anchor]` gives 'anchor'. */
  readonly key: string | undefined
  readonly filename: string | undefined
  readonly contentType: string | undefined
  readonly bytes: Uint8Array
}

const MAX_PARTS = 1000

/** Reads a whole multipart body; a string names what is wrong with it. Follows RFC 7578 and accepts nothing looser. */
export const parseForm = (body: Uint8Array, contentType: string): readonly Field[] | string => {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  if (boundary === null) return 'no boundary in the Content-Type header'
  const dashes = `--${boundary[1] ?? boundary[2] ?? ''}`
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const fields: Field[] = []
  let at = bytes.indexOf(dashes)
  if (at < 0) return 'the boundary never occurs'
  for (;;) {
    at += dashes.length
    const after = bytes.toString('latin1', at, at + 2)
    if (after === '--') return fields
    if (after !== '\r\n') return 'a boundary line is not ended by CRLF'
    const headEnd = bytes.indexOf('\r\n\r\n', at)
    const next = bytes.indexOf(`\r\n${dashes}`, at)
    if (headEnd < 0 || next < 0) return 'a part is not closed by the boundary'
    const field = fieldOf(bytes.toString('utf8', at + 2, headEnd), bytes.subarray(headEnd + 4, next))
    if (typeof field === 'string') return field
    fields.push(field)
    if (fields.length > MAX_PARTS) return 'too many parts'
    at = next + 2
  }
}

const fieldOf = (head: string, content: Uint8Array): Field | string => {
  const lines = head.split('\r\n')
  const disposition = lines.find(line => /^content-disposition:/i.test(line))
  const name = disposition === undefined ? undefined : /;\s*name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1]
  if (disposition === undefined || name === undefined) return 'a part has no name'
  const list = name.endsWith('[]')
  const keyed = /^([^[\]]+)\[([^[\]]+)\]$/.exec(name)
  return {
    name: list ? name.slice(0, -2) : (keyed?.[1] ?? name),
    list,
    key: keyed?.[2],
    filename: /;\s*filename="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1],
    contentType: lines.find(line => /^content-type:/i.test(line))?.replace(/^[^:]*:\s*/, ''),
    bytes: Uint8Array.from(content),
  }
}

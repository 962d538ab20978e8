/** One event as a client's parser sees it. */
export type SeenEvent = { readonly event: string; readonly data: string }

/**
 * Server-sent events by the letter of the WHATWG grammar, written apart from the product's own decoder: a line ends at
 * LF, CRLF or CR, a byte order mark may lead, comments and events without data are nothing, and a block that no
 * blank line ends is lost.
 */
export const parseSse = (bytes: Uint8Array): readonly SeenEvent[] => {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const lines = text.split(/\r\n|\r|\n/)
  // What follows the last line end is no line.
  lines.pop()
  const events: SeenEvent[] = []
  let event = ''
  let data: string[] = []
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push({ event, data: data.join('\n') })
      event = ''
      data = []
      continue
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return events
}

/** The same memory seen as a Buffer, for its native search and decoding. Copies nothing. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The text of [start, end). Malformed UTF-8 becomes U+FFFD, as the WHATWG decoder does. */
export const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  asBuffer(bytes).toString('utf8', start, end)

/** The concatenation; a single segment comes back uncopied. */
export const joinSegments = (segments: readonly Uint8Array[]): Uint8Array => {
  const [first] = segments
  return segments.length === 1 && first !== undefined ? first : Buffer.concat(segments)
}

/** The same bytes in fewer segments: neighbours shorter than `small` are joined, the others come back uncopied. */
export const gatherSegments = (segments: readonly Uint8Array[], small: number): Uint8Array[] => {
  const gathered: Uint8Array[] = []
  let run: Uint8Array[] = []
  const endRun = (): void => {
    if (run.length > 0) gathered.push(joinSegments(run))
    run = []
  }
  for (const segment of segments) {
    if (segment.byteLength < small) run.push(segment)
    else {
      endRun()
      gathered.push(segment)
    }
  }
  endRun()
  return gathered
}

/** What content-length must say for these segments. */
export const byteLengthOf = (segments: readonly Uint8Array[]): number => {
  let total = 0
  for (const segment of segments) total += segment.byteLength
  return total
}

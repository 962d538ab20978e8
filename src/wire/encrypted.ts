import { hash } from 'node:crypto'

const KEY = Buffer.from('"encrypted_content"')
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** As many parts as one body is looked through for. */
const MOST = 1000

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** The offset after `:` and spaces when a string value begins there, else -1. */
const valueStart = (bytes: Buffer, from: number): number => {
  let at = from
  while (isSpace(bytes[at])) at += 1
  if (bytes[at] !== COLON) return -1
  at += 1
  while (isSpace(bytes[at])) at += 1
  return bytes[at] === QUOTE ? at + 1 : -1
}

const valueEnd = (bytes: Buffer, from: number): number => {
  let end = bytes.indexOf(QUOTE, from)
  while (end > from && bytes[end - 1] === BACKSLASH) end = bytes.indexOf(QUOTE, end + 1)
  return end
}

/**
 * What ciphertext is known by: SHA-256 of its text. Clients replay it unchanged, so the same text is the same secret;
 * it is never encoded anew.
 */
export const fingerprintOf = (ciphertext: string): string => hash('sha256', ciphertext, 'hex')

/** Some writers escape the slash that base64 has: it is the same text. */
const unescaped = (text: string): string => {
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}

/** Fingerprints of the `encrypted_content` strings of a document, wherever they stand. */
export const encryptedParts = (document: Uint8Array): readonly string[] => {
  const bytes = Buffer.from(document.buffer, document.byteOffset, document.length)
  const found = new Set<string>()
  for (
    let at = bytes.indexOf(KEY);
    at !== -1 && found.size < MOST;
    at = bytes.indexOf(KEY, at + KEY.length)
  ) {
    const start = valueStart(bytes, at + KEY.length)
    const end = start === -1 ? -1 : valueEnd(bytes, start)
    if (end > start) found.add(fingerprintOf(unescaped(bytes.toString('utf8', start, end))))
  }
  return [...found]
}

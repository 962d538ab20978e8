import { textOf } from './bytes.ts'

/** Longer names are decoded each time; nearly all are shorter. */
const LONGEST = 32
const SLOTS = 1024

type Known = { readonly length: number; readonly text: string }

/**
 * Names that were decoded before. Bodies repeat a few dozen names for ever: comparing bytes is cheaper than decoding
 * them. A slot holds the last name that fell into it, so the memory is fixed whatever clients send.
 */
const slots: (Known | undefined)[] = new Array(SLOTS).fill(undefined)

const matches = (bytes: Uint8Array, start: number, known: Known): boolean => {
  const { text, length } = known
  for (let at = 0; at < length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false
  return true
}

/** The text of [start, end), which holds no escape. */
export const nameAt = (bytes: Uint8Array, start: number, end: number): string => {
  const length = end - start
  if (length > LONGEST) return textOf(bytes, start, end)
  let sum = length
  for (let at = start; at < end; at++) sum = (Math.imul(sum, 31) + (bytes[at] as number)) | 0
  const slot = sum & (SLOTS - 1)
  const known = slots[slot]
  if (known !== undefined && known.length === length && matches(bytes, start, known)) return known.text
  const text = textOf(bytes, start, end)
  // Only plain ASCII is compared byte by character; anything else is decoded each time.
  if (text.length === length) slots[slot] = { length, text }
  return text
}

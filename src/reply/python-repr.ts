import type { Json } from '../wire/json.ts'

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** What Python does not print as it is: control, format, unassigned and separator characters other than a space. */
const unprintable = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

const escaped = (character: string): string => {
  const known = named[character]
  if (known !== undefined) return known
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

const text = (value: string): string => {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  const body = value.replace(unprintable, escaped)
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote
}

/** `1e-7` is `1e-07` in Python; everything else is written alike. */
const number = (value: number): string => String(value).replace(/e([+-])(\d)$/, 'e$10$2')

/** JSON as Python's repr() prints it: LiteLLM's messages hold lists and None in this form. */
export const pythonRepr = (value: Json): string => {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'number') return number(value)
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  return `{${Object.entries(value)
    .map(([key, inner]) => `${text(key)}: ${pythonRepr(inner)}`)
    .join(', ')}}`
}

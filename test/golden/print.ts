import { isObject, type Json } from '../../src/wire/json.ts'

/** Characters of a line. */
const WIDTH = 110

const broken = (value: Json, indent: string): string => {
  const deeper = `${indent}  `
  const lines = (pieces: readonly string[], [open, close]: string): string =>
    `${open}\n${pieces.map(piece => deeper + piece).join(',\n')}\n${indent}${close}`
  if (Array.isArray(value))
    return lines(
      value.map(one => printed(one, deeper, 0)),
      '[]',
    )
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, one]) => {
    const name = `${JSON.stringify(key)}: `
    return name + printed(one, deeper, name.length)
  })
  return lines(members, '{}')
}

const spaced = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${spaced(one)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

const printed = (value: Json, indent: string, before: number): string => {
  const line = spaced(value)
  return indent.length + before + line.length < WIDTH ? line : broken(value, indent)
}

/** JSON for people: what fits on a line stands on one, and differences of two versions stay small. */
export const print = (value: Json): string => `${broken(value, '')}\n`

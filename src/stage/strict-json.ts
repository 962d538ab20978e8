/**
 * The first key that occurs twice in one object of a valid JSON text, or undefined. JSON.parse keeps the last
 * one silently, so a gateway that writes a key again beside the client's would go unnoticed.
 */
export const duplicateKey = (text: string): string | undefined => {
  const open: (Set<string> | undefined)[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(undefined)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"') {
      const end = endOfString(text, at)
      const keys = open.at(-1)
      if (keys !== undefined && followedByColon(text, end)) {
        const key: unknown = JSON.parse(text.slice(at, end))
        if (typeof key === 'string') {
          if (keys.has(key)) return key
          keys.add(key)
        }
      }
      at = end
      continue
    }
    at += 1
  }
  return undefined
}

/** Offset one past the closing quote of the string that starts at `start`. */
const endOfString = (text: string, start: number): number => {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

const followedByColon = (text: string, from: number): boolean => {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1
  return text[at] === ':'
}

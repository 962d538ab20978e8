import type { MediaPart, Part, TextPart, Turn } from './neutral.ts'

/** Files that are text, for dialects that take no such files: what they hold can be read anywhere. */

const TEXT = /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|x-ndjson|javascript)\b)/i

/** Its name stands above it. Undefined: no text that is here. */
const textIn = (part: Part): TextPart | undefined => {
  if (part.kind !== 'file' || part.source.kind !== 'bytes' || !TEXT.test(part.source.mime)) return undefined
  const said = Buffer.from(part.source.base64, 'base64').toString('utf8')
  const text = part.name === undefined ? said : `${part.name}\n\n${said}`
  return { kind: 'text', text, ...(part.cache === undefined ? {} : { cache: part.cache }) }
}

const told = (part: Part): Part => {
  if (part.kind !== 'result') return textIn(part) ?? part
  return { ...part, content: part.content.map((one): TextPart | MediaPart => textIn(one) ?? one) }
}

/** The conversation with its files of text as texts. */
export const withFilesTold = (turns: readonly Turn[]): readonly Turn[] =>
  turns.map(turn => ({ ...turn, parts: turn.parts.map(told) }))

/** A prompt's size as the provider that refused it counted it. */
export type SaidSize = {
  readonly tokens: number
  /** What was asked for the completion is in it. */
  readonly withCompletion: boolean
}

const NUMBER = String.raw`(\d{1,3}(?:,\d{3}){1,3}|\d{1,10})`
const said = (source: string): RegExp => new RegExp(source.replace('N', NUMBER), 'i')

/** The prompt alone; before the total, which the same text may name as well. */
const PROMPT: readonly RegExp[] = [
  said(String.raw`\(N (?:in the messages|in your prompt|of text input)\b`),
  said(String.raw`\bmessages resulted in N tokens`),
  said(String.raw`\bprompt is too long: N\b`),
  said(String.raw`\binput token count(?: is|:)? \(?N\b`),
  said(String.raw`\bprompt token count of N\b`),
  said(String.raw`\bexceed context limit: N \+`),
  said(String.raw`\bprompt contains N (?:input )?tokens`),
  said(String.raw`\brequest (?:has|contains) N (?:input )?tokens`),
  said(String.raw`\byou passed N input tokens`),
  said(String.raw`\bprompt \((?:total )?length N\)`),
  said(String.raw`\bprompt length N exceeds\b`),
  said(String.raw`\b(?:input|input length|request|current message) \(N tokens\)`),
  said(String.raw`\btokens in the prompt cannot exceed \d{1,10} - received N\b`),
  said(String.raw`\bgiven: N inputs tokens`),
  said(String.raw`\bcurrent length is N while limit is\b`),
  said(String.raw`\bprompt: length: N, limit:`),
  said(String.raw`\bkeep the first N tokens`),
]

const TOTAL: readonly RegExp[] = [
  said(String.raw`\byou requested (?:about |a total of )?N tokens`),
  said(String.raw`\bexceeds the maximum number of tokens: N >`),
]

const found = (patterns: readonly RegExp[], message: string): number | undefined => {
  for (const pattern of patterns) {
    const digits = pattern.exec(message)?.[1]
    if (digits !== undefined) return Number(digits.replaceAll(',', ''))
  }
  return undefined
}

/**
 * The size that a context-window error declares, undefined when it declares none. Lengths in characters are none, nor
 * is what a limit of tokens a minute counted.
 */
export const sizeSaid = (message: string): SaidSize | undefined => {
  const prompt = found(PROMPT, message)
  if (prompt !== undefined) return { tokens: prompt, withCompletion: false }
  const total = found(TOTAL, message)
  return total === undefined ? undefined : { tokens: total, withCompletion: true }
}

import type { JsonObject } from '../wire/json.ts'
import { conversationIn } from './compaction-turns.ts'
import { collectLosses } from './losses.ts'
import { tellHistory } from './summary-history.ts'

/** A conversation in words, to be read by a model that has never seen it. */

/** Tokens of it at most: it will stand before the turns that follow, in a window that is not known yet. */
const MOST_TOKENS = 64_000

const SPEAKERS = { system: 'Instructions', user: 'User', assistant: 'Assistant' } as const

/** Throws Unsupported where it holds what nobody here can read. */
export const transcriptOf = (body: JsonObject): string =>
  tellHistory(
    conversationIn(body, collectLosses()),
    { window: undefined, sees: false, thinks: false },
    MOST_TOKENS,
    collectLosses(),
  )
    .map(({ role, parts }) => {
      const words = parts.map(part => (part.kind === 'text' ? part.text : '')).join('\n')
      return `${SPEAKERS[role]}:\n${words}`
    })
    .join('\n\n')

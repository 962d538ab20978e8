import type { Losses } from './losses.ts'
import type { CallPart, MediaPart, Part, ResultPart, TextPart, Turn } from './neutral.ts'

/**
 * Calls and results as most providers count them: every call has its result before the assistant speaks again, every
 * result its call just before. Histories that were cut, or that another provider took as they were, do not.
 */

const aborted = ({ id, name, custom }: CallPart): ResultPart => ({
  kind: 'result',
  id,
  name,
  content: [{ kind: 'text', text: 'aborted' }],
  failed: true,
  ...(custom === undefined ? {} : { custom }),
})

const asWords = ({ name, content }: ResultPart): readonly (TextPart | MediaPart)[] => [
  { kind: 'text', text: name === '' ? 'Result of a tool:' : `Result of ${name}:` },
  ...content,
]

/** The conversation in which calls and results pair; itself where they do. */
export const paired = (turns: readonly Turn[], losses: Losses): readonly Turn[] => {
  const made: Turn[] = []
  let open: CallPart[] = []
  /** Where the results of the open calls belong: behind the assistant's last turn. */
  let behind = 0
  let changed = false
  const close = (): void => {
    if (open.length === 0) return
    losses.warn('a tool call without its result', 'it is told as one that was aborted')
    made.splice(behind, 0, { role: 'user', parts: open.map(aborted) })
    open = []
    changed = true
  }
  const heard = (part: Part): readonly Part[] => {
    if (part.kind !== 'result') return [part]
    const place = open.findIndex(call => call.id === part.id)
    if (place !== -1) {
      open.splice(place, 1)
      return [part]
    }
    losses.warn('a tool result without its call', 'it is told as text')
    changed = true
    return asWords(part)
  }
  for (const turn of turns) {
    if (turn.parts.length === 0) continue
    if (turn.role !== 'assistant') {
      made.push({ ...turn, parts: turn.parts.flatMap(heard) })
      continue
    }
    if (made.at(-1)?.role !== 'assistant') close()
    made.push(turn)
    open.push(...turn.parts.filter(part => part.kind === 'call'))
    behind = made.length
  }
  close()
  return changed ? made : turns
}
